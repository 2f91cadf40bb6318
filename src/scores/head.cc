// SPDX-License-Identifier: Apache-2.0
#include "scores/head.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "scores/span_head.h"
#include "scores/token_head.h"

namespace waterline {

Mat Head::RescoreSpans(Ops&, const Scores&, const Batch&, size_t,
                       std::span<const WordRange>) const {
  WATERLINE_CHECK(!rescores());
  return {};
}

Mat GivenLabelRows(Ops& ops, const Batch& batch, int64_t width) {
  int64_t count = 0;
  for (const GivenLabels* labels : batch.given) count += labels->count;
  Mat out(ops.arena(), count, width, "labels");
  int64_t row = 0;
  for (const GivenLabels* labels : batch.given) {
    WATERLINE_CHECK(labels->width == width);
    ops.CopyIn({const_cast<float*>(labels->rows), labels->count, width, width},
               out.view().Rows(row, row + labels->count));
    row += labels->count;
  }
  return out;
}

Result<std::unique_ptr<Head>> MakeHead(const GlinerConfig& config, const BackboneConfig& backbone,
                                       Binder weights, std::pmr::memory_resource* memory) {
  const auto unsupported = [](std::string what) {
    return Error{Code::kUnsupported, fmt::format("{} not supported", what)};
  };
  switch (config.architecture) {
    case Architecture::kUniSpan:
    case Architecture::kBiSpan:
    case Architecture::kUniSpanRelations:
      return SpanHead::Make(config, backbone, weights, memory);
    case Architecture::kUniToken:
    case Architecture::kBiToken:
    case Architecture::kUniTokenRelations:
      return TokenHead::Make(config, backbone, weights, memory);
    default:
      return unsupported(
          fmt::format("the architecture \"{}\" is", ArchitectureName(config.architecture)));
  }
}

}  // namespace waterline
