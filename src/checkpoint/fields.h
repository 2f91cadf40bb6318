// Reads the keys of one JSON object of a config file and collects what is wrong with them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "waterline/result.h"

namespace waterline {

// No published model comes near these; beyond them a file is broken, and sizes could overflow.
inline constexpr int64_t kMostRows = int64_t{1} << 28;
inline constexpr int64_t kMostColumns = int64_t{1} << 20;
inline constexpr int64_t kMostLayers = 10000;
inline constexpr int64_t kMostWidth = int64_t{1} << 16;

// The object that a JSON file holds; it lives as long as `parser`.
// Errors: kNotFound, kIo.  kBadModel  empty, or not a JSON object.
Result<simdjson::dom::object> ParseJsonObject(const std::filesystem::path& file,
                                              simdjson::dom::parser& parser);

// The keys of one JSON object. A key that is absent, null or wrong leaves the value as it is; a
// wrong one becomes a problem. `prefix` stands before keys in problems: "encoder_config.".
class Fields {
 public:
  static constexpr int64_t kAny = std::numeric_limits<int64_t>::max();

  Fields(simdjson::dom::object object, std::string prefix)
      : object_(object), prefix_(std::move(prefix)) {}

  bool Has(std::string_view key) const { return Value(key).has_value(); }

  bool IsNull(std::string_view key) const {
    simdjson::dom::element value;
    return object_[key].get(value) == simdjson::SUCCESS && value.is_null();
  }

  std::optional<simdjson::dom::element> Value(std::string_view key) const {
    simdjson::dom::element value;
    if (object_[key].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
    return value;
  }

  void Integer(std::string_view key, int64_t& to, int64_t low, int64_t high = kAny) {
    const std::optional<simdjson::dom::element> value = Value(key);
    if (!value.has_value()) return;
    int64_t number = 0;
    if (value->get(number) != simdjson::SUCCESS) return Wrong(key, *value, "an integer");
    if (number < low || number > high) {
      const std::string range =
          high == kAny ? fmt::format("at least {}", low) : fmt::format("from {} to {}", low, high);
      return Wrong(key, *value, "an integer " + range);
    }
    to = number;
  }

  void Real(std::string_view key, double& to) {
    const std::optional<simdjson::dom::element> value = Value(key);
    if (!value.has_value()) return;
    double number = 0;
    if (!value->is_number() || value->get(number) != simdjson::SUCCESS || number < 0) {
      return Wrong(key, *value, "a number of at least 0");
    }
    to = number;
  }

  void Flag(std::string_view key, bool& to) {
    const std::optional<simdjson::dom::element> value = Value(key);
    if (!value.has_value()) return;
    if (value->get(to) != simdjson::SUCCESS) Wrong(key, *value, "true or false");
  }

  void Text(std::string_view key, std::string& to) {
    const std::optional<simdjson::dom::element> value = Value(key);
    if (!value.has_value()) return;
    std::string_view text;
    if (value->get(text) != simdjson::SUCCESS || text.empty()) {
      return Wrong(key, *value, "a string that is not empty");
    }
    to = text;
  }

  void OneOf(std::string_view key, std::string& to, std::span<const std::string_view> values) {
    const std::optional<simdjson::dom::element> value = Value(key);
    if (!value.has_value()) return;
    std::string_view text;
    if (value->get(text) != simdjson::SUCCESS ||
        std::find(values.begin(), values.end(), text) == values.end()) {
      return Wrong(key, *value, fmt::format("one of {}", fmt::join(values, ", ")));
    }
    to = text;
  }

  // The object at `key` as fields of its own, to be joined when they are read; nullopt, noted, when
  // it is something else.
  std::optional<Fields> Object(std::string_view key) {
    const std::optional<simdjson::dom::element> value = Value(key);
    if (!value.has_value()) return std::nullopt;
    simdjson::dom::object object;
    if (value->get(object) != simdjson::SUCCESS) {
      Wrong(key, *value, "an object or null");
      return std::nullopt;
    }
    return Fields(object, Nested(key));
  }

  void Wrong(std::string_view key, simdjson::dom::element value, std::string_view wanted) {
    constexpr size_t kShown = 80;
    std::string text = simdjson::minify(value);
    if (text.size() > kShown) text = text.substr(0, kShown) + "...";
    problems_.push_back(fmt::format("{}{} is {}, but must be {}", prefix_, key, text, wanted));
  }

  void Wrong(const std::string& what) { problems_.push_back(prefix_ + what); }

  void Join(const Fields& other) {
    problems_.insert(problems_.end(), other.problems_.begin(), other.problems_.end());
  }

  const std::vector<std::string>& problems() const { return problems_; }
  // All problems of `file` in one error.
  Error BadFile(const std::filesystem::path& file) const {
    return {Code::kBadModel, fmt::format("{}: {}", file.string(), fmt::join(problems_, "; "))};
  }
  std::string Nested(std::string_view key) const { return fmt::format("{}{}.", prefix_, key); }

 private:
  simdjson::dom::object object_;
  std::string prefix_;
  std::vector<std::string> problems_;
};

}  // namespace waterline
