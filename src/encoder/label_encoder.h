// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>

#include "checkpoint/config.h"
#include "encoder/encoder.h"

namespace waterline {

// Label texts -> label vectors, of bi-encoders; see label_encoder.cc. Immutable; safe from any
// thread.
class LabelEncoder {
 public:
  // `backbone` is the encoder that config.labels_encoder names; `weights` are the checkpoint's.
  // Errors: as MakeEncoder.
  static Result<std::unique_ptr<LabelEncoder>> Make(const GlinerConfig& config,
                                                    const BackboneConfig& backbone, Binder weights,
                                                    std::pmr::memory_resource* memory);

  // [W, hidden_size]: one vector for each of batch.words, ranges of batch.read: all tokens of a
  // label, specials included.
  Mat Forward(Ops& ops, const Batch& batch) const;
  // Most tokens one label may have.
  int64_t longest() const { return encoder_->longest(); }

 private:
  std::unique_ptr<Encoder> encoder_;
  std::optional<Weight> projection_;
};

}  // namespace waterline
