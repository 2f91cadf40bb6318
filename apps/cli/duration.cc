// SPDX-License-Identifier: Apache-2.0
#include "duration.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

namespace waterline::cli {
namespace {

constexpr double kYear = 365.0 * 24 * 60 * 60 * 1000;
constexpr std::pair<std::string_view, double> kUnits[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}};

}  // namespace

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error{
        Code::kInvalidArgument,
        fmt::format("'{}' is not a time: {}; write for example 500ms, 30s, 2m or 1.5h", text, why)};
  };
  const size_t number_end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, number_end);
  const std::string_view unit = text.substr(number_end);
  double value = 0;
  const char* end = number.data() + number.size();
  const auto [stop, error] = std::from_chars(number.data(), end, value, std::chars_format::fixed);
  if (error != std::errc() || stop != end) return bad("it does not start with a number");
  if (unit.empty() && value == 0) return std::chrono::milliseconds(0);
  if (unit.empty()) return bad("it has no unit");
  const auto known = std::find_if(std::begin(kUnits), std::end(kUnits),
                                  [&](const auto& entry) { return entry.first == unit; });
  if (known == std::end(kUnits)) return bad(fmt::format("'{}' is not a unit", unit));
  const double milliseconds = value * known->second;
  if (milliseconds > kYear) return bad("it is more than a year");
  if (milliseconds > 0 && milliseconds < 1) return bad("it is less than a millisecond");
  return std::chrono::milliseconds(static_cast<int64_t>(milliseconds));
}

}  // namespace waterline::cli
