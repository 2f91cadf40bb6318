// SPDX-License-Identifier: Apache-2.0
#include "copy_format.h"

#include "csv_format.h"
#include "json_writer.h"

namespace waterline::cli {

CopyFormat::CopyFormat(InputKind kind, const ReadOptions& read)
    : kind_(kind), text_field_(read.text_field), delimiter_(DelimiterOf(read, kind)) {}

bool CopyFormat::AppendJson(const InputDocument& document,
                            const std::optional<std::string_view>& text, const std::string& error,
                            std::string& out) const {
  if (document.blank) {
    out += '\n';
    return false;
  }
  JsonWriter json(out);
  json.StartObject();
  if (document.fields.empty()) json.IntField("line", document.line);
  for (const JsonField& field : document.fields) {
    if (!text && field.name == "error") continue;
    json.RawKey(field.key.Of(document.json));
    if (field.name != text_field_) {
      json.RawValue(field.value.Of(document.json));
    } else if (text) {
      json.String(*text);
    } else {
      json.RawValue("null");
    }
  }
  if (!text) json.Field("error", error);
  json.EndObject();
  out += '\n';
  return true;
}

bool CopyFormat::AppendRecord(const InputDocument& document,
                              const std::optional<std::string_view>& text, std::string& out) {
  if (document.fields.empty()) return false;
  const char* separator = "";
  const std::string delimiter(1, delimiter_);
  for (const JsonField& field : document.fields) {
    out += separator;
    separator = delimiter.c_str();
    if (field.name == text_field_) {
      AppendCsvField(text.value_or(""), delimiter_, out);
    } else {
      const std::string_view json = field.value.Of(document.json);
      std::string_view value;  // The reader wrote it: it is a string.
      if (parser_.parse(json.data(), json.size()).get(value) != simdjson::SUCCESS) continue;
      AppendCsvField(value, delimiter_, out);
    }
  }
  // A record of one empty field would be a blank line, which is none.
  if (document.fields.size() == 1 && text.value_or("").empty()) out += "\"\"";
  out += '\n';
  return true;
}

bool CopyFormat::Append(const InputDocument& document, const std::optional<std::string_view>& text,
                        const std::string& error, std::string& out) {
  if (document.lost_file) return false;
  switch (kind_) {
    case InputKind::kAuto:
    case InputKind::kText:
      out += text.value_or("");
      return text.has_value();
    case InputKind::kLines:
      out += text.value_or("");
      out += document.line_end;
      return true;
    case InputKind::kJsonl:
      return AppendJson(document, text, error, out);
    case InputKind::kCsv:
    case InputKind::kTsv:
      return AppendRecord(document, text, out);
  }
  return false;
}

std::string CopyFormat::Header(const InputDocument& document) const {
  std::string header;
  for (const JsonField& field : document.fields) {
    if (&field != &document.fields.front()) header += delimiter_;
    AppendCsvField(field.name, delimiter_, header);
  }
  return header + "\n";
}

}  // namespace waterline::cli
