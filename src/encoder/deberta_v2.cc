// DeBERTa v2 / v3 encoder.
//
// Paper   He et al. 2020, "DeBERTa", arXiv:2006.03654, section 3.1;
//         He et al. 2021, arXiv:2111.09543.
// Oracle  transformers DebertaV2Model.
//
//   x = LayerNorm(words[id] (+ places[position]) (+ types[0]))           v3 has words alone
//   A[i,j] = (Q[i]·K[j] + Q[i]·Kr[δ(i,j)] + K[j]·Qr[δ(i,j)]) / sqrt(n d)
//   z = softmax(A) V                                    n = 1 + terms, d = D / H
//   x <- LayerNorm(x + z Wo + bo)
//   x <- LayerNorm(x + act(x W1 + b1) W2 + b2)
//   layer 0 with a convolution: x <- LayerNorm(x + act(conv(embeddings)))
//
// Notation  T tokens, D hidden size, H heads; P [2 span, D] relative embeddings (normalised when
//           norm_rel_ebd says so); Kr = P Wk + bk, Qr = P Wq + bq with the weights of the content
//           (share_att_key) or pos_key_proj / pos_query_proj; δ(i,j) = clamp(bucket(i - j) + span).
//
// The paper indexes Qr by δ(j,i). The released code, and so the released weights, use δ(i,j) for
// both terms; we follow the code. P, Kr and Qr depend on weights alone and are computed at load.
// encoder.LayerNorm normalises P only: there is no final norm.
// SPDX-License-Identifier: Apache-2.0
#include "encoder/deberta_v2.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace waterline {

Mat DebertaV2::Forward(Ops& ops, const Batch& batch, LayerTap* tap) const {
  Mat x = ops.Embed({.ids = batch.ids,
                     .words = words_,
                     .positions = batch.positions,
                     .places = places_,
                     .every = type_},
                    "hidden states");
  if (embedding_projection_) x = ops.Linear(x, *embedding_projection_, Act::kNone, "hidden states");
  ops.LayerNorm(x, embedding_norm_);
  Mat convolved;
  if (convolution_) {
    convolved =
        ops.Conv1d(x, convolution_->weight, convolution_->kernel, batch.begins, convolution_->act);
  }

  for (const Layer& l : layers_) {
    const RelativeTerms relative{.keys = l.position_keys,
                                 .queries = l.position_queries,
                                 .bias = {},
                                 .bucket = bucket_,
                                 .reach = reach_};
    Mat qkv = ops.Linear(x, l.qkv, Act::kNone, "queries, keys, values");
    Mat z = ops.Attention(
        qkv, batch.begins,
        {.heads = heads_, .scale = scale_, .relative = relative_ ? &relative : nullptr});
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
    if (convolution_ && &l == &layers_.front()) {
      if (layers_.size() == 1 && tap == nullptr) {
        convolved = ops.Pool(convolved, batch.read, Pooling::kFirst, "convolution");
      }
      ops.AddLayerNorm(x, convolved, convolution_->norm);
      convolved.Release();
    }
    if (tap != nullptr) tap->Take(ops, x);
  }
  return x;
}

Result<std::unique_ptr<DebertaV2>> DebertaV2::Start(const BackboneConfig& config, Binder weights,
                                                    std::pmr::memory_resource* memory) {
  const std::optional<Act> act = ParseAct(config.activation);
  if (!act) {
    return Error{Code::kUnsupported,
                 fmt::format("hidden_act \"{}\" of the DeBERTa backbone is not supported",
                             config.activation)};
  }
  auto model = std::make_unique<DebertaV2>(memory);
  const int64_t D = config.hidden_size;
  const int64_t E = config.embedding_size > 0 ? config.embedding_size : D;
  model->width_ = D;
  model->heads_ = static_cast<int>(config.heads);
  model->act_ = *act;
  model->longest_ = config.position_biased_input ? std::min(config.max_positions, kLongestSequence)
                                                 : kLongestSequence;

  Binder embeddings = weights.In("embeddings");
  model->words_ = embeddings.TableInFile("word_embeddings.weight", config.vocab_size, E);
  if (config.position_biased_input) {
    model->places_ =
        embeddings.TableInMemory("position_embeddings.weight", config.max_positions, E);
  }
  if (config.type_vocab_size > 0) {
    model->type_ = embeddings.Row("token_type_embeddings.weight", config.type_vocab_size, E, 0);
  }
  if (E != D) model->embedding_projection_ = embeddings.Linear("embed_proj", D, E, /*bias=*/false);
  model->embedding_norm_ = embeddings.LayerNorm("LayerNorm", D, config.norm_eps);
  model->relative_ = config.relative_attention && (config.c2p || config.p2c);
  return model;
}

