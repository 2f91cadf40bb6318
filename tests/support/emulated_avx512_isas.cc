// As isa_avx512.cc and the files after it.
// SPDX-License-Identifier: Apache-2.0
#include "support/emulated_avx512.h"
// After the instructions it is written with.
#include "kernels/cpu/vec_avx512.h"
// After the vector type it is written over.
#include "kernels/cpu/isa_body.h"
// After the loops they are parts of.
#include "kernels/cpu/bf16_dot.h"
#include "kernels/cpu/pair_dot.h"
#include "kernels/cpu/quad_dot.h"
#include "support/emulated_amx.h"
// After what it is written with.
#include "kernels/cpu/amx_gemm.h"

namespace waterline {

extern const Isa kEmulatedAvx512Isa, kEmulatedAvx512VnniIsa, kEmulatedAvx512Bf16Isa,
    kEmulatedAmxIsa;

const Isa kEmulatedAvx512Isa =
    MakeIsa("emulated avx512", ProductOf<WidenedBf16Dot>(), ProductOf<PairDot>());
const Isa kEmulatedAvx512VnniIsa =
    MakeIsa("emulated avx512vnni", ProductOf<WidenedBf16Dot>(), ProductOf<QuadDot>());
const Isa kEmulatedAvx512Bf16Isa =
    MakeIsa("emulated avx512bf16", Bf16Product(), ProductOf<QuadDot>());
const Isa kEmulatedAmxIsa = MakeIsa("emulated amx", OnTiles<AmxBf16Dot>(Bf16Product()),
                                    OnTiles<AmxQuadDot>(ProductOf<QuadDot>()));

}  // namespace waterline
