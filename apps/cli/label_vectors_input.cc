// SPDX-License-Identifier: Apache-2.0
#include "label_vectors_input.h"

#include <fmt/format.h>

#include <utility>

namespace waterline::cli {

Result<void> LoadLabelVectors(const Engine& engine, const RunArguments& arguments,
                              RunInput& input) {
  if (arguments.label_vectors.empty()) return {};
  Result<LabelVectors> vectors = engine.LoadLabels(arguments.label_vectors);
  if (!vectors.ok()) {
    return Error{vectors.error().code, fmt::format("--label-vectors {}", vectors.error().message)};
  }
  if (input.labels.empty()) input.labels = vectors->labels();
  input.vectors = *std::move(vectors);
  return {};
}

Result<void> PrepareLabelVectors(const Engine& engine, const RunArguments& arguments,
                                 RunInput& input) {
  if (!arguments.label_vectors.empty() || input.labels.empty()) {
    return LoadLabelVectors(engine, arguments, input);
  }
  Result<LabelVectors> vectors = engine.EmbedLabels(input.labels);
  if (vectors.ok()) {
    input.vectors = *std::move(vectors);
  } else if (vectors.error().code != Code::kUnsupported) {
    return vectors.error();
  }
  return {};
}

}  // namespace waterline::cli
