// SPDX-License-Identifier: Apache-2.0
#include "run_input.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
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
          .ignored_fields = arguments.ignored_fields,
          .max_bytes = std::min(memory_budget / kTextsOfBudget, kMaxTextBytes)};
}

// Whether texts without --labels may be given some: by lines of JSONL, or a file of vectors.
bool MayHaveOwnLabels(const RunArguments& arguments) {
  if (!arguments.label_vectors.empty() || arguments.input == InputKind::kJsonl) return true;
  return arguments.input == InputKind::kAuto &&
         std::any_of(arguments.files.begin(), arguments.files.end(), IsJsonlName);
}

}  // namespace

void WarnOfDuplicates(std::string_view what, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    PrintWarning(fmt::format("the {} '{}' is given twice", what, name));
  }
}

std::optional<RunInput> PrepareInput(const RunArguments& arguments, bool quiet) {
  Result<LabelList> labels = ReadLabels(arguments.labels, arguments.labels_file);
  if (labels.ok() && labels->labels.empty() && !MayHaveOwnLabels(arguments)) labels = NoLabels();
  if (!labels.ok()) {
    PrintError(labels.error().message);
    return std::nullopt;
  }
  Result<RelationList> relations = ReadRelations(arguments.relations, arguments.relations_file);
  if (!relations.ok()) {
    PrintError(relations.error().message);
    return std::nullopt;
  }
  if (!quiet) {
    WarnOfDuplicates("label", labels->duplicates);
    WarnOfDuplicates("relation", relations->duplicates);
  }
  RunInput input{.files = arguments.files,
                 .labels = std::move(labels->labels),
                 .relations = std::move(relations->relations),
                 .vectors = {}};
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

ExtractOptions OptionsOf(const RunArguments& arguments, const RunInput& input) {
  ExtractOptions options = arguments.extract;
  options.relations = input.relations;
  if (input.vectors) options.label_vectors = &*input.vectors;
  return options;
}

InputWindows::InputWindows(const RunArguments& arguments, const RunInput& input,
                           size_t memory_budget)
    : reader_(input.files, ReadAs(arguments, memory_budget)), has_labels_(!input.labels.empty()) {}

Result<bool> InputWindows::Next() {
  if (Result<void> read = reader_.ReadWindow(documents_); !read.ok()) return read.error();
  texts_.clear();
  places_.clear();
  for (size_t i = 0; i < documents_.size(); ++i) {
    InputDocument& document = documents_[i];
    if (document.flaw || document.blank) continue;
    const DocumentSettings& own = document.settings;
    if (!has_labels_ && own.labels == nullptr) {
      document.flaw = "it has no labels: neither \"labels\" of its own nor those of --labels";
      continue;
    }
    texts_.push_back({.text = document.text,
                      .labels = own.labels.get(),
                      .threshold = own.threshold,
                      .relations = own.relations.get(),
                      .words = own.words ? &*own.words : nullptr});
    places_.push_back(i);
  }
  return !documents_.empty();
}

std::optional<Error> InputWindows::FlawOf(size_t index) const {
  if (!documents_[index].flaw) return std::nullopt;
  return Error{Code::kInvalidArgument, *documents_[index].flaw};
}

}  // namespace waterline::cli
