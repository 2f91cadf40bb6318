// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/agreement.h"

#include <charconv>

#include "checkpoint/fields.h"

namespace waterline {
namespace {

namespace dom = simdjson::dom;

// f1_points of one measurement.
std::optional<double> ReadPoints(Fields& fields, std::string_view key, dom::element value) {
  dom::element stored;
  double points = 0;
  if (value["f1_points"].get(stored) == simdjson::SUCCESS && stored.is_number() &&
      stored.get(points) == simdjson::SUCCESS) {
    return points;
  }
  fields.Wrong(key, value, "an object with a number f1_points");
  return std::nullopt;
}

void ReadInt8(Fields& fields, Agreement& agreement) {
  const std::optional<dom::element> value = fields.Value("int8");
  if (!value.has_value()) return;
  dom::object by_levels;
  if (value->get(by_levels) != simdjson::SUCCESS) {
    return fields.Wrong("int8", *value, "an object of levels");
  }
  Fields inner(by_levels, fields.Nested("int8"));
  for (const dom::key_value_pair entry : by_levels) {
    int64_t levels = 0;
    const char* end = entry.key.data() + entry.key.size();
    const auto [stop, error] = std::from_chars(entry.key.data(), end, levels);
    if (error != std::errc() || stop != end || levels <= 0) {
      inner.Wrong(fmt::format("{} is not a number of levels", entry.key));
      continue;
    }
    if (const auto found = ReadPoints(inner, entry.key, entry.value)) {
      agreement.int8[levels] = *found;
    }
  }
  fields.Join(inner);
}

}  // namespace

Result<Agreement> ReadAgreement(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "dtypes.json";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return Agreement{};
  dom::parser parser;
  const Result<dom::object> object = ParseJsonObject(file, parser);
  if (!object.ok()) return object.error();
  Fields fields(*object, "");
  Agreement agreement;
  if (const auto bf16 = fields.Value("bf16")) agreement.bf16 = ReadPoints(fields, "bf16", *bf16);
  ReadInt8(fields, agreement);
  if (!fields.problems().empty()) return fields.BadFile(file);
  return agreement;
}

}  // namespace waterline
