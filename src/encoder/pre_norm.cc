// Pre-norm transformers: ModernBERT, T5, Llama, LFM2.
//
// Paper   Xiong et al. 2020, arXiv:2002.04745 (pre-norm); Su et al. 2021, "RoFormer",
//         arXiv:2104.09864 (rotary positions).
//
//   x = words[id]                                       ModernBERT: LayerNorm of it
//   [Q, K, V] = norm(x) Wqkvᵀ (+ b);  Q, K turned by their positions
//   z = softmax(s (Q Kᵀ) + bias) V                      over the keys that a token sees
//   x <- x + z Woᵀ
//   x <- x + W2 (act(u) * v),  [u; v] = norm(x) W1ᵀ     or W2 act(norm(x) W1ᵀ)
//   y = norm(x)
//
// x is written in place: what a layer adds to it is added by the norm that comes next, which reads
// it anyway.
// SPDX-License-Identifier: Apache-2.0
#include "encoder/pre_norm.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace waterline {
namespace {

// The frequency of each pair of a head, in f32 as transformers computes it.
std::vector<float> Frequencies(const Rope& rope, int64_t head_width) {
  std::vector<float> frequencies;
  for (int64_t m = 0; m < head_width / 2; ++m) {
    const float exponent = static_cast<float>(2 * m) / static_cast<float>(head_width);
    float f = 1.f / std::pow(static_cast<float>(rope.theta), exponent);
    const auto factor = static_cast<float>(rope.factor);
    if (rope.scaling == Rope::Scaling::kLinear) f /= factor;
    if (rope.scaling == Rope::Scaling::kLlama3) {
      // Long waves are stretched, short ones kept, those between partly.
      const auto first_length = static_cast<float>(rope.first_length);
      const auto low = static_cast<float>(rope.low_frequency);
      const auto high = static_cast<float>(rope.high_frequency);
      const float wave = 2 * std::numbers::pi_v<float> / f;
      if (wave > first_length / low) {
        f /= factor;
      } else if (wave >= first_length / high) {
        const float smooth = (first_length / wave - low) / (high - low);
        f = (1 - smooth) * f / factor + smooth * f;
      }
    }
    frequencies.push_back(f);
  }
  return frequencies;
}

}  // namespace

Mat PreNorm::Forward(Ops& ops, const Batch& batch, LayerTap* tap) const {
  Mat x = ops.Embed({.ids = batch.ids, .words = words_}, "hidden states");
  return Layers(ops, std::move(x), {batch.begins, batch.positions},
                tap == nullptr ? &batch.read : nullptr, tap);
}

Mat PreNorm::Forward(Ops& ops, Mat x, SequenceBegins begins) const {
  std::pmr::vector<int32_t> positions(static_cast<size_t>(x.rows()), ops.memory());
  for (size_t s = 1; s < begins.size(); ++s) {
    std::iota(positions.begin() + begins[s - 1], positions.begin() + begins[s], 0);
  }
  const Places places{begins, positions};
  return Layers(ops, std::move(x), places, nullptr, nullptr);
}

Mat PreNorm::Layers(Ops& ops, Mat x, const Places& places, const std::pmr::vector<RowRange>* read,
                    LayerTap* tap) const {
  if (embedding_norm_) ops.LayerNorm(x, *embedding_norm_);

  Mat added;  // To x, by the next norm.
  for (const Layer& l : layers_) {
    Mat y;
    if (l.attention_norm) {
      y = ops.AddNorm(x, added, *l.attention_norm, "layer input");
      added.Release();
      if (tap != nullptr && &l != &layers_.front()) tap->Take(ops, x);
    }
    Mat qkv = ops.Linear(l.attention_norm ? y : x, l.qkv, Act::kNone, "queries, keys, values");
    y.Release();
    Mat z = Mix(ops, places, l, std::move(qkv));
    if (&l == &layers_.back() && read != nullptr) {
      z = ops.Pool(z, *read, Pooling::kFirst, "attention");
      x = ops.Pool(x, *read, Pooling::kFirst, "hidden states");
    }
    added = ops.Linear(z, l.o, Act::kNone, "attention output");
    z.Release();
    y = ops.AddNorm(x, added, l.feed_norm, "layer input");
    added.Release();
    added = ops.FeedForward(y, l.up, act_, l.down, "layer output");
  }
  Mat y = ops.AddNorm(x, added, final_norm_, "hidden states");
  if (tap != nullptr) tap->Take(ops, taps_normalised_ ? y : x);
  return y;
}

