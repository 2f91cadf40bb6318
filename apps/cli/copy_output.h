// Where the input goes again with other texts: one stream, or a directory with a file for each.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "copy_format.h"
#include "output_file.h"
#include "output_folder.h"
#include "waterline/result.h"

namespace waterline::cli {

enum class CopyLayout { kStream, kFolder };

// The names of the copies of `files` in a directory: their paths below the directory that all of
// them are in, without the endings of compression. Errors: kInvalidArgument  standard input; two
// files with one name.
Result<std::vector<std::string>> CopyNames(const std::vector<std::string>& files);

// Movable. What was not committed is removed when this goes, unless it is kept.
class CopyOutput {
 public:
  // Opens `path`; "" is standard output, of kStream. Errors: those of OutputFile::OpenResumable,
  // OutputFolder::Open and CopyNames; kInvalidArgument  no path; files that cannot stand in one
  // stream: several texts, or several kinds.
  // `unfinished` is of OutputFolder::Open.
  static Result<CopyOutput> Open(const std::string& path, CopyLayout layout,
                                 const std::vector<std::string>& files, const ReadOptions& read,
                                 bool unfinished = false);

  // Begins anew, or goes on in the copy of `file` at `mark`. Errors: as OutputFile::Rewind.
  Result<void> Begin(const std::optional<OutputMark>& mark, size_t file);

  // Adds one document, as CopyFormat::Append does; documents come in the order of the files.
  // Errors: kIo; kInvalidArgument  a CSV file with other columns than those before it in a stream.
  Result<bool> Add(const InputDocument& document, const std::optional<std::string_view>& text,
                   const std::string& error);
  // Adds a record of JSON or CSV as it is, or the text.
  Result<bool> AddUnchanged(const InputDocument& document);
  Result<void> Flush();

  // Ends the output and brings it under its name. Errors: kIo.
  Result<void> Commit();

  void Keep();

  bool resumable() const { return folder_ || file_->resumable(); }
  OutputMark mark() const { return file_ ? file_->mark() : OutputMark(); }
  size_t file() const { return current_; }  // Whose copy mark() is of.
  bool reader_gone() const { return !folder_ && file_->reader_gone(); }

  // The name of the copy of `file`, where it has one of its own.
  std::optional<std::string> NameOf(size_t file) const;

 private:
  CopyOutput(std::vector<std::string> files, ReadOptions read)
      : files_(std::move(files)), read_(std::move(read)) {}
  std::string PathOf(size_t file) const;
  Result<void> GoTo(size_t file);
  Result<void> TurnTo(size_t file);
  Result<void> AddHeader(const InputDocument& document);

  std::vector<std::string> files_;
  ReadOptions read_;
  std::optional<OutputFolder> folder_;
  std::vector<std::string> names_;  // In the folder.
  std::optional<OutputFile> file_;  // Being written.
  std::optional<CopyFormat> format_;
  size_t current_ = 0;                 // Whose copy is written.
  std::string header_;                 // Of CSV, once it is known.
  bool headed_ = false;                // One stands in what is written.
  std::optional<size_t> headed_file_;  // Whose header was compared with it.
  std::string buffer_;                 // Not written yet.
};

}  // namespace waterline::cli
