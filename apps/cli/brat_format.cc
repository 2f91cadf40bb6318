// SPDX-License-Identifier: Apache-2.0
#include "brat_format.h"

#include <fmt/format.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace waterline::cli {
namespace {

namespace fs = std::filesystem;

// A name of brat's: no white space.
std::string Name(std::string_view text) {
  std::string name(text);
  for (char& c : name) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') c = '_';
  }
  return name;
}

size_t CodePoints(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

// "0 12", or "0 6;7 12" where a line ends in between; and the text with a space there.
void AppendParts(const InputDocument& document, const Entity& entity, std::string& places,
                 std::string& shown) {
  const std::string_view text = TextOf(document, entity);
  size_t point = entity.start;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of("\r\n", at), text.size());
    const size_t points = CodePoints(text.substr(at, end - at));
    if (points > 0) {
      fmt::format_to(std::back_inserter(places), "{}{} {}", places.empty() ? "" : ";", point,
                     point + points);
      shown += shown.empty() ? "" : " ";
      shown.append(text.substr(at, end - at));
    }
    point += points + 1;
    at = end + 1;
  }
}

Error Failed(const std::string& path, const std::error_code& error) {
  return {Code::kIo, fmt::format("{}: cannot be written: {}", path, error.message())};
}

}  // namespace

std::string FormatBrat(const FormatOptions& options, const InputDocument& document,
                       const Extraction& extraction) {
  std::string out;
  for (size_t i = 0; i < extraction.entities.size(); ++i) {
    const Entity& entity = extraction.entities[i];
    std::string places;
    std::string shown;
    AppendParts(document, entity, places, shown);
    fmt::format_to(std::back_inserter(out), "T{}\t{} {}\t{}\n", i + 1,
                   Name(LabelName(options, document, entity.label)), places, shown);
    fmt::format_to(std::back_inserter(out), "#{}\tAnnotatorNotes T{}\tscore {:.4f}\n", i + 1, i + 1,
                   entity.score);
  }
  for (size_t i = 0; i < extraction.relations.size(); ++i) {
    const Relation& relation = extraction.relations[i];
    fmt::format_to(std::back_inserter(out), "R{}\t{} Arg1:T{} Arg2:T{}\n", i + 1,
                   Name(RelationName(options, document, relation.relation)), relation.head + 1,
                   relation.tail + 1);
  }
  return out;
}

std::string FormatBratConfiguration(const FormatOptions& options) {
  std::string out = "[entities]\n";
  for (const Label& label : options.labels) out += Name(label.name) + "\n";
  out += "\n[relations]\n<OVERLAP> Arg1:<ENTITY>, Arg2:<ENTITY>, <OVL-TYPE>:<ANY>\n";
  for (const std::string& relation : options.relations) {
    out += Name(relation) + " Arg1:<ENTITY>, Arg2:<ENTITY>\n";
  }
  out += "\n[events]\n\n[attributes]\n";
  return out;
}

Result<BratFolder> BratFolder::Open(const std::string& path, bool unfinished) {
  Result<OutputFolder> folder = OutputFolder::Open(path, unfinished);
  if (!folder.ok()) return folder.error();
  return BratFolder(*std::move(folder));
}

// The name of the input's file without ".txt"; where a file has several texts, with the line.
std::string BratFolder::NameOf(const FormatOptions& options, const InputDocument& document) {
  if (names_.empty()) {
    std::set<std::string> taken;
    for (const std::string& file : options.files) {
      std::string name = file == "-" ? "stdin" : fs::path(file).lexically_normal().string();
      if (name.ends_with(".txt")) name.resize(name.size() - 4);
      std::string flat;
      for (const char c : name) {
        if (c != '/') {
          flat += c;
        } else if (!flat.empty()) {
          flat += "__";
        }
      }
      if (flat.starts_with('.')) flat = fmt::format("_{}", flat);
      std::string unique = flat;
      for (int copy = 2; !taken.insert(unique).second; ++copy) {
        unique = fmt::format("{}-{}", flat, copy);
      }
      names_.push_back(std::move(unique));
    }
  }
  const std::string& name = names_[document.file];
  return document.line == 0 ? name : fmt::format("{}-{:07}", name, document.line);
}

Result<void> BratFolder::WriteFile(const std::string& name, const std::string& bytes) const {
  const std::string path = folder_.partial() + "/" + name;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  file.close();
  if (file) return {};
  return Failed(path, std::error_code(errno, std::generic_category()));
}

Result<void> BratFolder::Write(const FormatOptions& options, const InputDocument& document,
                               const Extraction& extraction) {
  if (document.blank || extraction.error) return {};
  const std::string name = NameOf(options, document);
  if (Result<void> written = WriteFile(name + ".txt", document.text); !written.ok()) return written;
  return WriteFile(name + ".ann", FormatBrat(options, document, extraction));
}

Result<void> BratFolder::Commit(const FormatOptions& options) {
  if (Result<void> written = WriteFile("annotation.conf", FormatBratConfiguration(options));
      !written.ok()) {
    return written;
  }
  return folder_.Commit();
}

}  // namespace waterline::cli
