// SPDX-License-Identifier: Apache-2.0
#include "json_body.h"

#include <fmt/format.h>
#include <rapidjson/error/en.h>
#include <rapidjson/pointer.h>
#include <rapidjson/reader.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

namespace waterline::server {
namespace {

using rapidjson::SizeType;
using rapidjson::Value;

// Passes events on to `Next` until a limit is exceeded.
template <typename Next>
class LimitedHandler {
 public:
  using Ch = char;
  LimitedHandler(Next& next, const JsonLimits& limits) : next_(next), limits_(limits) {}

  bool Null() { return Count() && next_.Null(); }
  bool Bool(bool b) { return Count() && next_.Bool(b); }
  bool Int(int i) { return Count() && next_.Int(i); }
  bool Uint(unsigned i) { return Count() && next_.Uint(i); }
  bool Int64(int64_t i) { return Count() && next_.Int64(i); }
  bool Uint64(uint64_t i) { return Count() && next_.Uint64(i); }
  // To JSON Schema 3.0 is an integer.
  bool Double(double d) {
    constexpr double kExact = 9007199254740992.0;  // 2^53
    if (std::abs(d) <= kExact && d == std::trunc(d)) return Int64(static_cast<int64_t>(d));
    return Count() && next_.Double(d);
  }
  bool RawNumber(const char* s, SizeType n, bool copy) {
    return Count() && next_.RawNumber(s, n, copy);
  }
  bool String(const char* s, SizeType n, bool copy) { return Count() && next_.String(s, n, copy); }
  bool Key(const char* s, SizeType n, bool copy) { return Count() && next_.Key(s, n, copy); }
  bool StartObject() { return Enter() && next_.StartObject(); }
  bool EndObject(SizeType n) { return --depth_, next_.EndObject(n); }
  bool StartArray() { return Enter() && next_.StartArray(); }
  bool EndArray(SizeType n) { return --depth_, next_.EndArray(n); }

  bool too_deep() const { return depth_ > limits_.depth; }

 private:
  bool Count() { return ++values_ <= limits_.values; }
  bool Enter() { return ++depth_ <= limits_.depth && Count(); }

  Next& next_;
  const JsonLimits& limits_;
  int depth_ = 0;
  size_t values_ = 0;
};

// Feeds a document from a parse within limits (rapidjson::Document::Populate).
struct Source {
  std::string& json;
  const JsonLimits& limits;
  rapidjson::ParseResult result = {};
  bool too_deep = false;

