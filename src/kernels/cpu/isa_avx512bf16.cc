// The inner loops for AVX-512 with VNNI and BF16; compiled with its flags, run only where
// dispatch.cc finds it.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/avx512.h"
// After the instructions it is written with.
#include "kernels/cpu/vec_avx512.h"
// After the vector type it is written over.
#include "kernels/cpu/isa_body.h"
// After the loops they are parts of.
#include "kernels/cpu/bf16_dot.h"
#include "kernels/cpu/quad_dot.h"

namespace waterline {

const Isa kAvx512Bf16Isa = MakeIsa("avx512bf16", Bf16Product(), ProductOf<QuadDot>());

}  // namespace waterline
