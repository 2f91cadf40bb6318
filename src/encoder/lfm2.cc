// LFM2, a causal decoder of short convolutions and some attention, that serves as an encoder.
//
// Oracle  transformers Lfm2Model, causal as it is. The last hidden state is that after
//         embedding_norm.
//
// What pre_norm.cc computes, with RMSNorms; a token sees those before it and itself. Queries and
// keys are normalised head by head before they are rotated. In most layers attention is replaced by
//
//   [B, C, v] = x Winᵀ;  z = C * conv(B * v)          a convolution of each channel over the last
//                                                     conv_L_cache tokens
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "encoder/pre_norm.h"

namespace waterline {

Result<std::unique_ptr<Encoder>> PreNorm::MakeLfm2(const BackboneConfig& config, Binder weights,
                                                   std::pmr::memory_resource* memory) {
  Result<std::unique_ptr<PreNorm>> started = StartCausal(config, weights, memory);
  if (!started.ok()) return started.error();
  PreNorm& model = **started;
  const int64_t D = config.hidden_size, F = config.intermediate, d = config.head_width();
  const int64_t wide = config.heads * d, narrow = config.key_heads * d;
  const MatView angles = model.Angles(config.rope, d, weights);
  for (int64_t i = 0; i < config.layers; ++i) {
    Binder l = weights.In(fmt::format("layers.{}", i));
    Layer layer;
    layer.attention_norm = l.RmsNorm("operator_norm", D, config.norm_eps);
    if (config.convolutions[static_cast<size_t>(i)]) {
      Binder conv = l.In("conv");
      layer.kernel = config.conv_kernel_size;
      layer.qkv = conv.Linear("in_proj", 3 * D, D, config.conv_bias);
      layer.taps = conv.Taps("conv", D, config.conv_kernel_size);
      if (config.conv_bias) layer.taps_bias = conv.Vector("conv.bias", D);
      layer.o = conv.Linear("out_proj", D, D, config.conv_bias);
    } else {
      Binder attention = l.In("self_attn");
      layer.qkv = attention.LinearMaps({{"q_proj", wide}, {"k_proj", narrow}, {"v_proj", narrow}},
                                       D, /*bias=*/false);
      layer.query_norm = attention.RmsNorm("q_layernorm", d, config.norm_eps);
      layer.key_norm = attention.RmsNorm("k_layernorm", d, config.norm_eps);
      layer.o = attention.Linear("out_proj", D, wide, /*bias=*/false);
      layer.angles = angles;
    }
    layer.feed_norm = l.RmsNorm("ffn_norm", D, config.norm_eps);
    layer.up = l.LinearStack({"feed_forward.w1", "feed_forward.w3"}, F, D, /*bias=*/false);
    layer.down = l.Linear("feed_forward.w2", D, F, /*bias=*/false);
    model.layers_.push_back(layer);
  }
  model.final_norm_ = weights.RmsNorm("embedding_norm", D, config.norm_eps);
  return std::unique_ptr<Encoder>(std::move(*started));
}

}  // namespace waterline
