// Cross fuser of bi-encoders with a post_fusion_schema ("poly-encoders").
//
// Oracle  gliner modeling/layers.py, CrossFuser, SelfAttentionBlock, CrossAttentionBlock.
//
//   l2l  E <- self(E)        t2t  X <- self(X)
//   l2t  E <- cross(E, X)    t2l  X <- cross(X, E)
//   self(x):      n = LayerNorm(x), q = Wq' Wq n, k = Wk' Wk n, v = Wv' Wv n
//   cross(x, y):  n = LayerNorm(x), q = Wq' n,    k = Wk' y,    v = Wv' Wv y
//   both:         LayerNorm(n + softmax(q kᵀ / sqrt(d)) v)        d = D / H
//
// The residual is the normalised input, and there is no output map. The blocks of a layer follow
// the schema ("l2l-l2t-t2t"), num_post_fusion_layers times.
//
// Notation  E labels [C, D], X words [W, D], H heads of the text backbone.
// SPDX-License-Identifier: Apache-2.0
#include "scores/cross_fuser.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <string_view>

namespace waterline {
namespace {

constexpr double kEps = 1e-5;

}  // namespace

Mat CrossFuser::Maps::Forward(Ops& ops, MatView x) const {
  if (!first) return ops.Linear(x, second, Act::kNone, "fusion");
  const Mat middle = ops.Linear(x, *first, Act::kNone, "fusion");
  return ops.Linear(middle, second, Act::kNone, "fusion");
}

void CrossFuser::Forward(Ops& ops, const Batch& batch, Mat& words, Mat& labels) const {
  for (const Block& block : blocks_) {
    Mat& x = block.labels_ask ? labels : words;
    const Mat& y = block.labels_answer ? labels : words;
    const SequenceBegins queries = block.labels_ask ? batch.label_begins : batch.word_begins;
    const SequenceBegins keys = block.labels_answer ? batch.label_begins : batch.word_begins;
    ops.LayerNorm(x, block.before);
    const Mat q = block.query.Forward(ops, x);
    const Mat k = block.key.Forward(ops, y);
    const Mat v = block.value.Forward(ops, y);
    const Mat z = ops.CrossAttention(q, k, v, queries, keys, heads_, scale_);
    ops.AddLayerNorm(x, z, block.after);
  }
}

Result<CrossFuser> CrossFuser::Bind(const GlinerConfig& config, int64_t heads, Binder weights) {
  CrossFuser fuser;
  const int64_t D = config.hidden_size;
  if (D % heads != 0) {
    return Error{Code::kBadModel,
                 fmt::format("hidden_size {} is no multiple of the backbone's "
                             "num_attention_heads {}, which post_fusion_schema \"{}\" needs",
                             D, heads, config.post_fusion_schema)};
  }
  fuser.heads_ = static_cast<int>(heads);
  fuser.scale_ = 1.f / std::sqrt(static_cast<float>(D / heads));
  for (int64_t layer = 0; layer < config.num_post_fusion_layers; ++layer) {
    std::string_view schema = config.post_fusion_schema;
    for (int64_t step = 0; !schema.empty(); ++step) {
      const size_t end = std::min(schema.find('-'), schema.size());
      const std::string_view kind = schema.substr(0, end);
      schema.remove_prefix(std::min(end + 1, schema.size()));
      if (kind != "l2l" && kind != "t2t" && kind != "l2t" && kind != "t2l") {
        return Error{Code::kBadModel,
                     fmt::format("post_fusion_schema \"{}\" has the part \"{}\"; possible are l2l, "
                                 "t2t, l2t and t2l, joined by -",
                                 config.post_fusion_schema, kind)};
      }
      Binder at = weights.In(fmt::format("cross_fuser.layers.{}.{}", layer, step));
      const bool self = kind.front() == kind.back();
      const std::string attention = self ? "self_attn" : "cross_attn";
      const auto maps = [&](const char* first, const char* second) {
        Maps both;
        if (first != nullptr) both.first = at.Linear(first, D, D);
        both.second = at.Linear(fmt::format("{}.{}", attention, second), D, D);
        return both;
      };
      fuser.blocks_.push_back({.labels_ask = kind.front() == 'l',
                               .labels_answer = kind.back() == 'l',
                               .before = at.LayerNorm("pre_norm", D, kEps),
                               .after = at.LayerNorm("post_norm", D, kEps),
                               .query = maps(self ? "q_proj" : nullptr, "query_layer"),
                               .key = maps(self ? "k_proj" : nullptr, "key_layer"),
                               .value = maps("v_proj", "value_layer")});
    }
  }
  return fuser;
}

}  // namespace waterline
