// SPDX-License-Identifier: Apache-2.0
#include "jsonl_format.h"

#include "json_writer.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

bool IsWritten(const std::string& name, const Extraction& extraction) {
  return name == "entities" || (name == "error" && extraction.error) ||
         (name == "truncated_words" && extraction.words_cut > 0);
}

void WriteFields(const InputDocument& document, const Extraction& extraction, JsonWriter& json) {
  for (const JsonField& field : document.fields) {
    if (IsWritten(field.name, extraction)) continue;
    json.RawKey(field.key.Of(document.json));
    json.RawValue(field.value.Of(document.json));
  }
}

void WriteText(const FormatOptions& options, const InputDocument& document, JsonWriter& json) {
  if (options.files.size() > 1) {
    const std::string& file = options.files[document.file];
    json.Key("file");
    json.String(IsUtf8(file) ? file : "not UTF-8");
  }
  if (document.flaw) {
    if (document.line == 0) return;
    json.Key("line");
    json.Int(document.line);
  } else {
    json.Key("text");
    json.String(document.text);
  }
}

void WriteEntity(const FormatOptions& options, const std::string& text, const Entity& entity,
                 JsonWriter& json) {
  json.StartObject();
  json.Key("start");
  json.Size(entity.start);
  json.Key("end");
  json.Size(entity.end);
  json.Key("text");
  json.String(
      std::string_view(text).substr(entity.byte_start, entity.byte_end - entity.byte_start));
  json.Key("label");
  json.String(options.labels[static_cast<size_t>(entity.label)].name);
  json.Key("score");
  json.Double(static_cast<double>(entity.score));
  json.EndObject();
}

}  // namespace

void FormatJsonl(const FormatOptions& options, const InputDocument& document,
                 const Extraction& extraction, std::string& out) {
  if (document.blank) {
    out += '\n';
    return;
  }
  JsonWriter json(out);
  json.StartObject();
  if (document.fields.empty()) {
    WriteText(options, document, json);
  } else {
    WriteFields(document, extraction, json);
  }
  json.Key("entities");
  json.StartArray();
  for (const Entity& entity : extraction.entities) {
    WriteEntity(options, document.text, entity, json);
  }
  json.EndArray();
  if (extraction.words_cut > 0) {
    json.Key("truncated_words");
    json.Int(extraction.words_cut);
  }
  if (extraction.error) {
    json.Key("error");
    json.String(extraction.error->message);
  }
  json.EndObject();
  out += '\n';
}

}  // namespace waterline::cli
