// Matrices and weights that own their memory, random data, and comparisons: what checks, tests and
// benchmarks of kernels run on.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace waterline {

// 64-byte aligned memory.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t bytes) : lines_(bytes / 64 + 1), bytes_(bytes) {}
  std::span<std::byte> span() { return {lines_.data()->bytes, bytes_}; }
  std::byte* data() { return lines_.data()->bytes; }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> lines_;
  size_t bytes_;
};

// A matrix whose rows start 64-byte aligned. What lies between cols and stride holds kUntouched.
class OwnedMat {
 public:
  static constexpr float kUntouched = 12345.5f;

  OwnedMat(int64_t rows, int64_t cols);
  operator MatView() { return view_; }  // NOLINT(google-explicit-constructor)
  const MatView& view() const { return view_; }
  // True when no float outside of the columns was written.
  bool PaddingUntouched() const;

 private:
  AlignedBytes memory_;
  MatView view_;
};

// Standard normal numbers times `scale`, the same for the same seed.
OwnedMat RandomMat(int64_t rows, int64_t cols, uint32_t seed, double scale = 1);
std::vector<float> RandomFloats(int64_t count, uint32_t seed, double scale = 1);

// A packed weight and what it was packed from.
struct OwnedWeight {
  Weight weight;
  std::vector<float> bias;
  AlignedBytes packed;

  // Rows of `from` [out, in] of scale 1 / sqrt(in), so that outputs are of size 1.
  static std::vector<float> Rows(int64_t out, int64_t in, uint32_t seed);
  OwnedWeight(const Kernels& kernels, const std::vector<float>& from, int64_t out, int64_t in,
              bool has_bias, WeightType type = WeightType::kF32);
};

inline constexpr WeightType kWeightTypes[] = {WeightType::kF32, WeightType::kBf16,
                                              WeightType::kInt8};
const char* WeightTypeName(WeightType type);

// Linear with scratch of its own.
void RunLinear(const Kernels& kernels, MatView x, const Weight& w, Act act, MatView out);

// [0, l0, l0 + l1, ...]
std::vector<int32_t> BeginsOf(const std::vector<int64_t>& lengths);

// The largest |a - b|; NaN when either has a NaN the other lacks. Infinities must agree.
double LargestDifference(MatView a, MatView b);
bool SameBits(MatView a, MatView b);
// Same, for spans of scores.
double LargestDifference(std::span<const float> a, std::span<const float> b);

}  // namespace waterline
