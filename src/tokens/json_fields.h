// Typed fields of JSON objects, with errors that name them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>

#include "waterline/result.h"

namespace waterline {

// An object of a JSON file. `key` is where it stands, e.g. "normalizer.normalizers[1]".
class JsonFields {
 public:
  JsonFields(const simdjson::dom::element& json, std::string key)
      : json_(json), key_(std::move(key)) {}

  // The field `name`; null counts as absent.
  std::optional<simdjson::dom::element> Find(std::string_view name) const {
    simdjson::dom::element value;
    if (json_[name].get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
    return value;
  }
  // The field `name` as T (bool, std::string_view, int64_t, dom::array, dom::object).
  // Errors: kBadModel  absent, or of another type.
  template <typename T>
  Result<T> Get(std::string_view name) const {
    const std::optional<simdjson::dom::element> value = Find(name);
    if (!value.has_value()) return Bad(name, "is missing");
    T typed{};
    if (value->get(typed) != simdjson::SUCCESS) return Bad(name, "is of another type");
    return typed;
  }
  // The same, or `fallback` where it is absent.
  template <typename T>
  Result<T> Get(std::string_view name, T fallback) const {
    if (!Find(name).has_value()) return fallback;
    return Get<T>(name);
  }
  Error Bad(std::string_view name, std::string_view what) const {
    return {Code::kBadModel, fmt::format("key {}.{} {}", key_, name, what)};
  }
  const std::string& key() const { return key_; }

 private:
  simdjson::dom::element json_;
  std::string key_;
};

}  // namespace waterline
