// The encoders of T5 and mT5.
//
// Paper   Raffel et al. 2019, "T5", arXiv:1910.10683, section 2.1; Shazeer 2020, arXiv:2002.05202
//         (the gated feed-forward of mT5).
// Oracle  transformers T5EncoderModel. Its last hidden state is that after final_layer_norm.
//
// What pre_norm.cc computes, with RMSNorms, no scale (s = 1) and no biases. Heads have a width of
// their own (d_kv), not D / H. Positions are a number a head for each bucket of distances, the same
// in all layers, stored in the first.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "encoder/pre_norm.h"

namespace waterline {

Result<std::unique_ptr<Encoder>> PreNorm::MakeT5(const BackboneConfig& config, Binder weights,
                                                 std::pmr::memory_resource* memory) {
  Result<std::unique_ptr<PreNorm>> started = Start(config, memory);
  if (!started.ok()) return started.error();
  PreNorm& model = **started;
  const int64_t D = config.hidden_size, F = config.intermediate, H = config.heads;
  const int64_t inner = H * config.head_width();
  const int64_t buckets = config.relative_buckets;
  model.scale_ = 1;
  model.taps_normalised_ = true;
  model.longest_ = kLongestSequence;
  // Tied: a file has both names, or either.
  const char* const words =
      weights.Has("shared.weight") ? "shared.weight" : "encoder.embed_tokens.weight";
  model.words_ = weights.TableInFile(words, config.vocab_size, D);

  Binder encoder = weights.In("encoder");
  model.bias_ = encoder.TableInMemory(
      "block.0.layer.0.SelfAttention.relative_attention_bias.weight", buckets, H);
  for (int64_t i_j = 1 - model.longest_; i_j < model.longest_; ++i_j) {
    model.bucket_.push_back(
        static_cast<int32_t>(T5Bucket(-i_j, buckets, config.relative_max_distance)));
  }
  for (int64_t i = 0; i < config.layers; ++i) {
    Binder l = encoder.In(fmt::format("block.{}", i));
    Binder attention = l.In("layer.0.SelfAttention"), feed = l.In("layer.1.DenseReluDense");
    Layer layer;
    layer.attention_norm = l.RmsNorm("layer.0.layer_norm", D, config.norm_eps);
    layer.qkv = attention.LinearStack({"q", "k", "v"}, inner, D, /*bias=*/false);
    layer.o = attention.Linear("o", D, inner, /*bias=*/false);
    layer.feed_norm = l.RmsNorm("layer.1.layer_norm", D, config.norm_eps);
    layer.up = config.gated ? feed.LinearStack({"wi_0", "wi_1"}, F, D, /*bias=*/false)
                            : feed.Linear("wi", F, D, /*bias=*/false);
    layer.down = feed.Linear("wo", D, F, /*bias=*/false);
    model.layers_.push_back(layer);
  }
  model.final_norm_ = encoder.RmsNorm("final_layer_norm", D, config.norm_eps);
  return std::unique_ptr<Encoder>(std::move(*started));
}

// In f32, as the reference: the logarithm sits on the edges of buckets at powers of two.
int64_t T5Bucket(int64_t distance, int64_t buckets, int64_t max_distance) {
  const int64_t half = buckets / 2, exact = half / 2;
  const int64_t after = distance > 0 ? half : 0;
  const int64_t length = std::abs(distance);
  if (length < exact) return after + length;
  const float ratio =
      std::log(static_cast<float>(length) / static_cast<float>(exact)) /
      static_cast<float>(std::log(static_cast<double>(max_distance) / static_cast<double>(exact)));
  const auto far = exact + static_cast<int64_t>(ratio * static_cast<float>(half - exact));
  return after + std::min(far, half - 1);
}

}  // namespace waterline
