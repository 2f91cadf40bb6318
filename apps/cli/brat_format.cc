// SPDX-License-Identifier: Apache-2.0
#include "brat_format.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string_view>
#include <system_error>
#include <thread>
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

Result<BratFolder> BratFolder::Open(const std::string& path) {
  std::string name = path;
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  BratFolder folder(std::move(name));
  if (const Result<void> locked = folder.Lock(); !locked.ok()) return locked.error();
  std::error_code error;
  const bool exists = fs::exists(folder.path_, error);
  if (exists && (!fs::is_directory(folder.path_, error) || !fs::is_empty(folder.path_, error))) {
    fs::remove(folder.partial_, error);  // When it is empty.
    return Error{Code::kIo,
                 fmt::format("{}: is there already; brat's files come into a new directory", path)};
  }
  return folder;
}

// Makes the directory, unless it is there, and takes it for this process alone.
Result<void> BratFolder::Lock() {
  // A process that was killed a moment ago may not be quite gone, and one that comes to its end
  // renames or removes what was opened here.
  for (int tries = 0; tries < 100; ++tries) {
    std::error_code error;
    fs::create_directory(partial_, error);
    if (error) return Failed(path_, error);
    descriptor_ = open(partial_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor_ >= 0 && flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {
      struct stat here {};
      struct stat named {};
      if (fstat(descriptor_, &here) == 0 && stat(partial_.c_str(), &named) == 0 &&
          here.st_ino == named.st_ino && here.st_dev == named.st_dev) {
        return {};
      }
    } else if (errno != EWOULDBLOCK && errno != ENOENT) {
      return Failed(path_, std::error_code(errno, std::generic_category()));
    }
    if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return Error{Code::kInvalidArgument,
               fmt::format("{}: another run is writing it (it holds {})", path_, partial_)};
}

BratFolder::BratFolder(BratFolder&& other) noexcept
    : path_(std::move(other.path_)),
      partial_(std::exchange(other.partial_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      names_(std::move(other.names_)) {}

BratFolder& BratFolder::operator=(BratFolder&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(partial_, other.partial_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(names_, other.names_);
  return *this;
}

BratFolder::~BratFolder() {
  if (descriptor_ >= 0) close(descriptor_);
}

Result<void> BratFolder::Clear() {
  std::error_code error;
  for (fs::directory_iterator at(partial_, error), end; !error && at != end; at.increment(error)) {
    fs::remove_all(at->path(), error);
    if (error) break;
  }
  if (error) return Failed(path_, error);
  return {};
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
  const std::string path = partial_ + "/" + name;
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
  std::error_code error;
  fs::rename(partial_, path_, error);
  if (error) return Failed(path_, error);
  return {};
}

void BratFolder::Discard() {
  if (partial_.empty()) return;
  std::error_code ignored;
  fs::remove_all(partial_, ignored);
}

}  // namespace waterline::cli
