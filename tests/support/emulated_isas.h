// The kernels of instruction sets that the machine lacks, on emulated instructions: the same loops,
// slowly.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "kernels/kernels.h"

namespace waterline {

// "emulated avx512", ... ; empty where they cannot be built.
std::span<const char* const> EmulatedIsaNames();
// nullptr when there is no such name, or the machine does not need it because it has the real one.
const Kernels* EmulatedKernels(const char* name);

}  // namespace waterline
