// What include/waterline/label_vectors.h keeps to itself.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/loaded_model.h"
#include "waterline/engine.h"
#include "waterline/label_vectors.h"
#include "waterline/result.h"

namespace waterline {

struct LabelVectors::Impl {
  std::vector<Label> labels;
  std::string labels_encoder;  // The config's name for it.
  int64_t width = 0;
  std::vector<float> values;  // [labels, width]
  // The same as Head::Forward takes them; empty for an engine that only plans.
  std::vector<float> prepared;
  // The row of what the model reads for a label: its description, or its name.
  std::map<std::string, int64_t, std::less<>> row;

  // Rows of `labels` by what is read for them.
  void Index();
};

// What the model reads for a label.
inline const std::string& TextOf(const Label& label) {
  return label.description.empty() ? label.name : label.description;
}

// Errors: kUnsupported  the model has no label encoder. kBadModel  the vectors are another model's.
Result<void> FitsModel(const LabelVectors::Impl& vectors, const LoadedModel& model);

// Reads a file that LabelVectors::Save wrote; `prepared` and `row` stay empty.
// Errors: kNotFound, kIo; kBadModel  not such a file, or one that contradicts itself; says where.
Result<std::shared_ptr<LabelVectors::Impl>> ReadLabelVectors(const std::filesystem::path& file);

}  // namespace waterline
