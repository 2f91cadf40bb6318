// The one place that writes JSON: RapidJSON's Writer into a string.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rapidjson/writer.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace waterline::cli {

// `value` with the fewest digits that read back as the same double, and always a fraction or an
// exponent: 0.5, 1.0, 1e-05; as Python's repr.
std::string FormatDouble(double value);

// Appends compact JSON to a string. Calls come in the order of the output; strings are UTF-8.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : stream_{out}, writer_(stream_) {}

  void StartObject() { writer_.StartObject(); }
  void EndObject() { writer_.EndObject(); }
  void StartArray() { writer_.StartArray(); }
  void EndArray() { writer_.EndArray(); }

  void Key(std::string_view name) { String(name); }
  // A key and its value.
  void Field(std::string_view name, std::string_view text) {
    Key(name);
    String(text);
  }
  void IntField(std::string_view name, int64_t value) {
    Key(name);
    Int(value);
  }
  void SizeField(std::string_view name, size_t value) {
    Key(name);
    Size(value);
  }
  void RawKey(std::string_view json) {
    writer_.RawValue(json.data(), json.size(), rapidjson::kStringType);
  }

  void String(std::string_view text) {
    writer_.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  }
  void Int(int64_t value) { writer_.Int64(value); }
  void Size(size_t value) { writer_.Uint64(value); }
  void Bool(bool value) { writer_.Bool(value); }
  void Double(double value) {
    const std::string text = FormatDouble(value);
    writer_.RawValue(text.data(), text.size(), rapidjson::kNumberType);
  }
  void RawValue(std::string_view json) {
    writer_.RawValue(json.data(), json.size(), rapidjson::kObjectType);
  }

 private:
  struct Stream {
    using Ch = char;
    std::string& out;
    void Put(char c) { out.push_back(c); }
    void Flush() {}
  };

  Stream stream_;
  rapidjson::Writer<Stream> writer_;
};

}  // namespace waterline::cli
