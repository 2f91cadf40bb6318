// SPDX-License-Identifier: Apache-2.0
#include "redaction_format.h"

#include "text/offsets.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

using redaction::RedactedSpan;
using redaction::RedactedText;

void WritePlace(const InputDocument& document, const std::vector<std::string>& files,
                JsonWriter& json) {
  if (files.size() < 2) return;
  const std::string& file = files[document.file];
  json.Field("file", IsUtf8(file) ? file : "not UTF-8");
}

// The fields of the document; `text` null where there is none.
void WriteFields(const InputDocument& document, const std::vector<std::string>& files,
                 const std::string& text_field, const std::optional<std::string_view>& text,
                 JsonWriter& json) {
  const auto write_text = [&] { text ? json.String(*text) : json.RawValue("null"); };
  if (document.fields.empty()) {
    WritePlace(document, files, json);
    if (document.line > 0 && !text) json.IntField("line", document.line);
    json.Key("text");
    return write_text();
  }
  for (const JsonField& field : document.fields) {
    if (field.name == "redactions" || (field.name == "error" && !text)) continue;
    json.RawKey(field.key.Of(document.json));
    if (field.name == text_field) {
      write_text();
    } else {
      json.RawValue(field.value.Of(document.json));
    }
  }
}

}  // namespace

TextFindings FindingsOf(const std::vector<redaction::PatternMatch>& matches,
                        const std::vector<redaction::PatternRule>& patterns,
                        const std::vector<Entity>& entities, const std::vector<Label>& labels) {
  TextFindings found;
  for (const redaction::PatternMatch& match : matches) {
    found.findings.push_back(
        {match.byte_start, match.byte_end, patterns[match.rule].label, /*score=*/1});
    found.rules.emplace_back(match.rule);
  }
  for (const Entity& entity : entities) {
    const Label& label = labels[static_cast<size_t>(entity.label)];
    found.findings.push_back({entity.byte_start, entity.byte_end, label.name, entity.score});
    found.rules.emplace_back();
  }
  return found;
}

void WriteRedactions(std::string_view text, const RedactedText& made, const TextFindings& found,
                     const std::vector<redaction::PatternRule>& patterns, Offsets offsets,
                     JsonWriter& json) {
  OffsetCursor before(text, UnitOf(offsets));
  OffsetCursor after(made.text, UnitOf(offsets));
  json.Key("redactions");
  json.StartArray();
  for (const RedactedSpan& span : made.spans) {
    const redaction::Finding& finding = found.findings[span.finding];
    json.StartObject();
    json.SizeField("start", before.FromByte(span.byte_start));
    json.SizeField("end", before.FromByte(span.byte_end));
    json.SizeField("new_start", after.FromByte(span.new_byte_start));
    json.SizeField("new_end", after.FromByte(span.new_byte_end));
    json.Field("label", finding.label);
    if (const std::optional<size_t> rule = found.rules[span.finding]) {
      json.Field("rule", patterns[*rule].name);
    } else {
      json.Key("score");
      json.Double(static_cast<double>(finding.score));
    }
    json.EndObject();
  }
  json.EndArray();
}

void FormatRedaction(const InputDocument& document, const std::vector<std::string>& files,
                     const std::string& text_field, Offsets offsets, const RedactedText& made,
                     const TextFindings& found, const std::vector<redaction::PatternRule>& patterns,
                     std::string& out) {
  JsonWriter json(out);
  json.StartObject();
  WriteFields(document, files, text_field, made.text, json);
  WriteRedactions(document.text, made, found, patterns, offsets, json);
  json.EndObject();
  out += '\n';
}

void FormatRefusal(const InputDocument& document, const std::vector<std::string>& files,
                   const std::string& text_field, const std::string& error, std::string& out) {
  JsonWriter json(out);
  json.StartObject();
  WriteFields(document, files, text_field, std::nullopt, json);
  json.Key("redactions");
  json.StartArray();
  json.EndArray();
  json.Field("error", error);
  json.EndObject();
  out += '\n';
}

}  // namespace waterline::cli
