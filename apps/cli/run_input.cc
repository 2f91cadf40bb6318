// SPDX-License-Identifier: Apache-2.0
#include "run_input.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "byte_source.h"
#include "diagnostics.h"
#include "labels.h"

namespace waterline::cli {
namespace {

// The longest text that is read at once: it is held several times over while it is worked on.
constexpr size_t kMaxTextBytes = 64 << 20;
constexpr size_t kTextsOfBudget = 4;

ReadOptions ReadAs(const RunArguments& arguments, size_t memory_budget) {
  return {.kind = arguments.input,
          .text_field = arguments.text_field,
          .max_bytes = std::min(memory_budget / kTextsOfBudget, kMaxTextBytes)};
}

}  // namespace

std::optional<RunInput> PrepareInput(const RunArguments& arguments, bool quiet) {
  Result<LabelList> list = ReadLabels(arguments.labels, arguments.labels_file);
  if (!list.ok()) {
    PrintError(list.error().message);
    return std::nullopt;
  }
  for (const std::string& name : list->duplicates) {
    if (!quiet) PrintWarning(fmt::format("the label '{}' is given twice", name));
  }
  RunInput input{arguments.files, std::move(list->labels)};
  if (input.files.empty()) input.files.emplace_back("-");
  bool readable = true;
  for (const std::string& file : input.files) {
    if (const Result<void> checked = CheckReadable(file); !checked.ok()) {
      PrintError(checked.error().message);
      readable = false;
    }
  }
  if (!readable) return std::nullopt;
  const bool standard = std::find(input.files.begin(), input.files.end(), "-") != input.files.end();
  if (standard && isatty(STDIN_FILENO) == 1 && !quiet) {
    PrintNote("reading from the terminal; Ctrl-D ends the text");
  }
  return input;
}

InputWindows::InputWindows(const RunArguments& arguments, std::vector<std::string> files,
                           size_t memory_budget)
    : reader_(std::move(files), ReadAs(arguments, memory_budget)) {}

Result<bool> InputWindows::Next() {
  if (Result<void> read = reader_.ReadWindow(documents_); !read.ok()) return read.error();
  texts_.clear();
  places_.clear();
  for (size_t i = 0; i < documents_.size(); ++i) {
    if (documents_[i].flaw || documents_[i].blank) continue;
    texts_.push_back(documents_[i].text);
    places_.push_back(i);
  }
  return !documents_.empty();
}

std::optional<Error> InputWindows::FlawOf(size_t index) const {
  if (!documents_[index].flaw) return std::nullopt;
  return Error{Code::kInvalidArgument, *documents_[index].flaw};
}

}  // namespace waterline::cli
