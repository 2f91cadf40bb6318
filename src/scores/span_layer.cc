// SPDX-License-Identifier: Apache-2.0
#include "scores/span_layer.h"

#include <fmt/format.h>

#include "scores/span_marker.h"

namespace waterline {

Result<std::unique_ptr<SpanLayer>> MakeSpanLayer(const GlinerConfig& config, Binder weights) {
  if (config.span_encoder) {
    return Error{Code::kUnsupported, "span_encoder_config is not supported"};
  }
  const Binder span = weights.In("span_rep_layer.span_rep_layer");
  if (config.span_mode == "markerV0" || config.span_mode == "marker") {
    return SpanMarker::Make(config, span);
  }
  return Error{Code::kUnsupported,
               fmt::format("span_mode \"{}\" is not supported; possible are \"markerV0\" and "
                           "\"marker\"",
                           config.span_mode)};
}

}  // namespace waterline
