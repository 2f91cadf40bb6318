// Which of two instruction sets multiplies faster with bf16 weights. vdpbf16ps runs at half the
// rate of f32 products on some machines and at twice on others; CPUID does not tell.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/kernels.h"

namespace waterline {

// True when `a` is the faster one. Measures for about a millisecond, in about 300 KB.
bool IsFasterWithBf16(const Kernels& a, const Kernels& b);

}  // namespace waterline
