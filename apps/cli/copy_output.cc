// SPDX-License-Identifier: Apache-2.0
#include "copy_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "byte_source.h"

namespace waterline::cli {
namespace {

namespace fs = std::filesystem;

Error Invalid(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

// Why `files` cannot be copied into one stream, if they cannot.
std::optional<std::string> FindObstacle(const std::vector<std::string>& files,
                                        const ReadOptions& read) {
  if (files.size() < 2) return std::nullopt;
  const InputKind first = KindOf(files[0], read);
  if (first == InputKind::kText) {
    return "several texts would run together in one output: --format files writes a file for each, "
           "--format jsonl a line, and --lines takes each line as a text";
  }
  const auto other = std::find_if(files.begin(), files.end(), [&](const std::string& file) {
    return KindOf(file, read) != first;
  });
  if (other == files.end()) return std::nullopt;
  return fmt::format("{} and {} are of different kinds: --format files writes a file for each",
                     DisplayName(files[0]), DisplayName(*other));
}

}  // namespace

Result<std::vector<std::string>> CopyNames(const std::vector<std::string>& files) {
  std::vector<fs::path> paths;
  std::error_code error;
  for (const std::string& file : files) {
    if (file == "-") return Invalid("standard input has no name that its copy could have");
    paths.push_back(fs::absolute(file, error).lexically_normal());
    if (error) return Error{Code::kIo, fmt::format("{}: {}", file, error.message())};
  }
  fs::path root = paths.empty() ? fs::path() : paths.front().parent_path();
  for (const fs::path& path : paths) {
    const fs::path folder = path.parent_path();
    const auto [end, ignored] =
        std::mismatch(root.begin(), root.end(), folder.begin(), folder.end());
    fs::path shared;
    for (auto part = root.begin(); part != end; ++part) shared /= *part;
    root = std::move(shared);
  }
  std::vector<std::string> names;
  std::map<std::string, std::string> taken;
  for (size_t i = 0; i < files.size(); ++i) {
    std::string name = paths[i].lexically_relative(root).string();
    name.resize(name.size() - CompressionEnding(paths[i].filename().string()).size());
    const auto [other, is_new] = taken.try_emplace(name, files[i]);
    if (!is_new) {
      return Invalid(
          fmt::format("the copies of {} and {} would both be {}", other->second, files[i], name));
    }
    names.push_back(std::move(name));
  }
  return names;
}

Result<CopyOutput> CopyOutput::Open(const std::string& path, CopyLayout layout,
                                    const std::vector<std::string>& files, const ReadOptions& read,
                                    bool unfinished) {
  CopyOutput output(files, read);
  if (layout == CopyLayout::kStream) {
    if (std::optional<std::string> obstacle = FindObstacle(files, read)) {
      return Invalid(*std::move(obstacle));
    }
    Result<OutputFile> file = OutputFile::OpenResumable(path);
    if (!file.ok()) return file.error();
    output.file_.emplace(*std::move(file));
    output.format_.emplace(KindOf(files.front(), read), read);
    return output;
  }
  if (path.empty() || path == "-") {
    return Invalid("--format files writes a directory: name it with --output");
  }
  Result<std::vector<std::string>> names = CopyNames(files);
  if (!names.ok()) return names.error();
  output.names_ = *std::move(names);
  Result<OutputFolder> folder = OutputFolder::Open(path, unfinished);
  if (!folder.ok()) return folder.error();
  output.folder_.emplace(*std::move(folder));
  return output;
}

std::optional<std::string> CopyOutput::NameOf(size_t file) const {
  if (!folder_) return std::nullopt;
  return names_[file];
}

std::string CopyOutput::PathOf(size_t file) const {
  return folder_->partial() + "/" + names_[file];
}

Result<void> CopyOutput::Begin(const std::optional<OutputMark>& mark, size_t file) {
  if (folder_) {
    if (!mark) return folder_->Clear();
    if (mark->bytes == 0 || file >= files_.size()) return {};  // None was begun.
    if (Result<void> gone = GoTo(file); !gone.ok()) return gone;
    headed_ = mark->bytes > 0;
    return file_->Rewind(*mark);
  }
  headed_ = mark && mark->bytes > 0;
  if (mark) return file_->Rewind(*mark);
  return file_->resumable() ? file_->Rewind({}) : Result<void>();
}

// Ends the copy that was written and begins, or goes on with, that of `file`.
Result<void> CopyOutput::GoTo(size_t file) {
  if (file_) {
    if (Result<void> flushed = Flush(); !flushed.ok()) return flushed;
    if (Result<void> ended = file_->Commit(); !ended.ok()) return ended;
  }
  std::error_code error;
  fs::create_directories(fs::path(PathOf(file)).parent_path(), error);
  Result<OutputFile> opened = OutputFile::OpenInPlace(PathOf(file));
  if (!opened.ok()) return opened.error();
  file_.emplace(*std::move(opened));
  format_.emplace(KindOf(files_[file], read_), read_);
  current_ = file;
  headed_ = false;
  headed_file_.reset();
  header_.clear();
  return {};
}

Result<void> CopyOutput::TurnTo(size_t file) {
  if (!folder_ || (file_ && file == current_)) return {};
  const Result<void> gone = GoTo(file);
  return gone.ok() ? file_->Rewind({}) : gone;
}

Result<void> CopyOutput::AddHeader(const InputDocument& document) {
  if (headed_file_ == document.file || document.fields.empty()) return {};
  const InputKind kind = KindOf(files_[document.file], read_);
  if (kind != InputKind::kCsv && kind != InputKind::kTsv) return {};
  headed_file_ = document.file;
  std::string header = format_->Header(document);
  if (!headed_) buffer_ += header;
  headed_ = true;
  if (header_.empty()) header_ = header;
  if (header != header_) {
    return Invalid(
        fmt::format("{}: its columns are not those of the files before it, and one "
                    "output cannot have both: --format files writes a file for each",
                    DisplayName(files_[document.file])));
  }
  return {};
}

Result<bool> CopyOutput::Add(const InputDocument& document,
                             const std::optional<std::string_view>& text,
                             const std::string& error) {
  const bool whole_file = document.line == 0;
  if (whole_file && !text) return false;  // What was refused as a whole has no copy.
  if (Result<void> turned = TurnTo(document.file); !turned.ok()) return turned.error();
  if (Result<void> headed = AddHeader(document); !headed.ok()) return headed.error();
  return format_->Append(document, text, error, buffer_);
}

Result<bool> CopyOutput::AddUnchanged(const InputDocument& document) {
  if (KindOf(files_[document.file], read_) != InputKind::kJsonl) {
    return Add(document, document.text, "");
  }
  if (Result<void> turned = TurnTo(document.file); !turned.ok()) return turned.error();
  buffer_ += document.json + "\n";
  return true;
}

Result<void> CopyOutput::Flush() {
  if (!file_) return {};
  const Result<void> written = file_->Write(buffer_);
  buffer_.clear();
  return written;
}

Result<void> CopyOutput::Commit() {
  if (Result<void> flushed = Flush(); !flushed.ok()) return flushed;
  if (file_) {
    if (Result<void> ended = file_->Commit(); !ended.ok()) return ended;
  }
  return folder_ ? folder_->Commit() : Result<void>();
}

void CopyOutput::Keep() {
  if (folder_) {
    folder_->Keep();
  } else {
    file_->Keep();
  }
}

}  // namespace waterline::cli
