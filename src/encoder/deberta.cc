// DeBERTa v1: what deberta_v2.cc computes, from other names.
//
// Paper   He et al. 2020, "DeBERTa", arXiv:2006.03654, section 3.1.
// Oracle  transformers DebertaModel.
//
// Queries, keys and values are one map, head by head, with biases for queries and values alone;
// position keys have a map of their own without a bias, position queries one with. The table of
// positions is not normalised, and not bucketed: δ(i,j) = clamp(i - j + m, 0, 2 m - 1),
// m = max_relative_positions. The scale counts the entries of pos_att_type, whether or not there is
// relative attention.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>

#include "encoder/deberta_v2.h"

namespace waterline {

Result<std::unique_ptr<Encoder>> DebertaV2::MakeFirst(const BackboneConfig& config, Binder weights,
                                                      std::pmr::memory_resource* memory) {
  if (config.talking_head) {
    return Error{Code::kUnsupported,
                 "talking_head = true of the DeBERTa backbone is not supported"};
  }
  Result<std::unique_ptr<DebertaV2>> started = Start(config, weights, memory);
  if (!started.ok()) return started.error();
  DebertaV2* const model = started->get();
  const int64_t D = config.hidden_size, F = config.intermediate, d = D / config.heads;
  const int64_t span =
      config.max_relative_positions >= 1 ? config.max_relative_positions : config.max_positions;
  Binder encoder = weights.In("encoder");
  FileTable positions;
  if (model->relative_) {
    positions = encoder.TableInFile("rel_embeddings.weight", 2 * span, D);
    model->FillBuckets(span, /*buckets=*/-1, span);
  }
  model->scale_ = 1.f / std::sqrt(static_cast<float>(d * (1 + config.position_terms)));

  for (int64_t i = 0; i < config.layers; ++i) {
    Binder l = encoder.In(fmt::format("layer.{}", i));
    Binder self = l.In("attention.self");
    Layer layer{.qkv = self.LinearByHeads("in_proj", "q_bias", "v_bias", config.heads, d, D),
                .o = l.Linear("attention.output.dense", D, D),
                .up = l.Linear("intermediate.dense", F, D),
                .down = l.Linear("output.dense", D, F),
                .attention_norm = l.LayerNorm("attention.output.LayerNorm", D, config.norm_eps),
                .output_norm = l.LayerNorm("output.LayerNorm", D, config.norm_eps),
                .position_keys = {},
                .position_queries = {}};
    if (model->relative_ && config.c2p) {
      layer.position_keys = self.Project(positions, {}, "pos_proj", D, /*has_bias=*/false);
    }
    if (model->relative_ && config.p2c) {
      layer.position_queries = self.Project(positions, {}, "pos_q_proj", D);
    }
    model->layers_.push_back(layer);
  }
  return std::unique_ptr<Encoder>(std::move(*started));
}

}  // namespace waterline
