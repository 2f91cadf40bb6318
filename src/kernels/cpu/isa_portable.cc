// The inner loops for any machine.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/vec_portable.h"
// After the vector type it is written over.
#include "kernels/cpu/isa_body.h"
#include "kernels/cpu/quad_dot.h"

namespace waterline {

const Isa kPortableIsa = MakeIsa("portable", ProductOf<WidenedBf16Dot>(), ProductOf<QuadDot>());

}  // namespace waterline
