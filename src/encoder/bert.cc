// BERT encoder, RoBERTa, XLM-R, ELECTRA and Longformer.
//
// Paper   Devlin et al. 2018, "BERT", arXiv:1810.04805; Vaswani et al. 2017, section 3.
//         Clark et al. 2020, "ELECTRA", arXiv:2003.10555; Beltagy et al. 2020, "Longformer",
//         arXiv:2004.05150.
// Oracle  transformers BertModel, RobertaModel, XLMRobertaModel, ElectraModel, LongformerModel (no
//         token types are passed: type 0 everywhere; the pooler is unused).
//
//   x = LayerNorm(words[id] + places[position] + types[0])
//   ELECTRA with embeddings of width E != D: x <- x Wp + bp
//   z = softmax(Q Kᵀ / sqrt(d)) V             per head, d = D / H
//   x <- LayerNorm(x + z Wo + bo)
//   x <- LayerNorm(x + act(x W1 + b1) W2 + b2)
//
// RoBERTa and what follows it count positions from pad_token_id + 1 on. Longformer's tokens see
// attention_window / 2 tokens on each side; the package names no token that sees all, so the maps
// of those (query_global, ...) are never read.
//
// Notation  T tokens in the batch, D hidden size, H heads; x [T, D].
// SPDX-License-Identifier: Apache-2.0
#include "encoder/bert.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace waterline {

Mat Bert::Forward(Ops& ops, const Batch& batch, LayerTap* tap) const {
  Mat x = ops.Embed({.ids = batch.ids,
                     .words = words_,
                     .positions = batch.positions,
                     .places = places_,
                     .every = type_},
                    "hidden states");
  ops.LayerNorm(x, embedding_norm_);
  if (projection_) x = ops.Linear(x, *projection_, Act::kNone, "hidden states");

  const float scale = 1.f / std::sqrt(static_cast<float>(width_ / heads_));
  for (const Layer& l : layers_) {
    Mat qkv = ops.Linear(x, l.qkv, Act::kNone, "queries, keys, values");
    Mat z = ops.Attention(qkv, batch.begins, {.heads = heads_, .scale = scale, .window = l.window});
    qkv.Release();
    if (&l == &layers_.back() && tap == nullptr) {
      z = ops.Pool(z, batch.read, Pooling::kFirst, "attention");
      x = ops.Pool(x, batch.read, Pooling::kFirst, "hidden states");
    }
    Mat y = ops.Linear(z, l.o, Act::kNone, "attention output");
    z.Release();
    ops.AddLayerNorm(y, x, l.attention_norm);
    x.Release();
    x = ops.FeedForward(y, l.up, act_, l.down, "hidden states");
    ops.AddLayerNorm(x, y, l.output_norm);
    if (tap != nullptr && l.taken) tap->Take(ops, x);
  }
  return x;
}

Result<std::unique_ptr<Bert>> Bert::Start(const BackboneConfig& config) {
  const std::optional<Act> act = ParseAct(config.activation);
  if (!act) {
    return Error{Code::kUnsupported,
                 fmt::format("hidden_act \"{}\" of the {} backbone is not supported",
                             config.activation, config.model_type)};
  }
  if (config.position_embedding_type != "absolute") {
    return Error{Code::kUnsupported,
                 fmt::format("position_embedding_type \"{}\" is not supported, only \"absolute\"",
                             config.position_embedding_type)};
  }
  auto bert = std::make_unique<Bert>();
  bert->width_ = config.hidden_size;
  bert->heads_ = static_cast<int>(config.heads);
  bert->act_ = *act;
  return bert;
}

void Bert::BindEmbeddings(const BackboneConfig& config, Binder embeddings, int64_t skipped) {
  const int64_t E = config.embedding_size > 0 ? config.embedding_size : config.hidden_size;
  words_ = embeddings.TableInFile("word_embeddings.weight", config.vocab_size, E);
  places_ = embeddings.TableInMemory("position_embeddings.weight", config.max_positions, E);
  skipped = std::min(skipped, places_.rows);
  places_.rows -= skipped;
  if (places_.data != nullptr) {
    places_.data += static_cast<size_t>(skipped * E) * DtypeBytes(places_.type);
  }
  if (config.type_vocab_size > 0) {
    type_ = embeddings.Row("token_type_embeddings.weight", config.type_vocab_size, E, 0);
  }
  embedding_norm_ = embeddings.LayerNorm("LayerNorm", E, config.norm_eps);
}

void Bert::Add(const Layer& layer) {
  layers_.push_back(layer);
  taken_ += layer.taken;
}

Result<std::unique_ptr<Encoder>> Bert::Make(const BackboneConfig& config, Binder weights) {
  Result<std::unique_ptr<Bert>> bert = Start(config);
  if (!bert.ok()) return bert.error();
  const int64_t D = config.hidden_size, F = config.intermediate;
  const bool from_padding = config.model_type == "roberta" || config.model_type == "xlm-roberta" ||
                            config.model_type == "longformer";
  (*bert)->BindEmbeddings(config, weights.In("embeddings"),
                          from_padding ? config.pad_token_id + 1 : 0);
  if (config.model_type == "electra" && config.embedding_size > 0) {
    (*bert)->projection_ = weights.Linear("embeddings_project", D, config.embedding_size);
  }
  for (int64_t i = 0; i < config.layers; ++i) {
    Binder l = weights.In(fmt::format("encoder.layer.{}", i));
    Layer layer{.qkv = l.LinearStack(
                    {"attention.self.query", "attention.self.key", "attention.self.value"}, D, D),
                .o = l.Linear("attention.output.dense", D, D),
                .up = l.Linear("intermediate.dense", F, D),
                .down = l.Linear("output.dense", D, F),
                .attention_norm = l.LayerNorm("attention.output.LayerNorm", D, config.norm_eps),
                .output_norm = l.LayerNorm("output.LayerNorm", D, config.norm_eps)};
    if (!config.windows.empty()) layer.window = config.windows[static_cast<size_t>(i)];
    (*bert)->Add(layer);
  }
  return std::unique_ptr<Encoder>(std::move(*bert));
}

}  // namespace waterline
