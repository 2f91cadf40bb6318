// The inner loops for AVX2 with VNNI; compiled with its flags, run only where dispatch.cc finds it.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/vec_avx2.h"

namespace waterline {
namespace {

void AddQuadProducts(Vec& sum, Vec a, Vec b) {
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.v) : "x"(a.v), "x"(b.v));
}

}  // namespace
}  // namespace waterline

// After the vector type it is written over.
#include "kernels/cpu/isa_body.h"
#include "kernels/cpu/quad_dot.h"

namespace waterline {

const Isa kAvxVnniIsa = MakeIsa("avxvnni", ProductOf<WidenedBf16Dot>(), ProductOf<QuadDot>());

}  // namespace waterline
