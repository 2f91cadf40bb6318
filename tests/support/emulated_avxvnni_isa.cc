// As isa_avxvnni.cc, for a machine with AVX2.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/vec_avx2.h"

namespace waterline {
namespace {

void AddQuadProducts(Vec& sum, Vec a, Vec b) {
  int32_t sums[8];
  uint8_t x[32];
  int8_t y[32];
  __builtin_memcpy(sums, &sum.v, sizeof sums);
  __builtin_memcpy(x, &a.v, sizeof x);
  __builtin_memcpy(y, &b.v, sizeof y);
  for (int i = 0; i < 32; ++i) sums[i / 4] += x[i] * y[i];
  __builtin_memcpy(&sum.v, sums, sizeof sums);
}

}  // namespace
}  // namespace waterline

// After the vector type it is written over.
#include "kernels/cpu/isa_body.h"
#include "kernels/cpu/quad_dot.h"

namespace waterline {

extern const Isa kEmulatedAvxVnniIsa;

const Isa kEmulatedAvxVnniIsa =
    MakeIsa("emulated avxvnni", ProductOf<WidenedBf16Dot>(), ProductOf<QuadDot>());

}  // namespace waterline
