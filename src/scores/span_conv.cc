// The span modes "conv_...": spans as a function of all their words.
//
// Oracle  gliner modeling/span_rep.py, SpanConv and ConvShare.
//
//   S[i,k] = W relu(h[i,k]) + b
//   conv_max, conv_mean, conv_sum:  h[i,k] = max, mean, sum of X[i] ... X[i+k]
//   conv_conv:   h[i,0] = X[i];  h[i,k] = Σ_j C_k,j X[i+j] + c_k      a convolution for each width
//   conv_share:  h[i,k] = Σ_j C_j X[i+j] = h[i,k-1] + C_k X[i+k]      j = 0 ... k
//
// A convolution is taken apart into the linear maps of its rows, C_j = C[:, :, j]: windows of k + 1
// words need not exist, and the shared one costs K maps a word instead of K (K + 1) / 2.
//
// Notation  D hidden_size, K max_width.
// SPDX-License-Identifier: Apache-2.0
#include "scores/span_conv.h"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "scores/span_by_width.h"

namespace waterline {

namespace {

class SpanPool final : public SpanByWidth {
 public:
  SpanPool(int64_t D, int64_t K, Pooling pooling, Binder weights)
      : SpanByWidth(D, K), pooling_(pooling), project_(weights.Linear("project.1", D, D)) {}

 private:
  void MakeVectors(Ops& ops, const Rows& rows, int64_t k) const override {
    std::array<RowRange, kMostRows> windows;
    const std::span<RowRange> used(windows.data(), static_cast<size_t>(rows.out.rows));
    for (int32_t i = 0; RowRange & window : used) {
      window = {i, i + static_cast<int32_t>(k) + 1};
      ++i;
    }
    ops.PoolInto(rows.words, used, pooling_, rows.room);
    ops.AddAct(rows.room, {}, Act::kRelu, rows.room);
    ops.LinearInto(rows.room, project_, Act::kNone, rows.out);
  }

  Pooling pooling_;
  Weight project_;
};

class SpanConv final : public SpanByWidth {
 public:
  SpanConv(int64_t D, int64_t K, Binder weights)
      : SpanByWidth(D, K), project_(weights.Linear("project.1", D, D)) {
    for (int64_t k = 1; k < K; ++k) {
      const std::string conv = fmt::format("convs.{}.conv", k - 1);
      std::vector<Weight>& taps = taps_.emplace_back();
      for (int64_t j = 0; j <= k; ++j) {
        taps.push_back(weights.ConvTap(conv + ".weight", j == 0 ? conv + ".bias" : "", D, D,
                                       /*kernel=*/k + 1, j));
      }
    }
  }

 private:
  void MakeVectors(Ops& ops, const Rows& rows, int64_t k) const override {
    const int64_t n = rows.out.rows;
    if (k == 0) {
      ops.AddAct(rows.words, {}, Act::kRelu, rows.room);
    } else {
      const std::vector<Weight>& taps = taps_[static_cast<size_t>(k - 1)];
      ops.LinearInto(rows.words.Rows(0, n), taps[0], Act::kNone, rows.room);
      for (int64_t j = 1; j <= k; ++j) {
        ops.LinearInto(rows.words.Rows(j, j + n), taps[static_cast<size_t>(j)], Act::kNone,
                       rows.other);
        ops.AddAct(rows.room, rows.other, j == k ? Act::kRelu : Act::kNone, rows.room);
      }
    }
    ops.LinearInto(rows.room, project_, Act::kNone, rows.out);
  }

  std::vector<std::vector<Weight>> taps_;  // C_k,j of the widths k from 1.
  Weight project_;
};

class SpanConvShare final : public SpanByWidth {
 public:
  SpanConvShare(int64_t D, int64_t K, Binder weights)
      : SpanByWidth(D, K, /*adds_up=*/true), project_(weights.Linear("project.1", D, D)) {
    for (int64_t j = 0; j < K; ++j) {
      taps_.push_back(weights.ConvTap("conv_weigth", "", D, D, K, j));
    }
  }

 private:
  void MakeVectors(Ops& ops, const Rows& rows, int64_t k) const override {
    const MatView last = rows.words.Rows(k, k + rows.out.rows);
    const Weight& tap = taps_[static_cast<size_t>(k)];
    if (k == 0) {
      ops.LinearInto(last, tap, Act::kNone, rows.sums);
    } else {
      ops.LinearInto(last, tap, Act::kNone, rows.room);
      ops.AddAct(rows.sums, rows.room, Act::kNone, rows.sums);
    }
    ops.AddAct(rows.sums, {}, Act::kRelu, rows.room);
    ops.LinearInto(rows.room, project_, Act::kNone, rows.out);
  }

  std::vector<Weight> taps_;  // C_j, [K]
  Weight project_;
};

}  // namespace

std::unique_ptr<SpanLayer> MakeSpanPool(const GlinerConfig& config, Pooling pooling,
                                        Binder weights) {
  return std::make_unique<SpanPool>(config.hidden_size, config.max_width, pooling, weights);
}

std::unique_ptr<SpanLayer> MakeSpanConv(const GlinerConfig& config, Binder weights) {
  return std::make_unique<SpanConv>(config.hidden_size, config.max_width, weights);
}

std::unique_ptr<SpanLayer> MakeSpanConvShare(const GlinerConfig& config, Binder weights) {
  return std::make_unique<SpanConvShare>(config.hidden_size, config.max_width, weights);
}

}  // namespace waterline
