// The inner loops for AVX2; compiled with its flags, run only where dispatch.cc finds it.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/vec_avx2.h"
// After the vector type it is written over.
#include "kernels/cpu/isa_body.h"
#include "kernels/cpu/pair_dot.h"

namespace waterline {

const Isa kAvx2Isa = MakeIsa("avx2", ProductOf<WidenedBf16Dot>(), ProductOf<PairDot>());

}  // namespace waterline
