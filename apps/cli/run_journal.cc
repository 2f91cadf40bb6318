// A process that is killed leaves what it gave to the system: the output first, then the journal
// that speaks of it, renamed into place. After a power failure the output may lack bytes that the
// journal counts; their CRC tells. SPDX-License-Identifier: Apache-2.0
#include "run_journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <simdjson.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "byte_source.h"
#include "json_writer.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

namespace dom = simdjson::dom;

constexpr int64_t kVersion = 2;
constexpr size_t kMaxBytes = 16 << 20;

struct Counter {
  const char* name;
  int64_t RunTotals::*count;
};
constexpr Counter kCounters[] = {
    {"texts", &RunTotals::texts},         {"refused", &RunTotals::refused},
    {"words", &RunTotals::words},         {"entities", &RunTotals::entities},
    {"windowed", &RunTotals::windowed},   {"cut", &RunTotals::cut},
    {"words_cut", &RunTotals::words_cut}, {"lost_files", &RunTotals::lost_files},
};

void WriteMark(const char* name, const OutputMark& mark, JsonWriter& json) {
  json.Key(name);
  json.StartObject();
  json.SizeField("bytes", mark.bytes);
  json.SizeField("crc", mark.crc);
  json.EndObject();
}

bool ReadMark(dom::element value, OutputMark& mark) {
  uint64_t crc = 0;
  const bool read = value["bytes"].get(mark.bytes) == simdjson::SUCCESS &&
                    value["crc"].get(crc) == simdjson::SUCCESS;
  mark.crc = static_cast<uint32_t>(crc);
  return read;
}

Error Failed(const std::string& path) {
  return {Code::kIo, fmt::format("{}: cannot be written: {}", path, std::strerror(errno))};
}

void WriteOutput(const OutputPosition& output, JsonWriter& json) {
  json.Key("output");
  json.StartObject();
  WriteMark("text", output.text, json);
  json.SizeField("file", output.file);
  WriteMark("mapping", output.mapping, json);
  json.Key("counts");
  json.StartObject();
  for (const auto& [name, count] : output.counts) json.IntField(name, count);
  json.EndObject();
  json.EndObject();
}

bool ReadOutput(dom::element value, OutputPosition& output) {
  dom::element text, mapping;
  dom::object counts;
  uint64_t file = 0;
  const bool read = value["text"].get(text) == simdjson::SUCCESS && ReadMark(text, output.text) &&
                    value["file"].get(file) == simdjson::SUCCESS &&
                    value["mapping"].get(mapping) == simdjson::SUCCESS &&
                    ReadMark(mapping, output.mapping) &&
                    value["counts"].get(counts) == simdjson::SUCCESS;
  if (!read) return false;
  output.file = file;
  for (const auto& [name, count] : counts) {
    if (count.get(output.counts[std::string(name)]) != simdjson::SUCCESS) return false;
  }
  return true;
}

// Reads all but the settings.
bool ReadPosition(dom::element root, RunPosition& position) {
  uint64_t digest = 0;
  dom::element totals;
  bool read = root["documents"].get(position.documents) == simdjson::SUCCESS &&
              root["input_digest"].get(digest) == simdjson::SUCCESS &&
              root["totals"].get(totals) == simdjson::SUCCESS;
  position.input_digest = static_cast<uint32_t>(digest);
  dom::element output, errors;
  read = read && root["output"].get(output) == simdjson::SUCCESS &&
         root["errors"].get(errors) == simdjson::SUCCESS && ReadOutput(output, position.output) &&
         ReadMark(errors, position.errors);
  for (const Counter& counter : kCounters) {
    read = read && totals[counter.name].get(position.totals.*counter.count) == simdjson::SUCCESS;
  }
  int64_t relations = 0;
  if (read && totals["relations"].get(relations) == simdjson::SUCCESS) {
    position.totals.relations = relations;
  }
  return read;
}

}  // namespace

RunJournal::RunJournal(const std::string& output, RunSettings settings)
    : path_(OutputFile::PartialOf(output) + ".json"), settings_(std::move(settings)) {}

Result<std::optional<RunPosition>> RunJournal::Read() const {
  if (access(path_.c_str(), F_OK) != 0) return std::optional<RunPosition>();
  const Result<std::string> bytes = ReadAll(path_, kMaxBytes);
  if (!bytes.ok()) return bytes.error();
  dom::parser parser;
  dom::element root;
  int64_t version = 0;
  dom::object settings;
  RunPosition position;
  const bool read = parser.parse(*bytes).get(root) == simdjson::SUCCESS &&
                    root["version"].get(version) == simdjson::SUCCESS && version == kVersion &&
                    root["settings"].get(settings) == simdjson::SUCCESS &&
                    ReadPosition(root, position);
  if (!read) {
    return Error{Code::kInvalidArgument,
                 fmt::format("{}: is not what an interrupted run of this version leaves", path_)};
  }
  RunSettings then;
  for (const auto& [name, value] : settings) {
    std::string_view text;
    if (value.get(text) == simdjson::SUCCESS) then[std::string(name)] = text;
  }
  std::string differ;
  for (const auto& [name, value] : settings_) {
    const auto found = then.find(name);
    if (found != then.end() && found->second == value) continue;
    differ += fmt::format("{}{} (now '{}', then '{}')", differ.empty() ? "" : ", ", name,
                          ShowName(value), found == then.end() ? "" : ShowName(found->second));
  }
  if (differ.empty()) return std::optional<RunPosition>(position);
  return Error{Code::kInvalidArgument,
               fmt::format("--resume: the interrupted run had other settings: {}; --restart begins "
                           "anew",
                           differ)};
}

std::optional<int64_t> RunJournal::Documents() const {
  const Result<std::string> bytes =
      access(path_.c_str(), F_OK) == 0 ? ReadAll(path_, kMaxBytes) : Error{Code::kNotFound, ""};
  dom::parser parser;
  dom::element root;
  int64_t documents = 0;
  if (!bytes.ok()) return std::nullopt;
  if (parser.parse(*bytes).get(root) != simdjson::SUCCESS) return std::nullopt;
  if (root["documents"].get(documents) != simdjson::SUCCESS) return std::nullopt;
  return documents;
}

Result<void> RunJournal::Write(const RunPosition& position) const {
  std::string text;
  JsonWriter json(text);
  json.StartObject();
  json.IntField("version", kVersion);
  json.IntField("documents", position.documents);
  json.SizeField("input_digest", position.input_digest);
  WriteOutput(position.output, json);
  WriteMark("errors", position.errors, json);
  json.Key("totals");
  json.StartObject();
  for (const Counter& counter : kCounters) {
    json.IntField(counter.name, position.totals.*counter.count);
  }
  if (position.totals.relations) json.IntField("relations", *position.totals.relations);
  json.EndObject();
  json.Key("settings");
  json.StartObject();
  for (const auto& [name, value] : settings_) json.Field(name, value);
  json.EndObject();
  json.EndObject();
  text += '\n';

  const std::string next = path_ + ".new";
  const int file = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) return Failed(next);
  const ssize_t written = write(file, text.data(), text.size());
  const bool whole = written == static_cast<ssize_t>(text.size());
  const Error failed = Failed(next);
  close(file);
  if (whole && rename(next.c_str(), path_.c_str()) == 0) return {};
  const Error error = whole ? Failed(path_) : failed;
  unlink(next.c_str());
  return error;
}

void RunJournal::Remove() const { unlink(path_.c_str()); }

}  // namespace waterline::cli
