// SPDX-License-Identifier: Apache-2.0
#include "byte_size.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

namespace waterline::cli {
namespace {

constexpr double kTooMany = 9223372036854775808.0;  // 2^63.

std::optional<double> ParseUnit(std::string_view unit) {
  std::string name(unit);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.empty() || name == "b") return 1.0;
  const size_t power = std::string_view("kmgt").find(name[0]);
  if (power == std::string_view::npos) return std::nullopt;
  const std::string rest = name.substr(1);
  const int exponent = static_cast<int>(power) + 1;
  if (rest.empty() || rest == "ib") return std::pow(1024.0, exponent);
  if (rest == "b") return std::pow(1000.0, exponent);
  return std::nullopt;
}

bool IsNumber(std::string_view text) {
  const size_t point = text.find('.');
  const auto digits = [](std::string_view part) {
    return !part.empty() && std::all_of(part.begin(), part.end(),
                                        [](unsigned char c) { return std::isdigit(c) != 0; });
  };
  if (point == std::string_view::npos) return digits(text);
  return digits(text.substr(0, point)) && digits(text.substr(point + 1));
}

}  // namespace

Result<size_t> ParseByteSize(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return Error{
        Code::kInvalidArgument,
        fmt::format("'{}' is not a size in bytes: {}; write for example 268435456, 256MiB, "
                    "512M or 1.5G",
                    text, why)};
  };
  const size_t number_end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, number_end);
  std::string_view unit = text.substr(number_end);
  if (!IsNumber(number)) return bad("it does not start with a number");
  if (unit.size() > 1 && unit.front() == ' ') unit.remove_prefix(1);
  const std::optional<double> factor = ParseUnit(unit);
  if (!factor) return bad(fmt::format("'{}' is not a unit", unit));

  double value = 0;
  const auto parsed = std::from_chars(number.data(), number.data() + number.size(), value);
  const double bytes = std::floor(value * *factor);
  if (parsed.ec != std::errc() || bytes >= kTooMany) return bad("it is 2^63 bytes or more");
  if (bytes < 1) return bad("it is less than one byte");
  return static_cast<size_t>(bytes);
}

std::string FormatByteSize(size_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1024) {
    value /= 1024;
    ++unit;
  }
  const bool whole = value == std::floor(value);
  const int decimals = whole ? 0 : value < 10 ? 2 : value < 100 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kUnits[unit]);
}

std::string FormatExactByteSize(size_t bytes) {
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  return fmt::format("{} ({} bytes)", FormatByteSize(bytes),
                     FormatCount(static_cast<int64_t>(bytes)));
}

std::string FormatCount(int64_t count) {
  std::string digits = fmt::format("{}", count);
  const int64_t first = count < 0 ? 1 : 0;
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > first; at -= 3) {
    digits.insert(static_cast<size_t>(at), 1, ',');
  }
  return digits;
}

}  // namespace waterline::cli
