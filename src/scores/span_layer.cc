// SPDX-License-Identifier: Apache-2.0
#include "scores/span_layer.h"

#include <fmt/format.h>

#include <utility>

#include "scores/context_encoder.h"
#include "scores/span_conv.h"
#include "scores/span_marker.h"
#include "scores/span_query.h"

namespace waterline {

namespace {

// A convolution for each width has as many weights as half the square of this times hidden_size².
constexpr int64_t kMostConvolutions = 256;

std::unique_ptr<SpanLayer> MakeLayer(const GlinerConfig& config, Binder weights) {
  const std::string& mode = config.span_mode;
  if (mode == "marker" || mode == "markerV0" || mode == "markerV1" || mode == "markerV2") {
    return SpanMarker::Make(config, weights);
  }
  if (mode == "query") return MakeSpanQuery(config, weights);
  if (mode == "mlp") return MakeSpanMlp(config, weights);
  if (mode == "cat") return MakeSpanCat(config, weights);
  if (mode == "conv_conv") return MakeSpanConv(config, weights);
  if (mode == "conv_max") return MakeSpanPool(config, Pooling::kMax, weights);
  if (mode == "conv_mean") return MakeSpanPool(config, Pooling::kMean, weights);
  if (mode == "conv_sum") return MakeSpanPool(config, Pooling::kSum, weights);
  if (mode == "conv_share") return MakeSpanConvShare(config, weights);
  return nullptr;
}

// Spans of words that an encoder has seen once more.
class InContext final : public SpanLayer {
 public:
  InContext(std::unique_ptr<ContextEncoder> encoder, std::unique_ptr<SpanLayer> layer)
      : encoder_(std::move(encoder)), layer_(std::move(layer)) {}

  Scores Forward(Ops& ops, Mat words, Mat labels, const Batch& batch) const override {
    words = encoder_->Forward(ops, std::move(words), batch.word_begins);
    return layer_->Forward(ops, std::move(words), std::move(labels), batch);
  }
  Mat SpanVectors(Ops& ops, const Scores& scores, std::span<const WordRange> spans) const override {
    return layer_->SpanVectors(ops, scores, spans);
  }

 private:
  std::unique_ptr<ContextEncoder> encoder_;
  std::unique_ptr<SpanLayer> layer_;
};

}  // namespace

Result<std::unique_ptr<SpanLayer>> MakeSpanLayer(const GlinerConfig& config, Binder weights,
                                                 std::pmr::memory_resource* memory) {
  if (config.span_mode == "conv_conv" && config.max_width > kMostConvolutions) {
    return Error{Code::kUnsupported,
                 fmt::format("max_width {} with span_mode \"conv_conv\" is not supported; possible "
                             "are up to {}",
                             config.max_width, kMostConvolutions)};
  }
  const Binder span = weights.In("span_rep_layer");
  std::unique_ptr<SpanLayer> layer = MakeLayer(config, span.In("span_rep_layer"));
  if (layer != nullptr) {
    if (!config.span_encoder) return layer;
    Result<std::unique_ptr<ContextEncoder>> encoder =
        ContextEncoder::Make(config, span.In("context_encoder"), memory);
    if (!encoder.ok()) return encoder.error();
    return std::unique_ptr<SpanLayer>(
        std::make_unique<InContext>(std::move(*encoder), std::move(layer)));
  }
  return Error{Code::kUnsupported,
               fmt::format("span_mode \"{}\" is not supported in a model of the architecture "
                           "\"{}\"; possible are marker, markerV0, markerV1, markerV2, query, mlp, "
                           "cat, conv_conv, conv_max, conv_mean, conv_sum and conv_share",
                           config.span_mode, ArchitectureName(config.architecture))};
}

}  // namespace waterline
