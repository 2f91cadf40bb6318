// simdjson's On-Demand reader leaves values that nobody asks for unchecked and tells where they
// stand; so every value is asked for, and what is passed on is known to be JSON.
// SPDX-License-Identifier: Apache-2.0
#include "json_record.h"

#include <fmt/format.h>

#include <algorithm>

#include "utf8_text.h"

namespace waterline::cli {
namespace {

namespace od = simdjson::ondemand;

constexpr int kMaxDepth = 1000;

simdjson::error_code CheckValue(od::value value, int depth);

simdjson::error_code CheckArray(od::value value, int depth) {
  od::array array;
  SIMDJSON_TRY(value.get_array().get(array));
  for (auto element : array) {
    od::value inner;
    SIMDJSON_TRY(std::move(element).get(inner));
    SIMDJSON_TRY(CheckValue(inner, depth + 1));
  }
  return simdjson::SUCCESS;
}

simdjson::error_code CheckObject(od::value value, int depth) {
  od::object object;
  SIMDJSON_TRY(value.get_object().get(object));
  for (auto element : object) {
    od::field field;
    SIMDJSON_TRY(std::move(element).get(field));
    SIMDJSON_TRY(field.unescaped_key().error());
    SIMDJSON_TRY(CheckValue(field.value(), depth + 1));
  }
  return simdjson::SUCCESS;
}

// Walks over `value` and all that is in it.
simdjson::error_code CheckValue(od::value value, int depth) {
  if (depth > kMaxDepth) return simdjson::DEPTH_ERROR;
  od::json_type type;
  SIMDJSON_TRY(value.type().get(type));
  switch (type) {
    case od::json_type::array:
      return CheckArray(value, depth);
    case od::json_type::object:
      return CheckObject(value, depth);
    case od::json_type::number:
      return value.get_double().error();
    case od::json_type::string:
      return value.get_string().error();
    case od::json_type::boolean:
      return value.get_bool().error();
    case od::json_type::null: {
      bool null = false;
      SIMDJSON_TRY(value.is_null().get(null));
      return null ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
    }
  }
  return simdjson::TAPE_ERROR;
}

std::string_view TypeName(od::json_type type) {
  switch (type) {
    case od::json_type::array:
      return "an array";
    case od::json_type::object:
      return "an object";
    case od::json_type::number:
      return "a number";
    case od::json_type::string:
      return "a string";
    case od::json_type::boolean:
      return "a boolean";
    case od::json_type::null:
      return "null";
  }
  return "something else";
}

// Where the string behind `open`, which stands at a quote, closes; one past the quote.
size_t StringEnd(std::string_view line, size_t open) {
  size_t at = open + 1;
  while (at < line.size() && line[at] != '"') at += line[at] == '\\' ? 2 : 1;
  return at + 1;
}

std::string DescribeError(simdjson::error_code error, std::string_view line) {
  switch (error) {
    case simdjson::UTF8_ERROR:
      return DescribeInvalidUtf8(line);
    case simdjson::DEPTH_ERROR:
      return fmt::format("its JSON is nested deeper than {}", kMaxDepth);
    case simdjson::NUMBER_ERROR:
      return "it holds a number that is not JSON, or outside of a double's range";
    case simdjson::STRING_ERROR:
      return "it holds a string with an escape that is not JSON, or half a surrogate pair";
    case simdjson::INCORRECT_TYPE:
      return "it is not a JSON object";
    case simdjson::MEMALLOC:
      return "there is no memory to read it";
    default:
      return "it is not JSON";
  }
}

std::string DescribeMissing(std::string_view wanted, const std::vector<JsonField>& fields) {
  constexpr size_t kNamed = 8;
  std::string names;
  for (size_t i = 0; i < std::min(fields.size(), kNamed); ++i) {
    names += fmt::format("{}\"{}\"", i == 0 ? "" : ", ", ShowControls(fields[i].name));
  }
  if (fields.size() > kNamed) names += ", ...";
  return fmt::format("it has no field \"{}\" (it has {}); name the text's field with --text-field",
                     wanted, names.empty() ? "none at all" : names);
}

}  // namespace

simdjson::error_code JsonRecordReader::ReadFields(const std::string& line, JsonRecord& record,
                                                  std::string& flaw) {
  padded_.reserve(line.size() + simdjson::SIMDJSON_PADDING);
  padded_.assign(line);
  od::document document;
  SIMDJSON_TRY(parser_.iterate(padded_.data(), padded_.size(), padded_.capacity()).get(document));
  od::object object;
  SIMDJSON_TRY(document.get_object().get(object));

  int texts = 0;
  for (auto element : object) {
    od::field source;
    SIMDJSON_TRY(std::move(element).get(source));
    JsonField field;
    field.key.at = static_cast<size_t>(source.key().raw() - 1 - padded_.data());
    field.key.size = StringEnd(padded_, field.key.at) - field.key.at;
    std::string_view name;
    SIMDJSON_TRY(source.unescaped_key().get(name));
    field.name = name;

    od::value value = source.value();
    field.value.at = static_cast<size_t>(value.raw_json_token().data() - padded_.data());
    od::json_type type;
    SIMDJSON_TRY(value.type().get(type));
    const bool is_text = name == text_field_;
    if (is_text && type == od::json_type::string) {
      std::string_view text;
      SIMDJSON_TRY(value.get_string().get(text));
      record.text = text;
    } else {
      SIMDJSON_TRY(CheckValue(value, 1));
    }
    if (is_text && ++texts == 2) flaw = fmt::format("it has the field \"{}\" twice", text_field_);
    if (is_text && type != od::json_type::string && flaw.empty()) {
      flaw = fmt::format("its field \"{}\" is {}, not a string", text_field_, TypeName(type));
    }

    const char* next = nullptr;
    SIMDJSON_TRY(document.current_location().get(next));
    size_t end = static_cast<size_t>(next - padded_.data());
    while (std::string_view(" \t\r\n").find(padded_[end - 1]) != std::string_view::npos) --end;
    field.value.size = end - field.value.at;
    record.fields.push_back(std::move(field));
  }
  // There is a place behind the object only when something stands there.
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return simdjson::TRAILING_CONTENT;
  }
  if (texts == 0) flaw = DescribeMissing(text_field_, record.fields);
  return simdjson::SUCCESS;
}

Result<void> JsonRecordReader::Read(const std::string& line, JsonRecord& record) {
  record = {};
  std::string flaw;
  const simdjson::error_code error = ReadFields(line, record, flaw);
  if (error != simdjson::SUCCESS) {
    record = {};
    flaw = DescribeError(error, line);
  }
  if (flaw.empty()) return {};
  record.text.clear();
  return Error{Code::kInvalidArgument, flaw};
}

}  // namespace waterline::cli
