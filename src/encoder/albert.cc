// ALBERT: BERT whose layers share their weights.
//
// Paper   Lan et al. 2019, "ALBERT", arXiv:1909.11942, section 3.1.
// Oracle  transformers AlbertModel (type 0 everywhere; the pooler is unused).
//
//   x = LayerNorm(words[id] + places[position] + types[0]) Wp + bp       E -> D
//   layer i runs the layers of group i / (n_l / groups), one after another; see bert.cc
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "encoder/bert.h"

namespace waterline {

Result<std::unique_ptr<Encoder>> Bert::MakeAlbert(const BackboneConfig& config, Binder weights) {
  Result<std::unique_ptr<Bert>> bert = Start(config);
  if (!bert.ok()) return bert.error();
  if (config.layer_groups > config.layers) {
    return Error{Code::kBadModel, fmt::format("num_hidden_groups {} is more than the {} layers",
                                              config.layer_groups, config.layers)};
  }
  const int64_t D = config.hidden_size, F = config.intermediate;
  (*bert)->BindEmbeddings(config, weights.In("embeddings"), 0);
  Binder encoder = weights.In("encoder");
  (*bert)->projection_ = encoder.Linear("embedding_hidden_mapping_in", D, config.embedding_size);

  std::vector<Layer> stored;
  for (int64_t g = 0; g < config.layer_groups; ++g) {
    for (int64_t i = 0; i < config.layers_in_group; ++i) {
      Binder l = encoder.In(fmt::format("albert_layer_groups.{}.albert_layers.{}", g, i));
      stored.push_back(
          {.qkv = l.LinearStack({"attention.query", "attention.key", "attention.value"}, D, D),
           .o = l.Linear("attention.dense", D, D),
           .up = l.Linear("ffn", F, D),
           .down = l.Linear("ffn_output", D, F),
           .attention_norm = l.LayerNorm("attention.LayerNorm", D, config.norm_eps),
           .output_norm = l.LayerNorm("full_layer_layer_norm", D, config.norm_eps),
           .taken = i + 1 == config.layers_in_group});
    }
  }
  for (int64_t i = 0; i < config.layers; ++i) {
    const int64_t group = i * config.layer_groups / config.layers;
    for (int64_t inner = 0; inner < config.layers_in_group; ++inner) {
      (*bert)->Add(stored[static_cast<size_t>(group * config.layers_in_group + inner)]);
    }
  }
  return std::unique_ptr<Encoder>(std::move(*bert));
}

}  // namespace waterline
