// ModernBERT, Ettin and mmBERT.
//
// Paper   Warner et al. 2024, "ModernBERT", arXiv:2412.13663, section 2.1.
// Oracle  transformers ModernBertModel. Its last hidden state as it is numbered there is that
// before
//         final_norm.
//
// What pre_norm.cc computes, with LayerNorms; the first layer's input is the normalised embedding.
// Every third layer or so sees the whole text, the others local_attention / 2 tokens on each side,
// with frequencies of their own.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "encoder/pre_norm.h"

namespace waterline {

Result<std::unique_ptr<Encoder>> PreNorm::MakeModernBert(const BackboneConfig& config,
                                                         Binder weights,
                                                         std::pmr::memory_resource* memory) {
  Result<std::unique_ptr<PreNorm>> model = Start(config, memory);
  if (!model.ok()) return model.error();
  (*model)->longest_ = std::min(config.max_positions, kLongestSequence);
  Binder embeddings = weights.In("embeddings");
  (*model)->words_ =
      embeddings.TableInFile("tok_embeddings.weight", config.vocab_size, config.hidden_size);
  const Result<void> bound = (*model)->BindModernBert(config, weights);
  if (!bound.ok()) return bound.error();
  return std::unique_ptr<Encoder>(std::move(*model));
}

Result<std::unique_ptr<RowEncoder>> PreNorm::MakeModernBertRows(const BackboneConfig& config,
                                                                int64_t longest, Binder weights,
                                                                std::pmr::memory_resource* memory) {
  Result<std::unique_ptr<PreNorm>> model = Start(config, memory);
  if (!model.ok()) return model.error();
  (*model)->longest_ = longest;
  const Result<void> bound = (*model)->BindModernBert(config, weights);
  if (!bound.ok()) return bound.error();
  return std::unique_ptr<RowEncoder>(std::move(*model));
}

Result<void> PreNorm::BindModernBert(const BackboneConfig& config, Binder weights) {
  const int64_t D = config.hidden_size, F = config.intermediate, d = config.head_width();
  if (d % 2 != 0) {
    return Error{Code::kBadModel, fmt::format("heads of width {} cannot be rotated", d)};
  }
  const auto norm = [&](Binder& binder, std::string_view name) {
    return binder.LayerNorm(name, D, config.norm_eps, config.norm_bias);
  };
  Binder embeddings = weights.In("embeddings");
  embedding_norm_ = norm(embeddings, "norm");

  const auto sees_all = [](int64_t window) { return window == 0; };
  MatView global, local;
  if (std::any_of(config.windows.begin(), config.windows.end(), sees_all)) {
    global = Angles(config.rope, d, weights);
  }
  if (!std::all_of(config.windows.begin(), config.windows.end(), sees_all)) {
    local = config.local_rope.theta == config.rope.theta && global.rows > 0
                ? global
                : Angles(config.local_rope, d, weights);
  }
  for (int64_t i = 0; i < config.layers; ++i) {
    Binder l = weights.In(fmt::format("layers.{}", i));
    const int64_t window = config.windows[static_cast<size_t>(i)];
    Layer layer;
    if (i > 0) layer.attention_norm = norm(l, "attn_norm");
    layer.qkv = l.Linear("attn.Wqkv", 3 * D, D, config.attention_bias);
    layer.o = l.Linear("attn.Wo", D, D, config.attention_bias);
    layer.feed_norm = norm(l, "mlp_norm");
    layer.up = l.Linear("mlp.Wi", 2 * F, D, config.mlp_bias);
    layer.down = l.Linear("mlp.Wo", D, F, config.mlp_bias);
    layer.window = window == 0 ? kAllKeys : window;
    layer.angles = window == 0 ? global : local;
    layers_.push_back(layer);
  }
  final_norm_ = norm(weights, "final_norm");
  return {};
}

}  // namespace waterline