Mat PreNorm::Mix(Ops& ops, const Places& places, const Layer& l, Mat qkv) const {
  if (l.kernel > 0) {
    return ops.GatedConv({.x = qkv,
                          .begins = places.begins,
                          .kernel = l.kernel,
                          .taps = l.taps,
                          .bias = l.taps_bias},
                         "convolution");
  }
  const int64_t width = qkv.cols() / (heads_ + 2 * key_heads_);
  const int64_t queries = heads_ * width, keys = key_heads_ * width;
  if (l.query_norm) ops.NormHeads(qkv.view().Cols(0, queries), *l.query_norm);
  if (l.key_norm) ops.NormHeads(qkv.view().Cols(queries, queries + keys), *l.key_norm);
  if (!l.angles.empty()) {
    ops.Rotate(qkv.view().Cols(0, queries + keys), l.angles, places.positions, heads_ + key_heads_);
  }
  const RelativeTerms relative{.keys = {},
                               .queries = {},
                               .bias = bias_,
                               .bucket = bucket_,
                               .reach = static_cast<int64_t>(bucket_.size()) / 2};
  return ops.Attention(qkv, places.begins,
                       {.heads = heads_,
                        .key_heads = key_heads_,
                        .scale = scale_,
                        .relative = bias_.rows > 0 ? &relative : nullptr,
                        .window = l.window,
                        .causal = causal_});
}

Result<std::unique_ptr<PreNorm>> PreNorm::Start(const BackboneConfig& config,
                                                std::pmr::memory_resource* memory) {
  const std::optional<Act> act = ParseAct(config.activation);
  if (!act) {
    return Error{Code::kUnsupported,
                 fmt::format("the activation \"{}\" of the {} backbone is not supported",
                             config.activation, config.model_type)};
  }
  auto model = std::make_unique<PreNorm>(memory);
  model->width_ = config.hidden_size;
  model->heads_ = static_cast<int>(config.heads);
  model->key_heads_ = model->heads_;
  model->act_ = *act;
  model->scale_ = 1.f / std::sqrt(static_cast<float>(config.head_width()));
  return model;
}

Result<std::unique_ptr<PreNorm>> PreNorm::StartCausal(const BackboneConfig& config, Binder& weights,
                                                      std::pmr::memory_resource* memory) {
  Result<std::unique_ptr<PreNorm>> started = Start(config, memory);
  if (!started.ok()) return started.error();
  if (config.head_width() % 2 != 0) {
    return Error{Code::kBadModel,
                 fmt::format("heads of width {} cannot be rotated", config.head_width())};
  }
  PreNorm& model = **started;
  model.key_heads_ = static_cast<int>(config.key_heads);
  model.causal_ = true;
  model.taps_normalised_ = true;
  model.longest_ = std::min(config.max_positions, kLongestSequence);
  model.words_ = weights.TableInFile("embed_tokens.weight", config.vocab_size, config.hidden_size);
  return started;
}

MatView PreNorm::Angles(const Rope& rope, int64_t head_width, Binder& weights) const {
  return weights.Computed(longest_, head_width,
                          [frequencies = Frequencies(rope, head_width)](int64_t p, float* row) {
                            for (size_t m = 0; m < frequencies.size(); ++m) {
                              const float angle = frequencies[m] * static_cast<float>(p);
                              row[m] = std::cos(angle);
                              row[m + frequencies.size()] = std::sin(angle);
                            }
                          });
}

}  // namespace waterline
