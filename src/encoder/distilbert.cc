// DistilBERT: BERT without token types, under names of its own.
//
// Paper   Sanh et al. 2019, "DistilBERT", arXiv:1910.01108.
// Oracle  transformers DistilBertModel; see bert.cc.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "encoder/bert.h"

namespace waterline {

Result<std::unique_ptr<Encoder>> Bert::MakeDistilbert(const BackboneConfig& config,
                                                      Binder weights) {
  Result<std::unique_ptr<Bert>> bert = Start(config);
  if (!bert.ok()) return bert.error();
  const int64_t D = config.hidden_size, F = config.intermediate;
  (*bert)->BindEmbeddings(config, weights.In("embeddings"), 0);
  for (int64_t i = 0; i < config.layers; ++i) {
    Binder l = weights.In(fmt::format("transformer.layer.{}", i));
    (*bert)->Add(
        {.qkv = l.LinearStack({"attention.q_lin", "attention.k_lin", "attention.v_lin"}, D, D),
         .o = l.Linear("attention.out_lin", D, D),
         .up = l.Linear("ffn.lin1", F, D),
         .down = l.Linear("ffn.lin2", D, F),
         .attention_norm = l.LayerNorm("sa_layer_norm", D, config.norm_eps),
         .output_norm = l.LayerNorm("output_layer_norm", D, config.norm_eps)});
  }
  return std::unique_ptr<Encoder>(std::move(*bert));
}

}  // namespace waterline
