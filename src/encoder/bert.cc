// BERT encoder.
//
// Paper   Devlin et al. 2018, "BERT", arXiv:1810.04805; Vaswani et al. 2017, section 3.
// Oracle  transformers BertModel (no token types are passed: type 0 everywhere; the pooler is
// unused).
//
//   x = LayerNorm(words[id] + places[position] + types[0])
//   z = softmax(Q Kᵀ / sqrt(d)) V             per head, d = D / H
//   x <- LayerNorm(x + z Wo + bo)
//   x <- LayerNorm(x + act(x W1 + b1) W2 + b2)
//
// Notation  T tokens in the batch, D hidden size, H heads; x [T, D].
// SPDX-License-Identifier: Apache-2.0
#include "encoder/bert.h"

#include <fmt/format.h>

#include <cmath>

namespace waterline {

Mat Bert::Forward(Ops& ops, const Batch& batch) const {
  Mat x = ops.Embed({.ids = batch.ids,
                     .words = words_,
                     .positions = batch.positions,
                     .places = places_,
                     .every = type_},
                    "hidden states");
  ops.LayerNorm(x, embedding_norm_);

  const float scale = 1.f / std::sqrt(static_cast<float>(width_ / heads_));
  for (const Layer& l : layers_) {
    Mat qkv = ops.Linear(x, l.qkv, Act::kNone, "queries, keys, values");
    Mat z = ops.Attention(qkv, batch.begins, heads_, scale, nullptr);
    qkv.Release();
    if (&l == &layers_.back()) {
      z = ops.Pool(z, batch.read, Pooling::kFirst, "attention");
      x = ops.Pool(x, batch.read, Pooling::kFirst, "hidden states");
    }
    Mat y = ops.Linear(z, l.o, Act::kNone, "attention output");
    z.Release();
    ops.AddLayerNorm(y, x, l.attention_norm);
    x.Release();
    x = ops.FeedForward(y, l.up, act_, l.down, "hidden states");
    ops.AddLayerNorm(x, y, l.output_norm);
  }
  return x;
}

Result<std::unique_ptr<Encoder>> Bert::Make(const BackboneConfig& config, Binder weights) {
  const std::optional<Act> act = ParseAct(config.activation);
  if (!act) {
    return Error{
        Code::kUnsupported,
        fmt::format("hidden_act \"{}\" of the BERT backbone is not supported", config.activation)};
  }
  if (config.position_embedding_type != "absolute") {
    return Error{Code::kUnsupported,
                 fmt::format("position_embedding_type \"{}\" is not supported, only \"absolute\"",
                             config.position_embedding_type)};
  }
  auto bert = std::make_unique<Bert>();
  const int64_t D = config.hidden_size, F = config.intermediate;
  bert->width_ = D;
  bert->heads_ = static_cast<int>(config.heads);
  bert->act_ = *act;

  Binder embeddings = weights.In("embeddings");
  bert->words_ = embeddings.TableInFile("word_embeddings.weight", config.vocab_size, D);
  bert->places_ = embeddings.TableInMemory("position_embeddings.weight", config.max_positions, D);
  bert->type_ = embeddings.Row("token_type_embeddings.weight", config.type_vocab_size, D, 0);
  bert->embedding_norm_ = embeddings.LayerNorm("LayerNorm", D, config.norm_eps);
  for (int64_t i = 0; i < config.layers; ++i) {
    Binder l = weights.In(fmt::format("encoder.layer.{}", i));
    bert->layers_.push_back(
        {.qkv = l.LinearStack(
             {"attention.self.query", "attention.self.key", "attention.self.value"}, D, D),
         .o = l.Linear("attention.output.dense", D, D),
         .up = l.Linear("intermediate.dense", F, D),
         .down = l.Linear("output.dense", D, F),
         .attention_norm = l.LayerNorm("attention.output.LayerNorm", D, config.norm_eps),
         .output_norm = l.LayerNorm("output.LayerNorm", D, config.norm_eps)});
  }
  return std::unique_ptr<Encoder>(std::move(bert));
}

}  // namespace waterline
