// Names and kernels of the emulated instruction sets.
// SPDX-License-Identifier: Apache-2.0
#include "support/emulated_isas.h"

#include <array>
#include <cstring>

#include "kernels/cpu/cpu_kernels.h"

namespace waterline {

#if defined(__x86_64__)

extern const Isa kEmulatedAvxVnniIsa, kEmulatedAvx512Isa, kEmulatedAvx512VnniIsa,
    kEmulatedAvx512Bf16Isa, kEmulatedAmxIsa;

namespace {

struct Emulated {
  CpuKernelSet kernels;
  const char* real;                // The name of what it stands for.
  const char* needs = "portable";  // What its other instructions need.
};

const Emulated kEmulated[] = {
    {CpuKernelSet(kEmulatedAmxIsa), "amx"},
    {CpuKernelSet(kEmulatedAvx512Bf16Isa), "avx512bf16"},
    {CpuKernelSet(kEmulatedAvx512VnniIsa), "avx512vnni"},
    {CpuKernelSet(kEmulatedAvx512Isa), "avx512"},
    {CpuKernelSet(kEmulatedAvxVnniIsa), "avxvnni", "avx2"},
};

constexpr const char* kNames[] = {"emulated amx", "emulated avx512bf16", "emulated avx512vnni",
                                  "emulated avx512", "emulated avxvnni"};
static_assert(std::size(kNames) == std::size(kEmulated));

}  // namespace

std::span<const char* const> EmulatedIsaNames() { return kNames; }

const Kernels* EmulatedKernels(const char* name) {
  for (const Emulated& emulated : kEmulated) {
    if (std::strcmp(name, emulated.kernels.name()) != 0) continue;
    const bool needed = CpuKernels(emulated.real) == nullptr;
    return needed && CpuKernels(emulated.needs) != nullptr ? &emulated.kernels : nullptr;
  }
  return nullptr;
}

#else

std::span<const char* const> EmulatedIsaNames() { return {}; }
const Kernels* EmulatedKernels(const char*) { return nullptr; }

#endif

}  // namespace waterline
