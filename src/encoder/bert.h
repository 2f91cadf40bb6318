// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "encoder/encoder.h"

namespace waterline {

// BERT; see bert.cc.
class Bert final : public Encoder {
 public:
  // Errors: kUnsupported  an activation or position_embedding_type that is not known.
  static Result<std::unique_ptr<Encoder>> Make(const BackboneConfig& config, Binder weights);

  Mat Forward(Ops& ops, const Batch& batch) const override;
  int64_t width() const override { return width_; }
  int64_t longest() const override { return places_.rows; }

 private:
  struct Layer {
    Weight qkv, o, up, down;
    Norm attention_norm, output_norm;
  };

  int64_t width_ = 0;
  int heads_ = 1;
  Act act_ = Act::kGelu;
  FileTable words_;
  Table places_;
  const float* type_ = nullptr;
  Norm embedding_norm_;
  std::vector<Layer> layers_;
};

}  // namespace waterline
