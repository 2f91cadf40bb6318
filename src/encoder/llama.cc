// Llama and Qwen2, causal decoders that serve as encoders.
//
// Paper   Touvron et al. 2023, "LLaMA", arXiv:2302.13971, section 2.2; Ainslie et al. 2023,
//         arXiv:2305.13245 (grouped keys and values).
// Oracle  transformers LlamaModel, Qwen2Model: the package keeps the causal mask (without its
//         optional llm2vec). The last hidden state is that after the final norm.
//
// What pre_norm.cc computes, with RMSNorms; a token sees those before it and itself.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "encoder/pre_norm.h"

namespace waterline {

Result<std::unique_ptr<Encoder>> PreNorm::MakeLlama(const BackboneConfig& config, Binder weights,
                                                    std::pmr::memory_resource* memory) {
  Result<std::unique_ptr<PreNorm>> started = StartCausal(config, weights, memory);
  if (!started.ok()) return started.error();
  PreNorm& model = **started;
  const int64_t D = config.hidden_size, F = config.intermediate, d = config.head_width();
  const int64_t wide = config.heads * d, narrow = config.key_heads * d;
  const bool output_bias = config.attention_bias && config.model_type != "qwen2";
  const MatView angles = model.Angles(config.rope, d, weights);
  for (int64_t i = 0; i < config.layers; ++i) {
    Binder l = weights.In(fmt::format("layers.{}", i));
    Layer layer;
    layer.attention_norm = l.RmsNorm("input_layernorm", D, config.norm_eps);
    layer.qkv = l.LinearMaps(
        {{"self_attn.q_proj", wide}, {"self_attn.k_proj", narrow}, {"self_attn.v_proj", narrow}}, D,
        config.attention_bias);
    layer.o = l.Linear("self_attn.o_proj", D, wide, output_bias);
    layer.feed_norm = l.RmsNorm("post_attention_layernorm", D, config.norm_eps);
    layer.up = l.LinearStack({"mlp.gate_proj", "mlp.up_proj"}, F, D, config.mlp_bias);
    layer.down = l.Linear("mlp.down_proj", D, F, config.mlp_bias);
    layer.angles = angles;
    model.layers_.push_back(layer);
  }
  model.final_norm_ = weights.RmsNorm("norm", D, config.norm_eps);
  return std::unique_ptr<Encoder>(std::move(*started));
}

}  // namespace waterline
