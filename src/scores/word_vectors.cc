// SPDX-License-Identifier: Apache-2.0
#include "scores/word_vectors.h"

#include <fmt/format.h>

#include <utility>

namespace waterline {

WordVectors::Rows WordVectors::Forward(Ops& ops, Mat hidden, const Batch& batch) const {
  // The projection commutes with every pooling but the maximum: few rows instead of all tokens.
  const bool project_first = projection_ && pooling_ == Pooling::kMax;
  if (project_first) hidden = ops.Linear(hidden, *projection_, Act::kNone, "projection");
  Rows rows;
  rows.words = ops.Pool(hidden, batch.words, pooling_, "words");
  if (!batch.labels.empty()) {
    rows.labels = ops.Pool(hidden, batch.labels, Pooling::kFirst, "labels");
  }
  if (!batch.relations.empty()) {
    rows.relations = ops.Pool(hidden, batch.relations, Pooling::kFirst, "relations");
  }
  hidden.Release();
  if (projection_ && !project_first) {
    rows.words = ops.Linear(rows.words, *projection_, Act::kNone, "words");
    // A word without sub-words is zero, not the projection's bias.
    ops.ClearEmpty(rows.words, batch.words);
    if (!batch.labels.empty()) {
      rows.labels = ops.Linear(rows.labels, *projection_, Act::kNone, "labels");
    }
    if (!batch.relations.empty()) {
      rows.relations = ops.Linear(rows.relations, *projection_, Act::kNone, "relations");
    }
  }
  for (const Ops::LstmWeights& layer : lstm_) {
    rows.words = ops.Lstm(rows.words, layer, batch.word_begins);
  }
  return rows;
}

Result<WordVectors> WordVectors::Bind(const GlinerConfig& config, int64_t encoder_width,
                                      Binder weights) {
  WordVectors vectors;
  const int64_t D = config.hidden_size;
  vectors.pooling_ = config.subtoken_pooling == "last"   ? Pooling::kLast
                     : config.subtoken_pooling == "mean" ? Pooling::kMean
                     : config.subtoken_pooling == "max"  ? Pooling::kMax
                                                         : Pooling::kFirst;
  if (D != encoder_width) {
    vectors.projection_ = weights.Linear("token_rep_layer.projection", D, encoder_width);
  }
  if (HasLabelEncoder(config.architecture)) return vectors;
  if (D % 2 != 0 && config.num_rnn_layers > 0) {
    return Error{Code::kBadModel,
                 fmt::format("hidden_size {} is odd; the LSTM needs two equal halves", D)};
  }
  for (int layer = 0; layer < config.num_rnn_layers; ++layer) {
    vectors.lstm_.push_back(weights.Lstm("rnn.lstm", layer, D, D / 2));
  }
  return vectors;
}

}  // namespace waterline
