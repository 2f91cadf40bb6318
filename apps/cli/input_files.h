// From the FILE arguments of a command line to the files that are read: directories are walked and
// patterns matched. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "waterline/result.h"

namespace waterline::cli {

struct FileSearch {
  bool recursive = false;                 // Directories are read with all that is below them.
  std::vector<std::string> include = {};  // Patterns of file names; empty: *.txt, *.text, *.md,
                                          // *.markdown, *.jsonl, *.ndjson, *.csv, *.tsv, *.tab,
                                          // also with .gz or .zst behind.
  std::vector<std::string> exclude = {};  // Patterns of names of files and directories.
  std::vector<std::string> outputs =
      {};  // Paths that are not read though they match: what is written.
};

struct InputFiles {
  std::vector<std::string> files;
  std::vector<Error> unreadable;  // Directories; kIo, the message names each.
  int64_t passed_over = 0;        // Files in directories that no pattern includes.
};

// Files are taken as they are named; "-" is standard input. A directory stands for the files below
// it that `search` includes, in the order of their names, byte by byte; hidden ones (".name") and
// links to directories are left out. An argument that no file has as its name, with *, ? or [, is a
// pattern: its parts between slashes match names, ** any number of directories.
// Errors: kNotFound  a pattern that matches nothing, or a directory with nothing that is included.
//         Files that do not exist, and directories without `recursive`, are no errors here.
Result<InputFiles> FindInputFiles(const std::vector<std::string>& arguments,
                                  const FileSearch& search);

}  // namespace waterline::cli
