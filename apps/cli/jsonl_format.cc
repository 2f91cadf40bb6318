// SPDX-License-Identifier: Apache-2.0
#include "jsonl_format.h"

#include "json_writer.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

// The names of what is written beside the fields of the input.
bool IsWritten(const FormatOptions& options, const InputDocument& document,
               const Extraction& extraction, const std::string& name) {
  return name == "entities" || (name == "error" && extraction.error) ||
         (name == "relations" && AsksForRelations(options, document)) ||
         (name == "truncated_words" && extraction.words_cut > 0);
}

void WriteFields(const FormatOptions& options, const InputDocument& document,
                 const Extraction& extraction, JsonWriter& json) {
  for (const JsonField& field : document.fields) {
    if (IsWritten(options, document, extraction, field.name)) continue;
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

void WriteSpan(const InputDocument& document, const Entity& entity, JsonWriter& json) {
  json.SizeField("start", entity.start);
  json.SizeField("end", entity.end);
  json.Field("text", TextOf(document, entity));
}

void WriteScore(float score, JsonWriter& json) {
  json.Key("score");
  json.Double(static_cast<double>(score));
}

void WriteEntity(const FormatOptions& options, const InputDocument& document, const Entity& entity,
                 JsonWriter& json) {
  json.StartObject();
  WriteSpan(document, entity, json);
  json.Field("label", LabelName(options, document, entity.label));
  WriteScore(entity.score, json);
  json.EndObject();
}

// One side of a relation, with the keys of the Python package.
void WriteEnd(const FormatOptions& options, const InputDocument& document,
              const Extraction& extraction, int32_t index, JsonWriter& json) {
  const Entity& entity = extraction.entities[static_cast<size_t>(index)];
  json.StartObject();
  WriteSpan(document, entity, json);
  json.Field("type", LabelName(options, document, entity.label));
  json.IntField("entity_idx", index);
  json.EndObject();
}

void WriteRelations(const FormatOptions& options, const InputDocument& document,
                    const Extraction& extraction, JsonWriter& json) {
  json.Key("relations");
  json.StartArray();
  for (const Relation& relation : extraction.relations) {
    json.StartObject();
    json.Key("head");
    WriteEnd(options, document, extraction, relation.head, json);
    json.Key("tail");
    WriteEnd(options, document, extraction, relation.tail, json);
    json.Field("relation", RelationName(options, document, relation.relation));
    WriteScore(relation.score, json);
    json.EndObject();
  }
  json.EndArray();
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
    WriteFields(options, document, extraction, json);
  }
  json.Key("entities");
  json.StartArray();
  for (const Entity& entity : extraction.entities) {
    WriteEntity(options, document, entity, json);
  }
  json.EndArray();
  if (AsksForRelations(options, document)) WriteRelations(options, document, extraction, json);
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