  template <typename Handler>
  bool operator()(Handler& handler) {
    rapidjson::Reader reader;
    rapidjson::InsituStringStream stream(json.data());
    LimitedHandler<Handler> limited(handler, limits);
    constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                                rapidjson::kParseValidateEncodingFlag |
                                rapidjson::kParseFullPrecisionFlag;
    result = reader.Parse<kFlags>(stream, limited);
    too_deep = limited.too_deep();
    return !result.IsError();
  }
};

Problem TooLarge(bool deep, const JsonLimits& limits) {
  if (deep) {
    return {413,
            "too_deep",
            fmt::format("the JSON is nested deeper than {}", limits.depth),
            {},
            static_cast<size_t>(limits.depth)};
  }
  return {413,
          "too_many_values",
          fmt::format("the JSON has more than {} values and keys", limits.values),
          {},
          limits.values};
}

// `value` without references: each stands for the schema of `all` that it names.
Value Resolve(const Value& value, const Value& all, rapidjson::Document::AllocatorType& memory) {
  if (value.IsArray()) {
    Value copy(rapidjson::kArrayType);
    for (const Value& item : value.GetArray()) copy.PushBack(Resolve(item, all, memory), memory);
    return copy;
  }
  if (!value.IsObject()) return Value(value, memory);
  if (const auto reference = value.FindMember("$ref"); reference != value.MemberEnd()) {
    const std::string_view path(reference->value.GetString(), reference->value.GetStringLength());
    const std::string name(path.substr(path.rfind('/') + 1));
    return Resolve(all[name.c_str()], all, memory);
  }
  Value copy(rapidjson::kObjectType);
  for (const auto& member : value.GetObject()) {
    copy.AddMember(Value(member.name, memory), Resolve(member.value, all, memory), memory);
  }
  return copy;
}

std::string Show(const Value& list) {
  std::string names;
  for (const Value& each : list.GetArray()) {
    if (each.IsString()) names += (names.empty() ? "" : ", ") + std::string(each.GetString());
  }
  return names;
}

std::string Number(const Value& schema, const char* keyword) {
  const Value& limit = schema[keyword];
  return limit.IsInt64() ? std::to_string(limit.GetInt64()) : fmt::format("{}", limit.GetDouble());
}

std::string DescribeType(const Value& schema) {
  const Value& type = schema["type"];
  if (type.IsString()) return type.GetString();
  std::string names;
  for (const Value& each : type.GetArray()) {
    names += (names.empty() ? "" : " or ") + std::string(each.GetString());
  }
  return names;
}

// What `keyword` of `schema` asks for, as a sentence about the field.
std::string Describe(std::string_view keyword, const Value& schema, const Value* value) {
  const auto has = [&](const char* name) { return schema.IsObject() && schema.HasMember(name); };
  const auto is = [&](const char* name) { return keyword == name && has(name); };
  if (is("type")) return "must be of type " + DescribeType(schema);
  if (is("enum")) return "must be one of " + Show(schema["enum"]);
  if (is("minimum")) return "must be at least " + Number(schema, "minimum");
  if (is("maximum")) return "must be at most " + Number(schema, "maximum");
  if (is("minLength")) return "must have at least " + Number(schema, "minLength") + " characters";
  if (is("maxLength")) return "must have at most " + Number(schema, "maxLength") + " characters";
  if (is("minItems")) return "must have at least " + Number(schema, "minItems") + " items";
  if (is("maxItems")) return "must have at most " + Number(schema, "maxItems") + " items";
  if (is("minProperties"))
    return "must have at least " + Number(schema, "minProperties") + " members";
  if (is("maxProperties"))
    return "must have at most " + Number(schema, "maxProperties") + " members";
  if (is("additionalProperties")) return "is not known";
  if (is("required") && value != nullptr && value->IsObject()) {
    for (const Value& name : schema["required"].GetArray()) {
      if (!value->HasMember(name)) return fmt::format("lacks \"{}\"", name.GetString());
    }
  }
  return fmt::format("breaks the rule \"{}\"", keyword);
}

// The fields of which an `anyOf` of `required` wants one.
std::vector<std::string> Alternatives(const Value& schema) {
  std::vector<std::string> names;
  for (const Value& one : schema["anyOf"].GetArray()) {
    if (one.HasMember("required")) names.emplace_back(one["required"][0].GetString());
  }
  return names;
}

// A JSON pointer, not in the form for addresses.
std::string Show(const rapidjson::Pointer& pointer) {
  rapidjson::StringBuffer buffer;
  pointer.Stringify(buffer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

std::optional<Problem> ParseJson(std::string& json, const JsonLimits& limits,
                                 rapidjson::Document& document) {
  if (const size_t zero = json.find('\0'); zero != json.npos) {  // Would end the stream early.
    return Problem{400, "malformed_json",
                   fmt::format("the body is not JSON: byte {} is zero", zero + 1)};
  }
  Source source{json, limits};
  document.Populate(source);
  if (!source.result.IsError()) return std::nullopt;
  if (source.result.Code() == rapidjson::kParseErrorTermination) {
    return TooLarge(source.too_deep, limits);
  }
  return Problem{
      400, "malformed_json",
      fmt::format("the body is not JSON: {} At byte {}",
                  rapidjson::GetParseError_En(source.result.Code()), source.result.Offset() + 1)};
}

struct Schemas::Compiled {
  rapidjson::Document source;
  std::unique_ptr<rapidjson::SchemaDocument> schema;
};

Schemas::Schemas(std::string_view openapi) {
  rapidjson::Document whole;
  whole.Parse(openapi.data(), openapi.size());
  const Value& all = whole["components"]["schemas"];
  for (const auto& member : all.GetObject()) {
    auto compiled = std::make_unique<Compiled>();
    Value resolved = Resolve(member.value, all, compiled->source.GetAllocator());
    static_cast<Value&>(compiled->source) = std::move(resolved);
    compiled->schema = std::make_unique<rapidjson::SchemaDocument>(compiled->source);
    schemas_.emplace(member.name.GetString(), std::move(compiled));
  }
}

Schemas::~Schemas() = default;

std::optional<Problem> Schemas::Check(const std::string& name,
                                      const rapidjson::Document& document) const {
  const Compiled& compiled = *schemas_.at(name);
  rapidjson::SchemaValidator validator(*compiled.schema);
  if (document.Accept(validator)) return std::nullopt;
  const rapidjson::Pointer place = validator.GetInvalidDocumentPointer();
  const Value* schema = validator.GetInvalidSchemaPointer().Get(compiled.source);
  static const Value kNone;
  std::string field = Show(place);
  const std::string_view keyword = validator.GetInvalidSchemaKeyword();
  std::string message = Describe(keyword, schema != nullptr ? *schema : kNone, place.Get(document));
  if (keyword == "required") {  // The field is the one that is not there.
    const size_t quote = message.find('"');
    if (quote != message.npos) {
      field += "/" + message.substr(quote + 1, message.size() - quote - 2);
      message = "is missing";
    }
  }
  if (keyword == "anyOf" && schema != nullptr && schema->HasMember("anyOf")) {
    const std::vector<std::string> names = Alternatives(*schema);
    if (!names.empty()) {
      field += "/" + names.front();
      message = "is missing";
      for (size_t i = 1; i < names.size(); ++i)
        message += fmt::format(", and so is \"{}\"", names[i]);
    }
  }
  return Problem{422, "invalid_field",
                 (field.empty() ? std::string("the body ") : "\"" + field + "\" ") + message,
                 field};
}

}  // namespace waterline::server
