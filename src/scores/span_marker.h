// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "scores/head.h"

namespace waterline {

// The span heads "markerV0" and "marker"; see span_marker.cc.
class SpanMarker final : public Head {
 public:
  static Result<std::unique_ptr<Head>> Make(const GlinerConfig& config, int64_t encoder_width,
                                            Binder weights);

  Scores Forward(Ops& ops, Mat hidden, const Batch& batch) const override;
  Pooling pooling() const override { return pooling_; }
  int64_t widths() const override { return widths_; }
  int64_t vector_width() const override { return width_; }
  Result<void> SpanVector(const Scores& scores, int64_t start, int64_t end, float* out,
                          std::pmr::memory_resource* memory) const override;

 private:
  // Two linear maps with a ReLU between them.
  struct Mlp {
    Weight up, down;
  };
  static Mlp BindMlp(Binder& binder, const char* name, int64_t width, int64_t middle);

  int64_t width_ = 0;   // D
  int64_t widths_ = 0;  // K
  Pooling pooling_ = Pooling::kFirst;
  std::optional<Weight> projection_;
  std::vector<Ops::LstmWeights> lstm_;
  Mlp start_, end_, prompt_;
  Weight u_, v_;                // The two halves of out_project's first linear map.
  std::optional<Weight> fold_;  // markerV0: out_project's second linear map, folded.
  FileTable second_;            // The same, as stored, for span vectors.
  const float* second_bias_ = nullptr;
};

}  // namespace waterline
