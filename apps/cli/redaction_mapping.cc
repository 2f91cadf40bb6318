// SPDX-License-Identifier: Apache-2.0
#include "redaction_mapping.h"

#include <fmt/format.h>

#include <utility>

#include "byte_source.h"
#include "json_writer.h"
#include "text/offsets.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

namespace dom = simdjson::dom;

constexpr char kMagic[] = "redaction mapping";
constexpr int64_t kVersion = 1;
constexpr size_t kMaxLineBytes = size_t{1} << 30;

void AppendPlace(const std::string& file, const InputDocument& document, JsonWriter& json) {
  json.Field("file", IsUtf8(file) ? file : "not UTF-8");
  if (document.line > 0) json.IntField("line", document.line);
}

bool ReadPart(dom::element value, redaction::ReplacedPart& part) {
  uint64_t start = 0, end = 0;
  std::string_view replacement, text;
  const bool read = value["start"].get(start) == simdjson::SUCCESS &&
                    value["end"].get(end) == simdjson::SUCCESS &&
                    value["replacement"].get(replacement) == simdjson::SUCCESS &&
                    value["text"].get(text) == simdjson::SUCCESS;
  if (!read) return false;
  part = {start, end, std::string(replacement), std::string(text)};
  return true;
}

bool ReadText(dom::element value, MappedText& text) {
  std::string_view file;
  if (value["file"].get(file) != simdjson::SUCCESS) return false;
  text.file = file;
  text.id.reset();
  text.parts.clear();
  dom::element id;
  if (value["id"].get(id) == simdjson::SUCCESS) text.id = simdjson::minify(id);
  if (value["refused"].get(text.refused) == simdjson::SUCCESS) return true;
  text.refused = false;
  dom::array parts;
  if (value["redactions"].get(parts) != simdjson::SUCCESS) return false;
  for (const dom::element one : parts) {
    redaction::ReplacedPart part;
    if (!ReadPart(one, part)) return false;
    text.parts.push_back(std::move(part));
  }
  return true;
}

}  // namespace

void AppendMappingHead(bool files, std::string& out) {
  JsonWriter json(out);
  json.StartObject();
  json.Field("waterline", kMagic);
  json.IntField("version", kVersion);
  json.Key("files");
  json.Bool(files);
  json.EndObject();
  out += '\n';
}

void AppendMapping(const std::string& file, const InputDocument& document,
                   const std::string& id_field, const redaction::RedactedText& made,
                   std::span<const redaction::Finding> findings, std::string& out) {
  JsonWriter json(out);
  json.StartObject();
  AppendPlace(file, document, json);
  for (const JsonField& field : document.fields) {
    if (field.name != id_field) continue;
    json.Key("id");
    json.RawValue(field.value.Of(document.json));
  }
  json.Key("redactions");
  json.StartArray();
  OffsetCursor cursor(made.text, OffsetUnit::kCodePoints);
  for (const redaction::RedactedSpan& span : made.spans) {
    json.StartObject();
    json.SizeField("start", cursor.FromByte(span.new_byte_start));
    json.SizeField("end", cursor.FromByte(span.new_byte_end));
    json.Field("replacement", std::string_view(made.text).substr(
                                  span.new_byte_start, span.new_byte_end - span.new_byte_start));
    json.Field(
        "text",
        std::string_view(document.text).substr(span.byte_start, span.byte_end - span.byte_start));
    json.Field("label", findings[span.finding].label);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  out += '\n';
}

void AppendRefusedMapping(const std::string& file, const InputDocument& document,
                          std::string& out) {
  JsonWriter json(out);
  json.StartObject();
  AppendPlace(file, document, json);
  json.Key("refused");
  json.Bool(true);
  json.EndObject();
  out += '\n';
}

MappingReader::MappingReader(std::string path, InputStream stream)
    : path_(std::move(path)), stream_(std::move(stream)), lines_(kMaxLineBytes) {}

Result<MappingReader> MappingReader::Open(const std::string& path) {
  Result<InputStream> stream = InputStream::Open(path, "");
  if (!stream.ok()) return stream.error();
  MappingReader reader(path, *std::move(stream));
  Line line;
  const Result<bool> first = reader.NextLine(line);
  if (!first.ok()) return first.error();
  dom::element head;
  std::string_view magic;
  int64_t version = 0;
  const bool read =
      *first &&
      reader.parser_.parse(line.bytes.data(), line.bytes.size()).get(head) == simdjson::SUCCESS &&
      head["waterline"].get(magic) == simdjson::SUCCESS && magic == kMagic &&
      head["version"].get(version) == simdjson::SUCCESS && version == kVersion &&
      head["files"].get(reader.files_) == simdjson::SUCCESS;
  if (read) return reader;
  return Error{
      Code::kInvalidArgument,
      fmt::format("{}: is not a mapping that this version of redact wrote", DisplayName(path))};
}

Result<bool> MappingReader::NextLine(Line& line) {
  while (!lines_.Next(line)) {
    if (at_end_) return false;
    const Result<std::string_view> piece = stream_.Read();
    if (!piece.ok()) return piece.error();
    at_end_ = piece->empty();
    lines_.Feed(*piece);
  }
  return true;
}

Result<bool> MappingReader::Next(MappedText& text) {
  Line line;
  const Result<bool> more = NextLine(line);
  if (!more.ok() || !*more) return more;
  dom::element value;
  const bool read =
      !line.too_long &&
      parser_.parse(line.bytes.data(), line.bytes.size()).get(value) == simdjson::SUCCESS &&
      ReadText(value, text);
  if (read) return true;
  return Error{Code::kInvalidArgument,
               fmt::format("{}:{}: is not a line of a mapping", DisplayName(path_), line.number)};
}

}  // namespace waterline::cli
