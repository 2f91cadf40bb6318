// The checks of kernel_checks.h by what they are about.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "doctor/kernel_checks.h"

namespace waterline {

std::span<const KernelCheck> ProductChecks();   // Linear maps, attention, span scores.
std::span<const KernelCheck> RowChecks();       // What goes row by row, and copies.
std::span<const KernelCheck> SequenceChecks();  // What goes along sequences, and candidates.

}  // namespace waterline
