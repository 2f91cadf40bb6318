// SPDX-License-Identifier: Apache-2.0
#include "report_table.h"

#include <fmt/format.h>

#include <iterator>

#include "byte_size.h"

namespace waterline::cli {

void ReportTable::Heading(std::string_view name) {
  fmt::format_to(std::back_inserter(text_), "{}\n", name);
}

void ReportTable::Row(std::string_view name, std::string_view value) {
  fmt::format_to(std::back_inserter(text_), "  {:<25} {}\n", name, value);
}

void ReportTable::Count(std::string_view name, int64_t value) { Row(name, FormatCount(value)); }

void ReportTable::Bytes(std::string_view name, size_t value) {
  Row(name, FormatExactByteSize(value));
}

void ReportTable::Seconds(std::string_view name, double seconds) {
  Row(name, fmt::format("{:.3f} s", seconds));
}

void ReportTable::Line(std::string_view text) {
  fmt::format_to(std::back_inserter(text_), "  {}\n", text);
}

std::string DescribeBudget(const EngineStats& engine) {
  std::string text = FormatExactByteSize(engine.memory_budget);
  if (engine.automatic) {
    text += fmt::format(", half of the {} that were free", FormatByteSize(engine.available));
  }
  return text;
}

}  // namespace waterline::cli
