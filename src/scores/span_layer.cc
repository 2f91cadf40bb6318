// SPDX-License-Identifier: Apache-2.0
#include "scores/span_layer.h"

#include <fmt/format.h>

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

}  // namespace

Result<std::unique_ptr<SpanLayer>> MakeSpanLayer(const GlinerConfig& config, Binder weights) {
  if (config.span_encoder) {
    return Error{Code::kUnsupported, "span_encoder_config is not supported"};
  }
  if (config.span_mode == "conv_conv" && config.max_width > kMostConvolutions) {
    return Error{Code::kUnsupported,
                 fmt::format("max_width {} with span_mode \"conv_conv\" is not supported; possible "
                             "are up to {}",
                             config.max_width, kMostConvolutions)};
  }
  std::unique_ptr<SpanLayer> layer = MakeLayer(config, weights.In("span_rep_layer.span_rep_layer"));
  if (layer != nullptr) return layer;
  return Error{Code::kUnsupported,
               fmt::format("span_mode \"{}\" is not supported in a model of the architecture "
                           "\"{}\"; possible are marker, markerV0, markerV1, markerV2, query, mlp, "
                           "cat, conv_conv, conv_max, conv_mean, conv_sum and conv_share",
                           config.span_mode, ArchitectureName(config.architecture))};
}

}  // namespace waterline
