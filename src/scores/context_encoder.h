// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <memory_resource>
#include <optional>
#include <vector>

#include "checkpoint/config.h"
#include "encoder/encoder.h"
#include "ops/binder.h"
#include "ops/ops.h"
#include "waterline/result.h"

namespace waterline {

// An encoder over words in front of a span layer (span_encoder_config); see context_encoder.cc.
class ContextEncoder {
 public:
  // With the weights below `weights`. Tables of its own live in `memory`.
  // Errors: kUnsupported  a kind or an option that is not known.  kBadModel  an odd hidden_size of
  // a
  //         bidirectional LSTM.
  static Result<std::unique_ptr<ContextEncoder>> Make(const GlinerConfig& config, Binder weights,
                                                      std::pmr::memory_resource* memory);

  // [W, D] of words [W, D], which are texts end to end.
  Mat Forward(Ops& ops, Mat words, SequenceBegins begins) const;

 private:
  std::optional<Weight> in_, out_;
  std::vector<Ops::LstmWeights> lstm_;  // "rnn",
  std::unique_ptr<RowEncoder> layers_;  // and the other kinds.
};

}  // namespace waterline
