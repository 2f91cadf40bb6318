// A column of strings of an Arrow table, read where it lies.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "arrow_abi.h"
#include "waterline/result.h"

namespace waterline::python {

namespace nb = nanobind;

// How the strings of a column are laid out.
enum class StringLayout {
  kNull,   // Type null: none at all.
  kSmall,  // string: offsets of 32 bits.
  kLarge,  // large_string: offsets of 64 bits.
  kView,   // string_view.
};

// Strings of one batch. Views `array`, which must outlive it.
class StringArray {
 public:
  StringArray(const ArrowArray& array, StringLayout layout) : array_(&array), layout_(layout) {}

  // The string at `row`, counted from the start of the array's offset; nullopt for null.
  std::optional<std::string_view> at(int64_t row) const;

 private:
  std::string_view View(int64_t at) const;

  const ArrowArray* array_;
  StringLayout layout_;
};

// The batches of a table or the chunks of a column, with the strings of one column.
class TextStream {
 public:
  // Of an object with __arrow_c_stream__ or __arrow_c_array__: a table whose column `column` has
  // strings, or, without `column`, an array of strings. Throws TypeError for other objects and
  // types, KeyError for a column that is not there.
  TextStream(nb::handle source, const std::optional<std::string>& column);

  // Reads the next batch; false at the end. Needs no GIL.
  // Errors: kIo  the source failed; says what it said.
  Result<bool> Next();

  int64_t rows() const { return (*batch_)->length; }
  std::optional<std::string_view> at(int64_t row) const;

 private:
  void Open(nb::handle source);
  void FindColumn(const std::optional<std::string>& column);

  Released<ArrowSchema> schema_;
  std::optional<Released<ArrowArrayStream>> stream_;
  std::optional<Released<ArrowArray>> only_;  // In place of a stream: one batch.
  std::optional<Released<ArrowArray>> batch_;
  int64_t child_ = -1;  // Of the table; -1: the array itself.
  StringLayout layout_ = StringLayout::kSmall;
  char index_ = 0;  // Format of the indices into a dictionary; 0 without.
};

}  // namespace waterline::python
