// SPDX-License-Identifier: Apache-2.0
#include "scores/head.h"

#include <fmt/format.h>

#include "scores/span_marker.h"

namespace waterline {

Result<std::unique_ptr<Head>> MakeHead(const GlinerConfig& config, int64_t encoder_width,
                                       Binder weights) {
  const auto unsupported = [](std::string what) {
    return Error{Code::kUnsupported, fmt::format("{} not supported", what)};
  };
  if (config.architecture != Architecture::kUniSpan) {
    return unsupported(
        fmt::format("the architecture \"{}\" is", ArchitectureName(config.architecture)));
  }
  if (config.span_mode != "markerV0" && config.span_mode != "marker") {
    return unsupported(fmt::format("span_mode \"{}\" (possible are \"markerV0\" and \"marker\") is",
                                   config.span_mode));
  }
  if (config.has_span_encoder) return unsupported("span_encoder_config is");
  if (config.precomputed_prompts) return unsupported("precomputed_prompts_mode is");
  return SpanMarker::Make(config, encoder_width, weights);
}

}  // namespace waterline
