// Attention on the fake device, for the tests of its kernels.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "doctor/attention_cases.h"
#include "doctor/reference_kernels.h"
#include "kernels/cuda/attention.h"
#include "kernels/cuda/device_arrays.h"

namespace waterline {

using cuda::AttentionOperand;

// A view of a copy on the device of `whole`, where `part` is a view of `whole`.
inline MatView SamePart(const DeviceMat& copy, MatView whole, MatView part) {
  part.data = copy.view().data + (part.data - whole.data);
  return part;
}

inline std::vector<cuda::AttentionTile> TilesOf(SequenceBegins begins) {
  std::vector<cuda::AttentionTile> tiles(static_cast<size_t>(cuda::CountAttentionTiles(begins)));
  cuda::FillAttentionTiles(begins, tiles);
  return tiles;
}

// `args` with begins on the host, and matrices and tables on the device.
inline OwnedMat RunOnDevice(AttentionArgs args, AttentionOperand operand) {
  const DeviceArray<cuda::AttentionTile> tiles(TilesOf(args.begins));
  const DeviceArray<int32_t> begins(args.begins);
  std::optional<DeviceArray<int32_t>> key_begins;
  args.begins = begins.span();
  if (!args.key_begins.empty()) args.key_begins = key_begins.emplace(args.key_begins).span();
  const DeviceMat out(OwnedMat(args.q.rows, args.q.cols).view());
  EXPECT_EQ(cuda::Attention(args, tiles.span(), operand, out, nullptr), cudaSuccess);
  return out.ToHost();
}

// Runs a case on the device.
inline OwnedMat RunOnDevice(const AttentionInputs& inputs, AttentionOperand operand) {
  const DeviceMat qkv(inputs.qkv.view()), tables(inputs.tables.view());
  const DeviceArray<float> bias(inputs.bias);
  const DeviceArray<int32_t> bucket(inputs.bucket);
  RelativeTerms relative = inputs.relative;
  relative.keys = SamePart(tables, inputs.tables.view(), relative.keys);
  relative.queries = SamePart(tables, inputs.tables.view(), relative.queries);
  if (relative.bias.rows > 0) relative.bias.data = reinterpret_cast<std::byte*>(bias.data());
  relative.bucket = bucket.span();
  AttentionArgs args = inputs.args;
  args.q = SamePart(qkv, inputs.qkv.view(), args.q);
  args.k = SamePart(qkv, inputs.qkv.view(), args.k);
  args.v = SamePart(qkv, inputs.qkv.view(), args.v);
  if (args.relative != nullptr) args.relative = &relative;
  return RunOnDevice(args, operand);
}

// Half the distance of neighbouring numbers near 1.
inline double Roundoff(AttentionOperand operand) {
  return operand == AttentionOperand::kBf16  ? 0x1p-8
         : operand == AttentionOperand::kF16 ? 0x1p-11
                                             : 0x1p-24;
}
inline float Rounded(float v, AttentionOperand operand) {
  if (operand == AttentionOperand::kF32 || v == 0) return v;
  const double step = std::ldexp(2 * Roundoff(operand), std::ilogb(v));
  return static_cast<float>(std::nearbyint(v / step) * step);
}
inline void Round(MatView m, AttentionOperand operand) {
  for (int64_t r = 0; r < m.rows; ++r) {
    for (int64_t c = 0; c < m.cols; ++c) m.row(r)[c] = Rounded(m.row(r)[c], operand);
  }
}

// How far an output may be from the formula when its inputs are rounded already: weights are
// rounded, too, and sum to 1; the rest is as f32 on the CPU.
inline double Tolerance(AttentionOperand operand, MatView values) {
  double most = 0;
  for (int64_t r = 0; r < values.rows; ++r) {
    for (int64_t c = 0; c < values.cols; ++c) {
      most = std::max<double>(most, std::abs(values.row(r)[c]));
    }
  }
  constexpr double kSums = 4e-6;
  return operand == AttentionOperand::kF32 ? kSums : Roundoff(operand) * most + kSums;
}

}  // namespace waterline
