// Which instruction set this machine runs.
// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace waterline {

namespace {

#if defined(__x86_64__)
// __builtin_cpu_supports also asks whether the operating system saves the registers.
bool HasAvx2() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  const bool has_f16c = __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
  return has_f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool HasAvx512() {
  return HasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif
bool Always() { return true; }

struct Entry {
  const char* name;
  const Isa* isa;
  bool (*runs)();
};

// Fastest first.
constexpr Entry kEntries[] = {
#if defined(__x86_64__)
    {"avx512", &kAvx512Isa, HasAvx512},
    {"avx2", &kAvx2Isa, HasAvx2},
#endif
    {"portable", &kPortableIsa, Always},
};

constexpr const char* kNames[] = {
#if defined(__x86_64__)
    "avx512",
    "avx2",
#endif
    "portable",
};
static_assert(std::size(kNames) == std::size(kEntries));

template <size_t kEntry>
const Kernels* KernelsOf() {
  static const CpuKernelSet kernels(*kEntries[kEntry].isa);
  return &kernels;
}

template <size_t... kIndex>
const Kernels* Find(const char* name, std::index_sequence<kIndex...>) {
  const Kernels* found = nullptr;
  const auto matches = [&](const Entry& entry) {
    return (name == nullptr || std::strcmp(name, entry.name) == 0) && entry.runs();
  };
  ((matches(kEntries[kIndex]) ? (found = KernelsOf<kIndex>(), true) : false) || ...);
  return found;
}

}  // namespace

const Kernels* CpuKernels(const char* isa) {
  if (isa == nullptr || *isa == '\0') isa = std::getenv("WATERLINE_ISA");
  if (isa != nullptr && *isa == '\0') isa = nullptr;
  return Find(isa, std::make_index_sequence<std::size(kEntries)>());
}

std::span<const char* const> CpuIsaNames() { return kNames; }

}  // namespace waterline
