// SPDX-License-Identifier: Apache-2.0
#include "annotation_format.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "json_writer.h"
#include "tagged_words.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

void WriteSpan(const FormatOptions& options, const InputDocument& document, const Entity& entity,
               JsonWriter& json) {
  json.SizeField("start", entity.start);
  json.SizeField("end", entity.end);
  json.Field("label", LabelName(options, document, entity.label));
  json.Key("score");
  json.Double(static_cast<double>(entity.score));
}

// Tokens as spaCy counts them, in code points: one space behind a token belongs to it, and what
// else lies between two words is a token too.
std::vector<TextSpan> SpacyTokens(std::string_view text, const std::vector<TaggedWord>& words) {
  std::vector<TextSpan> tokens;
  size_t byte = 0;
  size_t point = 0;
  const auto take_gap = [&](size_t byte_end, size_t end) {
    if (!tokens.empty() && byte < byte_end && text[byte] == ' ') ++point;
    if (point < end) tokens.push_back({point, end});
  };
  for (const TaggedWord& word : words) {
    take_gap(word.byte_start, word.start);
    tokens.push_back({word.start, word.end});
    byte = word.byte_end;
    point = word.end;
  }
  const size_t rest = static_cast<size_t>(
      std::count_if(text.begin() + static_cast<ptrdiff_t>(byte), text.end(),
                    [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
  take_gap(text.size(), point + rest);
  return tokens;
}

// First and last word of an entity: indices into `words`. Every entity has words.
void WriteWords(const std::vector<TaggedWord>& words, const Entity& entity, JsonWriter& json) {
  const auto first =
      std::lower_bound(words.begin(), words.end(), entity.byte_start,
                       [](const TaggedWord& word, size_t at) { return word.byte_end <= at; });
  const auto end =
      std::lower_bound(words.begin(), words.end(), entity.byte_end,
                       [](const TaggedWord& word, size_t at) { return word.byte_start < at; });
  if (first == words.end() || end <= first) return;
  json.IntField("token_start", first - words.begin());
  json.IntField("token_end", end - words.begin() - 1);
}

}  // namespace

void FormatSpacy(const FormatOptions& options, const InputDocument& document,
                 const Extraction& extraction, std::string& out) {
  if (document.blank || extraction.error) return;
  const std::vector<TaggedWord> words = TagWords(options, document, extraction);
  JsonWriter json(out);
  json.StartObject();
  json.Field("text", document.text);
  if (options.overlapping) {  // Doc.ents may not overlap, the spans of a group may.
    json.Key("spans");
    json.StartObject();
    json.Key("sc");
  } else {
    json.Key("ents");
  }
  json.StartArray();
  for (const Entity& entity : extraction.entities) {
    json.StartObject();
    WriteSpan(options, document, entity, json);
    if (options.overlapping) json.Field("kb_id", "");
    json.EndObject();
  }
  json.EndArray();
  if (options.overlapping) json.EndObject();
  json.Key("tokens");
  json.StartArray();
  const std::vector<TextSpan> tokens = SpacyTokens(document.text, words);
  for (size_t i = 0; i < tokens.size(); ++i) {
    json.StartObject();
    json.SizeField("id", i);
    json.SizeField("start", tokens[i].start);
    json.SizeField("end", tokens[i].end);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  out += '\n';
}

void FormatProdigy(const FormatOptions& options, const InputDocument& document,
                   const Extraction& extraction, std::string& out) {
  if (document.blank || extraction.error) return;
  const std::vector<TaggedWord> words = TagWords(options, document, extraction);
  JsonWriter json(out);
  json.StartObject();
  json.Field("text", document.text);
  bool meta = false;
  for (const JsonField& field : document.fields) {
    if (field.name == options.text_field || field.name == "text" || field.name == "spans" ||
        field.name == "tokens") {
      continue;
    }
    meta = meta || field.name == "meta";
    json.RawKey(field.key.Of(document.json));
    json.RawValue(field.value.Of(document.json));
  }
  json.Key("spans");
  json.StartArray();
  for (const Entity& entity : extraction.entities) {
    json.StartObject();
    WriteSpan(options, document, entity, json);
    WriteWords(words, entity, json);
    json.EndObject();
  }
  json.EndArray();
  json.Key("tokens");
  json.StartArray();
  for (size_t i = 0; i < words.size(); ++i) {
    const TaggedWord& word = words[i];
    json.StartObject();
    json.Field(
        "text",
        std::string_view(document.text).substr(word.byte_start, word.byte_end - word.byte_start));
    json.SizeField("start", word.start);
    json.SizeField("end", word.end);
    json.SizeField("id", i);
    json.Key("ws");
    json.Bool(word.byte_end < document.text.size() && document.text[word.byte_end] == ' ');
    json.EndObject();
  }
  json.EndArray();
  if (!meta) {
    json.Key("meta");
    json.StartObject();
    const std::string& file = options.files[document.file];
    json.Field("file", IsUtf8(file) ? file : "not UTF-8");
    if (document.line > 0) json.IntField("line", document.line);
    json.EndObject();
  }
  json.EndObject();
  out += '\n';
}

}  // namespace waterline::cli
