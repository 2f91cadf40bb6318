// Layer fusion: squeeze and excitation over the layers of an encoder.
//
// Paper   Hu et al. 2017, "Squeeze-and-Excitation Networks", arXiv:1709.01507, over layers in place
//         of channels.
// Oracle  gliner LayersFuser, modeling/layers.py. There padding enters the mean; here a text has
// the
//         answer that it has alone.
//
//   z_k = mean over the tokens of the sequence of (w · U_k[t] + b)       U_k: output of layer k
//   s = sigmoid(W2 relu(W1 z + b1) + b2)
//   y[t] = (sum over k of s_k U_k[t]) Woᵀ + bo
//
// The mean commutes with w ·, so of each layer there remain the mean of each sequence and the rows
// that are read, [n_l (B + R), D] in all; the layer itself goes as it does without fusion.
// SPDX-License-Identifier: Apache-2.0
#include "encoder/layer_fusion.h"

#include <utility>

#include "base/check.h"

namespace waterline {
namespace {

// What remains of the layers.
class Kept final : public LayerTap {
 public:
  Kept(Ops& ops, const Batch& batch, int64_t layers, int64_t width)
      : batch_(batch),
        sequences_(static_cast<int64_t>(batch.begins.size()) - 1),
        read_(static_cast<int64_t>(batch.read.size())),
        rows_(ops.arena(), layers * read_, width, "rows of all layers"),
        means_(ops.arena(), layers * sequences_, width, "means of all layers") {}

  void Take(Ops& ops, MatView hidden) override {
    ops.PoolInto(hidden, batch_.read, Pooling::kFirst,
                 rows_.view().Rows(taken_ * read_, (taken_ + 1) * read_));
    for (int64_t s = 0; s < sequences_; ++s) {
      const auto at = static_cast<size_t>(s);
      const RowRange sequence{batch_.begins[at], batch_.begins[at + 1]};
      const int64_t row = taken_ * sequences_ + s;
      ops.PoolInto(hidden, {&sequence, 1}, Pooling::kMean, means_.view().Rows(row, row + 1));
    }
    ++taken_;
  }

  MatView rows() const { return rows_; }
  MatView means() const { return means_; }
  int64_t taken() const { return taken_; }

 private:
  const Batch& batch_;
  const int64_t sequences_;
  const int64_t read_;
  Mat rows_;
  Mat means_;
  int64_t taken_ = 0;
};

class FusedEncoder final : public Encoder {
 public:
  FusedEncoder(std::unique_ptr<Encoder> inner, Binder weights) : inner_(std::move(inner)) {
    const int64_t D = inner_->width(), K = inner_->layers(), M = K / 2;
    const auto matrix = [&](const char* name, int64_t rows, int64_t cols) {
      return reinterpret_cast<const float*>(weights.TableInMemory(name, rows, cols).data);
    };
    mix_.squeeze = matrix("squeeze.weight", 1, D);
    mix_.squeeze_bias = weights.Vector("squeeze.bias", 1);
    mix_.middle = M;
    mix_.w1 = matrix("W1.weight", M, K);
    mix_.b1 = weights.Vector("W1.bias", M);
    mix_.w2 = matrix("W2.weight", K, M);
    mix_.b2 = weights.Vector("W2.bias", K);
    projection_ = weights.Linear("output_projection", D, D);
  }

  using Encoder::Forward;
  Mat Forward(Ops& ops, const Batch& batch, LayerTap* tap) const override {
    WATERLINE_CHECK(tap == nullptr);  // What it makes has no layers.
    Mat fused;
    {
      Kept kept(ops, batch, inner_->layers(), width());
      { const Mat last = inner_->Forward(ops, batch, &kept); }
      WATERLINE_CHECK(kept.taken() == inner_->layers());
      MixArgs mix = mix_;
      mix.layers = kept.rows();
      mix.means = kept.means();
      mix.rows = batch.read;
      mix.begins = batch.begins;
      fused = ops.MixLayers(mix, "fused layers");
    }
    return ops.Linear(fused, projection_, Act::kNone, "hidden states");
  }
  int64_t width() const override { return inner_->width(); }
  int64_t layers() const override { return 0; }
  int64_t longest() const override { return inner_->longest(); }

 private:
  std::unique_ptr<Encoder> inner_;
  MixArgs mix_;  // Without what a pass adds.
  Weight projection_;
};

}  // namespace

std::unique_ptr<Encoder> FuseLayers(std::unique_ptr<Encoder> inner, Binder weights) {
  return std::make_unique<FusedEncoder>(std::move(inner), weights);
}

}  // namespace waterline
