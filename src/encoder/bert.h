// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "encoder/encoder.h"

namespace waterline {

// BERT, and the backbones that compute the same from other names and tables; see bert.cc.
class Bert final : public Encoder {
 public:
  // bert, roberta, xlm-roberta, electra, longformer.
  // Errors: kUnsupported  an activation or position_embedding_type that is not known.
  static Result<std::unique_ptr<Encoder>> Make(const BackboneConfig& config, Binder weights);
  // See albert.cc and distilbert.cc. Errors: as Make.
  static Result<std::unique_ptr<Encoder>> MakeAlbert(const BackboneConfig& config, Binder weights);
  static Result<std::unique_ptr<Encoder>> MakeDistilbert(const BackboneConfig& config,
                                                         Binder weights);

  using Encoder::Forward;
  Mat Forward(Ops& ops, const Batch& batch, LayerTap* tap) const override;
  int64_t width() const override { return width_; }
  int64_t layers() const override { return taken_; }
  int64_t longest() const override { return places_.rows; }

 private:
  struct Layer {
    Weight qkv, o, up, down;
    Norm attention_norm, output_norm;
    int64_t window = kAllKeys;
    bool taken = true;  // Its output is one of the hidden states.
  };

  // An encoder without layers. Errors: as Make.
  static Result<std::unique_ptr<Bert>> Start(const BackboneConfig& config);
  // Words, places, types and their norm, of width E = embedding_size or D. The first `skipped` rows
  // of the table of places belong to no token.
  void BindEmbeddings(const BackboneConfig& config, Binder embeddings, int64_t skipped);
  void Add(const Layer& layer);

  int64_t width_ = 0;
  int64_t taken_ = 0;
  int heads_ = 1;
  Act act_ = Act::kGelu;
  FileTable words_;
  Table places_;
  const float* type_ = nullptr;
  Norm embedding_norm_;
  std::optional<Weight> projection_;
  std::vector<Layer> layers_;
};

}  // namespace waterline
