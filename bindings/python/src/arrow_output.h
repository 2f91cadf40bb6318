// Entities as an Arrow column, list<struct<start, end, label, score, text>>, and its export.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "arrow_abi.h"

namespace waterline::python {

namespace nb = nanobind;

// The rows of one batch. Immutable once it is exported.
struct EntityChunk {
  // Strings end to end.
  struct Strings {
    std::vector<int32_t> offsets = {0};
    std::string bytes;

    void Append(std::string_view string);
  };

  void AppendNull();
  void AppendRow();  // Ends a row: the entities since the last one are its list.
  int64_t rows() const { return static_cast<int64_t>(offsets.size()) - 1; }

  std::vector<uint8_t> valid;  // Bits.
  int64_t nulls = 0;
  std::vector<int32_t> offsets = {0};
  std::vector<int64_t> start;
  std::vector<int64_t> end;
  std::vector<float> score;
  Strings label;
  Strings text;

 private:
  void AppendValid(bool is_valid);
};

// Chunks of a column. Exports share them.
class EntityColumn {
 public:
  explicit EntityColumn(std::vector<std::shared_ptr<const EntityChunk>> chunks)
      : chunks_(std::move(chunks)) {}

  int64_t rows() const;
  nb::capsule ExportSchema() const;
  nb::capsule ExportStream() const;

 private:
  std::vector<std::shared_ptr<const EntityChunk>> chunks_;
};

void BindEntityColumn(nb::module_& module);

}  // namespace waterline::python
