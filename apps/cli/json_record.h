// One line of JSONL: its text, and where its fields stand so that they can be passed on unchanged.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/result.h"

namespace waterline::cli {

// A part of a line, in bytes.
struct Slice {
  size_t at = 0;
  size_t size = 0;

  std::string_view Of(std::string_view line) const { return line.substr(at, size); }
};

struct JsonField {
  std::string name;  // Without quotes and escapes.
  Slice key;         // With its quotes, as it stands.
  Slice value;       // As it stands, white space inside included.
};

struct JsonRecord {
  std::string text;
  std::vector<JsonField> fields;  // In the order of the line, the text's included.
};

// Reads lines one after the other; keeps simdjson's buffers between them (about six times the
// longest line). For one thread.
class JsonRecordReader {
 public:
  explicit JsonRecordReader(std::string text_field) : text_field_(std::move(text_field)) {}

  // Reads `line`, which is checked to its last byte. Where the line is an object but its text
  // cannot be used, `record` holds the fields all the same. Errors: kInvalidArgument  not UTF-8,
  // not JSON, not an object; nested deeper than 1,000; numbers
  //   outside of a double's range; no text field, two of them, or one that is not a string.
  Result<void> Read(const std::string& line, JsonRecord& record);

 private:
  // The fields of `line` into `record`; what is wrong with the text, "" for nothing, into `flaw`.
  simdjson::error_code ReadFields(const std::string& line, JsonRecord& record, std::string& flaw);

  std::string text_field_;
  std::string padded_;
  simdjson::ondemand::parser parser_;
};

}  // namespace waterline::cli
