// Which instruction set this machine runs.
// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdlib>
#include <cstring>
#include <iterator>

#include "kernels/cpu/bf16_probe.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace waterline {

namespace {

bool Always() { return true; }

#if defined(__x86_64__)
// __builtin_cpu_supports also asks whether the operating system saves the registers, but does not
// know all of what follows in every compiler.
bool HasAvx2() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  const bool has_f16c = __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
  return has_f16c && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool HasAvx512() {
  return HasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

// CPUID leaf 7.
struct Features {
  unsigned ecx = 0, edx = 0;  // Sub-leaf 0.
  unsigned eax = 0;           // Sub-leaf 1.

  Features() {
    unsigned most = 0, ebx = 0, rest = 0;
    if (__get_cpuid_count(7, 0, &most, &ebx, &ecx, &edx) == 0) ecx = edx = 0;
    if (most >= 1) __get_cpuid_count(7, 1, &eax, &ebx, &rest, &rest);
  }
};
constexpr unsigned kAvxVnni = 1u << 4, kAvx512Bf16 = 1u << 5;  // eax
constexpr unsigned kAvx512Vnni = 1u << 11;                     // ecx
constexpr unsigned kAmx = 1u << 22 | 1u << 24 | 1u << 25;      // edx: bf16, tile, int8.

bool HasAvxVnni() { return HasAvx2() && (Features().eax & kAvxVnni) != 0; }
bool HasAvx512Vnni() { return HasAvx512() && (Features().ecx & kAvx512Vnni) != 0; }
bool HasAvx512Bf16() { return HasAvx512Vnni() && (Features().eax & kAvx512Bf16) != 0; }

// The tiles of all threads of the process, which the kernel grants on request only.
bool RequestTiles() {
#if defined(__linux__)
  constexpr unsigned kTileConfig = 1u << 17, kTileData = 1u << 18;
  unsigned eax = 0, edx = 0;
  asm volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));  // AVX-512 implies OSXSAVE.
  if ((eax & (kTileConfig | kTileData)) != (kTileConfig | kTileData)) return false;
  constexpr long kRequestPermission = 0x1023, kTileDataFeature = 18;  // ARCH_REQ_XCOMP_PERM
  return syscall(SYS_arch_prctl, kRequestPermission, kTileDataFeature) == 0;
#else
  return false;
#endif
}
bool HasAmx() {
  static const bool has = HasAvx512Bf16() && (Features().edx & kAmx) == kAmx && RequestTiles();
  return has;
}

// Where bf16 products are slow, widened weights and f32 products are faster. The only difference
// to avx512vnni.
bool IsBf16Fast() {
  static const bool fast =
      IsFasterWithBf16(CpuKernelSet(kAvx512Bf16Isa), CpuKernelSet(kAvx512VnniIsa));
  return fast;
}
#endif

struct Entry {
  const char* name;
  const Isa* isa;
  bool (*runs)();
  bool (*is_default)() = Always;  // False: only by its name.
};

// Fastest first.
constexpr Entry kEntries[] = {
#if defined(__x86_64__)
    {"amx", &kAmxIsa, HasAmx},
    {"avx512bf16", &kAvx512Bf16Isa, HasAvx512Bf16, IsBf16Fast},
    {"avx512vnni", &kAvx512VnniIsa, HasAvx512Vnni},
    {"avx512", &kAvx512Isa, HasAvx512},
    {"avxvnni", &kAvxVnniIsa, HasAvxVnni},
    {"avx2", &kAvx2Isa, HasAvx2},
#endif
    {"portable", &kPortableIsa, Always},
};

constexpr auto kNames = [] {
  std::array<const char*, std::size(kEntries)> names{};
  for (size_t i = 0; i < names.size(); ++i) names[i] = kEntries[i].name;
  return names;
}();

template <size_t kEntry>
const Kernels* KernelsOf() {
  static const CpuKernelSet kernels(*kEntries[kEntry].isa);
  return &kernels;
}

template <size_t... kIndex>
const Kernels* Find(const char* name, std::index_sequence<kIndex...>) {
  const Kernels* found = nullptr;
  const auto matches = [&](const Entry& entry) {
    return name == nullptr ? entry.runs() && entry.is_default()
                           : std::strcmp(name, entry.name) == 0 && entry.runs();
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
