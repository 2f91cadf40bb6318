// Label vectors of bi-encoders, computed once: ten thousand labels then cost a matrix product.
//
//   auto vectors = engine->EmbedLabels(labels);
//   vectors->Save("labels.safetensors");
//   auto found = engine->Extract(texts, vectors->labels(), {.label_vectors = &*vectors});
//
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "waterline/result.h"

namespace waterline {

struct Label;

// Made by an engine, for the model that it has. Immutable, cheap to copy (copies share it), safe
// from any thread. Its memory is the caller's: it is not counted in the engine's budget, and takes
// 8 bytes a label and column.
class LabelVectors {
 public:
  // In the order in which they were given, without the later of equal names.
  const std::vector<Label>& labels() const;
  // Columns: hidden_size of the model.
  int64_t width() const;
  // [labels, width], as the label encoder makes them: what encode_labels of the Python package
  // returns.
  std::span<const float> values() const;
  // Writes a safetensors file: the tensor "vectors" [labels, width] f32 and, in the metadata, the
  // labels as JSON under "labels" and the label encoder's name under "labels_encoder". An existing
  // file is replaced when the new one is complete.
  // Errors: kIo  the system refused to write.
  Result<void> Save(const std::string& path) const;

  struct Impl;
  explicit LabelVectors(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const Impl& impl() const { return *impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

}  // namespace waterline
