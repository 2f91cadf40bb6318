// Shapes of the operations on single rows, for tests, benchmarks and `waterline doctor`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "doctor/operands.h"

namespace waterline {

inline constexpr int64_t kRowWidths[] = {1, 3, 7, 8, 15, 16, 17, 31, 64, 100, 384, 768, 1025};

// Cosines and then sines of `positions` positions, as Kernels::Rotate takes them: [positions,
// width].
inline OwnedMat AnglesOf(int64_t positions, int64_t width) {
  OwnedMat angles(positions, width);
  for (int64_t p = 0; p < positions; ++p) {
    for (int64_t m = 0; m < width / 2; ++m) {
      const double angle = 0.7 * static_cast<double>(p * (m + 1));
      angles.view().row(p)[m] = static_cast<float>(std::cos(angle));
      angles.view().row(p)[m + width / 2] = static_cast<float>(std::sin(angle));
    }
  }
  return angles;
}

}  // namespace waterline