void DebertaV2::FillBuckets(int64_t span, int64_t buckets, int64_t max_position) {
  reach_ = longest_ - 1;
  for (int64_t d = -reach_; d <= reach_; ++d) {
    const int64_t bucket = RelativeBucket(d, buckets, max_position);
    bucket_.push_back(static_cast<int32_t>(std::clamp<int64_t>(bucket + span, 0, 2 * span - 1)));
  }
}

Result<std::unique_ptr<Encoder>> DebertaV2::Make(const BackboneConfig& config, Binder weights,
                                                 std::pmr::memory_resource* memory) {
  Result<std::unique_ptr<DebertaV2>> started = Start(config, weights, memory);
  if (!started.ok()) return started.error();
  DebertaV2* const model = started->get();
  const int64_t D = config.hidden_size, F = config.intermediate;
  Binder encoder = weights.In("encoder");
  if (config.conv_kernel_size > 0) {
    const std::optional<Act> conv_act = ParseAct(config.conv_act);
    if (!conv_act || config.conv_kernel_size % 2 == 0 || config.conv_groups <= 0 ||
        D % config.conv_groups != 0) {
      return Error{Code::kUnsupported,
                   fmt::format("the convolution of the DeBERTa backbone is not supported: conv_act "
                               "\"{}\", conv_kernel_size {}, conv_groups {}",
                               config.conv_act, config.conv_kernel_size, config.conv_groups)};
    }
    Binder conv = encoder.In("conv");
    model->convolution_ = {
        .weight = conv.Conv1d("conv", D, D, config.conv_groups, config.conv_kernel_size),
        .kernel = config.conv_kernel_size,
        .act = *conv_act,
        .norm = conv.LayerNorm("LayerNorm", D, config.norm_eps)};
  }

  const int64_t max_position =
      config.max_relative_positions >= 1 ? config.max_relative_positions : config.max_positions;
  const int64_t span = config.position_buckets > 0 ? config.position_buckets : max_position;
  if (config.position_buckets == 1 ||
      (config.position_buckets > 1 && max_position - 1 <= config.position_buckets / 2)) {
    return Error{Code::kUnsupported,
                 fmt::format("position_buckets {} with {} relative positions leaves no room for "
                             "logarithmic buckets",
                             config.position_buckets, max_position)};
  }
  FileTable positions;
  Norm positions_norm;
  if (config.relative_attention) {
    positions = encoder.TableInFile("rel_embeddings.weight", 2 * span, D);
    if (config.norm_rel_ebd) positions_norm = encoder.LayerNorm("LayerNorm", D, config.norm_eps);
  }
  if (model->relative_) model->FillBuckets(span, config.position_buckets, max_position);
  const int terms = 1 + (model->relative_ ? config.c2p + config.p2c : 0);
  model->scale_ = 1.f / std::sqrt(static_cast<float>(D / config.heads) * static_cast<float>(terms));

  for (int64_t i = 0; i < config.layers; ++i) {
    Binder l = encoder.In(fmt::format("layer.{}", i));
    Layer layer{.qkv = l.LinearStack({"attention.self.query_proj", "attention.self.key_proj",
                                      "attention.self.value_proj"},
                                     D, D),
                .o = l.Linear("attention.output.dense", D, D),
                .up = l.Linear("intermediate.dense", F, D),
                .down = l.Linear("output.dense", D, F),
                .attention_norm = l.LayerNorm("attention.output.LayerNorm", D, config.norm_eps),
                .output_norm = l.LayerNorm("output.LayerNorm", D, config.norm_eps),
                .position_keys = {},
                .position_queries = {}};
    const char* key =
        config.share_att_key ? "attention.self.key_proj" : "attention.self.pos_key_proj";
    const char* query =
        config.share_att_key ? "attention.self.query_proj" : "attention.self.pos_query_proj";
    if (model->relative_ && config.c2p) {
      layer.position_keys = l.Project(positions, positions_norm, key, D);
    }
    if (model->relative_ && config.p2c) {
      layer.position_queries = l.Project(positions, positions_norm, query, D);
    }
    model->layers_.push_back(layer);
  }
  return std::unique_ptr<Encoder>(std::move(*started));
}

// In double: float32 and float64 agree for every distance up to 20,000, and the ceiling sits on
// float edges that a shorter type could miss. Golden: decoding/deberta_buckets.jsonl.
int64_t RelativeBucket(int64_t distance, int64_t buckets, int64_t max_position) {
  const int64_t mid = buckets / 2;
  const int64_t length = std::abs(distance);
  if (buckets <= 0 || length <= mid) return distance;
  const double scale = std::log(static_cast<double>(max_position - 1) / static_cast<double>(mid));
  const double far = std::ceil(std::log(static_cast<double>(length) / static_cast<double>(mid)) /
                               scale * static_cast<double>(mid - 1));
  const int64_t bucket = static_cast<int64_t>(far) + mid;
  return distance < 0 ? -bucket : bucket;
}

}  // namespace waterline
