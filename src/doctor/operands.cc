// Random data and comparisons.
// SPDX-License-Identifier: Apache-2.0
#include "doctor/operands.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace waterline {

OwnedMat::OwnedMat(int64_t rows, int64_t cols)
    : memory_(static_cast<size_t>(rows * ((cols + 15) / 16 * 16)) * sizeof(float)) {
  view_ = {reinterpret_cast<float*>(memory_.data()), rows, cols, (cols + 15) / 16 * 16};
  std::fill_n(view_.data, rows * view_.stride, kUntouched);
}

bool OwnedMat::PaddingUntouched() const {
  for (int64_t r = 0; r < view_.rows; ++r) {
    for (int64_t c = view_.cols; c < view_.stride; ++c) {
      if (view_.row(r)[c] != kUntouched) return false;
    }
  }
  return true;
}

std::vector<float> RandomFloats(int64_t count, uint32_t seed, double scale) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal(0, scale);
  std::vector<float> floats(static_cast<size_t>(count));
  for (float& x : floats) x = static_cast<float>(normal(generator));
  return floats;
}

OwnedMat RandomMat(int64_t rows, int64_t cols, uint32_t seed, double scale) {
  OwnedMat mat(rows, cols);
  const std::vector<float> floats = RandomFloats(rows * cols, seed, scale);
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(floats.begin() + r * cols, cols, mat.view().row(r));
  }
  return mat;
}

std::vector<float> OwnedWeight::Rows(int64_t out, int64_t in, uint32_t seed) {
  return RandomFloats(out * in, seed, 1 / std::sqrt(static_cast<double>(in)));
}

OwnedWeight::OwnedWeight(const Kernels& kernels, const std::vector<float>& from, int64_t out,
                         int64_t in, bool has_bias, WeightType type)
    : packed(kernels.PackedBytes(type, out, in)) {
  if (has_bias) bias = RandomFloats(out, 77);
  weight = {out, in, type, packed.data(), has_bias ? bias.data() : nullptr};
  // In two parts, as a loader that reads a weight piece by piece does.
  const int64_t part = out / 2;
  kernels.Pack(from.data(), 0, part, weight, packed.data());
  kernels.Pack(from.data() + part * in, part, out - part, weight, packed.data());
}

const char* WeightTypeName(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return "f32";
    case WeightType::kBf16:
      return "bf16";
    case WeightType::kInt8:
      return "int8";
    case WeightType::kF16:
      return "f16";
    case WeightType::kTf32:
      return "tf32";
  }
  return "?";
}

void RunLinear(const Kernels& kernels, MatView x, const Weight& w, Act act, MatView out) {
  AlignedBytes scratch(kernels.LinearScratchBytes(x.rows, w));
  std::fill(scratch.span().begin(), scratch.span().end(), std::byte{0xff});  // NaN
  kernels.Linear(x, w, act, scratch.span(), out);
}

std::vector<int32_t> BeginsOf(const std::vector<int64_t>& lengths) {
  std::vector<int32_t> begins{0};
  for (const int64_t length : lengths) {
    begins.push_back(begins.back() + static_cast<int32_t>(length));
  }
  return begins;
}

double LargestDifference(std::span<const float> a, std::span<const float> b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    if (std::isnan(difference)) return std::numeric_limits<double>::quiet_NaN();
    most = std::max(most, difference);
  }
  return most;
}

double LargestDifference(MatView a, MatView b) {
  double most = 0;
  for (int64_t r = 0; r < a.rows; ++r) {
    const auto cols = static_cast<size_t>(a.cols);
    const double row = LargestDifference(std::span<const float>(a.row(r), cols),
                                         std::span<const float>(b.row(r), cols));
    if (std::isnan(row)) return row;
    most = std::max(most, row);
  }
  return most;
}

bool SameBits(MatView a, MatView b) {
  if (a.rows != b.rows || a.cols != b.cols) return false;
  for (int64_t r = 0; r < a.rows; ++r) {
    if (std::memcmp(a.row(r), b.row(r), static_cast<size_t>(a.cols) * sizeof(float)) != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace waterline
