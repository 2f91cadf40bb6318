// Hidden states of tokens -> vectors of words, labels and relations: what every head begins with.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "batch/batch.h"
#include "checkpoint/config.h"
#include "ops/binder.h"
#include "ops/ops.h"
#include "waterline/result.h"

namespace waterline {

//   words     = BiLSTM(projection(pooled sub-words))
//   labels    = projection(the tokens that stand for labels), relations likewise
//
// Source  gliner modeling/base.py, extract_prompt_features_and_word_embeddings; modeling/layers.py,
//         LstmSeq2SeqEncoder. The projection exists when hidden_size differs from the encoder's
//         width, the LSTM when num_rnn_layers > 0, and bi-encoders never run theirs.
class WordVectors {
 public:
  // Errors: kBadModel  an odd hidden_size under an LSTM.
  static Result<WordVectors> Bind(const GlinerConfig& config, int64_t encoder_width,
                                  Binder weights);

  // Rows of hidden_size columns.
  struct Rows {
    Mat words;      // [W, D]
    Mat labels;     // [C, D] of batch.labels; empty when they are given.
    Mat relations;  // [R, D]
  };
  Rows Forward(Ops& ops, Mat hidden, const Batch& batch) const;

  Pooling pooling() const { return pooling_; }

 private:
  Pooling pooling_ = Pooling::kFirst;
  std::optional<Weight> projection_;
  std::vector<Ops::LstmWeights> lstm_;
};

}  // namespace waterline
