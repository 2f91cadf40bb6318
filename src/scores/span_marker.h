// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "scores/mlp.h"
#include "scores/span_layer.h"

namespace waterline {

// The span modes "markerV0" and "marker"; see span_marker.cc.
class SpanMarker final : public SpanLayer {
 public:
  static Result<std::unique_ptr<SpanLayer>> Make(const GlinerConfig& config, Binder weights);

  Scores Forward(Ops& ops, Mat words, Mat labels, const Batch& batch) const override;
  Mat SpanVectors(Ops& ops, const Scores& scores, std::span<const WordRange> spans) const override;

 private:
  void ScoreBySpans(Ops& ops, const Batch& batch, Scores& scores) const;

  int64_t width_ = 0;   // D
  int64_t widths_ = 0;  // K
  Mlp start_, end_;
  Weight u_, v_;                  // The two halves of out_project's first linear map.
  std::optional<Weight> fold_;    // markerV0: out_project's second linear map, folded.
  std::optional<Weight> second_;  // The same as it is, where it is needed often,
  FileTable second_in_file_;      // and as stored.
  const float* second_bias_ = nullptr;
};

}  // namespace waterline
