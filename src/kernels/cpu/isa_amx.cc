// The inner loops for AVX-512 with VNNI, BF16 and AMX; compiled with its flags, run only where
// dispatch.cc finds it.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/avx512.h"
// After the instructions it is written with.
#include "kernels/cpu/vec_avx512.h"
// After the vector type it is written over.
#include "kernels/cpu/isa_body.h"
// After the loops they are parts of.
#include "kernels/cpu/amx.h"
#include "kernels/cpu/bf16_dot.h"
#include "kernels/cpu/quad_dot.h"
// After what it is written with.
#include "kernels/cpu/amx_gemm.h"

namespace waterline {

const Isa kAmxIsa =
    MakeIsa("amx", OnTiles<AmxBf16Dot>(Bf16Product()), OnTiles<AmxQuadDot>(ProductOf<QuadDot>()));

}  // namespace waterline
