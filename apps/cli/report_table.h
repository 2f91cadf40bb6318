// Tables of names and values under headings, as --stats and `plan` print them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "waterline/engine.h"

namespace waterline::cli {

// Collects lines that end in "\n".
class ReportTable {
 public:
  void Heading(std::string_view name);
  void Row(std::string_view name, std::string_view value);
  void Count(std::string_view name, int64_t value);     // "1,234,567"
  void Bytes(std::string_view name, size_t value);      // "57.9 MiB (60,712,345 bytes)"
  void Seconds(std::string_view name, double seconds);  // "0.123 s"
  void Line(std::string_view text);                     // As it is.

  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

// The budget in bytes, and where it comes from when nobody gave it.
std::string DescribeBudget(const EngineStats& engine);

}  // namespace waterline::cli
