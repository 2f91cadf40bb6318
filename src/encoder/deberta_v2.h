// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <optional>
#include <vector>

#include "encoder/encoder.h"

namespace waterline {

// DeBERTa v2 and v3, mDeBERTa; see deberta_v2.cc. And v1, which computes the same from other names;
// see deberta.cc.
class DebertaV2 final : public Encoder {
 public:
  // Errors: kUnsupported  an activation or pos_att_type that is not known.
  static Result<std::unique_ptr<Encoder>> Make(const BackboneConfig& config, Binder weights,
                                               std::pmr::memory_resource* memory);
  // Errors: as Make, and talking_head.
  static Result<std::unique_ptr<Encoder>> MakeFirst(const BackboneConfig& config, Binder weights,
                                                    std::pmr::memory_resource* memory);
  explicit DebertaV2(std::pmr::memory_resource* memory) : bucket_(memory) {}

  using Encoder::Forward;
  Mat Forward(Ops& ops, const Batch& batch, LayerTap* tap) const override;
  int64_t width() const override { return width_; }
  int64_t layers() const override { return static_cast<int64_t>(layers_.size()); }
  int64_t longest() const override { return longest_; }

 private:
  // Everything but the positions and the layers. Errors: as Make.
  static Result<std::unique_ptr<DebertaV2>> Start(const BackboneConfig& config, Binder weights,
                                                  std::pmr::memory_resource* memory);
  // Fills bucket_ for a table of 2 span rows.
  void FillBuckets(int64_t span, int64_t buckets, int64_t max_position);

  struct Layer {
    Weight qkv, o, up, down;
    Norm attention_norm, output_norm;
    MatView position_keys, position_queries;  // [2 span, D]
  };
  // The convolution beside layer 0 of v2-xlarge and v2-xxlarge.
  struct Convolution {
    Weight weight;
    int64_t kernel = 0;
    Act act = Act::kTanh;
    Norm norm;
  };

  int64_t width_ = 0;
  int64_t longest_ = 0;
  int heads_ = 1;
  float scale_ = 1;
  Act act_ = Act::kGelu;
  FileTable words_;
  Table places_;
  const float* type_ = nullptr;
  std::optional<Weight> embedding_projection_;
  Norm embedding_norm_;
  std::optional<Convolution> convolution_;
  std::vector<Layer> layers_;
  bool relative_ = false;
  int64_t reach_ = 0;
  std::pmr::vector<int32_t> bucket_;  // δ of distance i - j at (i - j) + reach_.
};

// The bucket of relative position `distance` (transformers make_log_bucket_position): itself up to
// buckets / 2, then logarithmic. Not clamped to the table. buckets <= 0: the distance itself.
int64_t RelativeBucket(int64_t distance, int64_t buckets, int64_t max_position);

}  // namespace waterline
