// Shapes of the operations on single rows, for tests, benchmarks and `waterline doctor`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace waterline {

inline constexpr int64_t kRowWidths[] = {1, 3, 7, 8, 15, 16, 17, 31, 64, 100, 384, 768, 1025};

}  // namespace waterline
