// Shapes of linear maps, for tests, benchmarks and `waterline doctor`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace waterline {

struct LinearCase {
  int64_t rows;
  int64_t in;
  int64_t out;
  Act act;
  bool has_bias;
};

// Tails of every kind: rows, terms and columns off the tile sizes of every instruction set.
inline constexpr LinearCase kLinearCases[] = {
    {1, 1, 1, Act::kNone, false},      {1, 768, 768, Act::kNone, true},
    {5, 7, 3, Act::kRelu, true},       {6, 16, 16, Act::kNone, false},
    {7, 255, 17, Act::kGelu, true},    {8, 256, 48, Act::kSilu, true},
    {13, 257, 49, Act::kTanh, true},   {17, 100, 95, Act::kGeluTanh, true},
    {33, 513, 130, Act::kGelu, false}, {241, 64, 33, Act::kNone, true},
    {500, 300, 97, Act::kGelu, true},  {3, 3072, 768, Act::kNone, true},
};

// Cases of more rows are compared in some of them.
inline constexpr int64_t kLargestWholeCase = 1000;

// Outputs that take the larger tiles of a device, and more rows than it computes at once.
inline constexpr LinearCase kDeviceLinearCases[] = {
    {300, 129, 300, Act::kNone, true},
    {4500, 768, 3072, Act::kGelu, true},
    {2000, 3072, 768, Act::kNone, true},
};

// A DeBERTa layer and its heads.
inline constexpr LinearCase kLinearShapes[] = {
    {512, 768, 3072, Act::kNone, true}, {512, 768, 3072, Act::kGelu, true},
    {512, 768, 2304, Act::kNone, true}, {512, 768, 768, Act::kNone, true},
    {512, 3072, 768, Act::kNone, true}, {32, 768, 768, Act::kNone, true},
    {8, 768, 768, Act::kNone, true},    {1, 768, 768, Act::kNone, true},
    {512, 384, 1536, Act::kGelu, true}, {128, 1024, 4096, Act::kGelu, true},
};

}  // namespace waterline
