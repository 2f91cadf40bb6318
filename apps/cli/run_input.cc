// SPDX-License-Identifier: Apache-2.0
#include "run_input.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

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
  ReadOptions options = arguments.read;
  if (arguments.without_model) memory_budget = kTextsOfBudget * kMaxTextBytes;
  options.max_bytes = std::min(memory_budget / kTextsOfBudget, kMaxTextBytes);
  options.budget_limits = options.max_bytes < kMaxTextBytes;
  return options;
}

// Whether texts without --labels may be given some: by lines of JSONL, or a file of vectors.
bool MayHaveOwnLabels(const RunArguments& arguments, const std::vector<std::string>& files) {
  const InputKind kind = arguments.read.kind;
  if (!arguments.label_vectors.empty() || kind == InputKind::kJsonl) return true;
  return kind == InputKind::kAuto && std::any_of(files.begin(), files.end(), [](const auto& file) {
           return KindOfName(file) == InputKind::kJsonl;
         });
}

void AddMissing(const std::vector<Label>& more, std::vector<Label>& labels) {
  for (const Label& label : more) {
    const bool known = std::any_of(labels.begin(), labels.end(),
                                   [&](const Label& one) { return one.name == label.name; });
    if (!known) labels.push_back(label);
  }
}

}  // namespace

void WarnOfDuplicates(std::string_view what, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    PrintWarning(fmt::format("the {} '{}' is given twice", what, name));
  }
}

std::optional<RunInput> PrepareInput(const RunArguments& arguments, bool quiet) {
  Result<InputFiles> found = FindInputFiles(arguments.files, arguments.search);
  if (!found.ok()) {
    PrintError(found.error().message);
    return std::nullopt;
  }
  Result<LabelList> labels = ReadLabels(arguments.labels, arguments.labels_file);
  if (labels.ok()) AddMissing(arguments.given_labels, labels->labels);
  if (labels.ok() && labels->labels.empty() && !arguments.without_model &&
      !MayHaveOwnLabels(arguments, found->files)) {
    labels = NoLabels();
  }
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
  RunInput input{.files = std::move(found->files),
                 .labels = std::move(labels->labels),
                 .relations = std::move(relations->relations),
                 .unreadable = std::move(found->unreadable),
                 .vectors = {}};
  if (arguments.files.empty()) input.files.emplace_back("-");
  for (const Error& error : input.unreadable) PrintNote(error.message);
  if (found->passed_over > 0 && !quiet) {
    const bool one = found->passed_over == 1;
    PrintNote(fmt::format("{} {} passed over; --include says what is read", found->passed_over,
                          one ? "file of another name was" : "files of other names were"));
  }
  bool readable = true;
  for (const std::string& file : arguments.files) {
    // A pattern stands for files that were just seen.
    if (std::find(input.files.begin(), input.files.end(), file) == input.files.end()) continue;
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
    : reader_(input.files, ReadAs(arguments, memory_budget)),
      has_labels_(!input.labels.empty() || arguments.without_model) {}

void InputWindows::Digest(const InputDocument& document) {
  const auto add = [this](const void* bytes, size_t size) {
    digest_ = static_cast<uint32_t>(crc32_z(digest_, static_cast<const Bytef*>(bytes), size));
  };
  add(&document.file, sizeof(document.file));
  add(&document.line, sizeof(document.line));
  const std::string& bytes = document.json.empty() ? document.text : document.json;
  add(bytes.data(), bytes.size());
}

Result<bool> InputWindows::Read() {
  if (Result<void> read = reader_.ReadWindow(documents_); !read.ok()) return read.error();
  return !documents_.empty();
}

Result<void> InputWindows::Skip(int64_t count, uint32_t digest) {
  while (count > 0) {
    const Result<bool> more = Read();
    if (!more.ok()) return more.error();
    const int64_t skipped = std::min(count, static_cast<int64_t>(documents_.size()));
    for (int64_t i = 0; i < skipped; ++i) Digest(documents_[static_cast<size_t>(i)]);
    count -= skipped;
    documents_.erase(documents_.begin(), documents_.begin() + skipped);
    if (!*more) break;
  }
  ready_ = !documents_.empty();
  if (count == 0 && digest_ == digest) return {};
  return Error{Code::kInvalidArgument,
               "--resume: the input is not what it was when the run was interrupted"};
}

Result<bool> InputWindows::Next() {
  if (!std::exchange(ready_, false)) {
    const Result<bool> more = Read();
    if (!more.ok() || !*more) return more;
  }
  FillTexts();
  return true;
}

void InputWindows::FillTexts() {
  texts_.clear();
  places_.clear();
  for (size_t i = 0; i < documents_.size(); ++i) {
    InputDocument& document = documents_[i];
    Digest(document);
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
}

std::optional<Error> InputWindows::FlawOf(size_t index) const {
  if (!documents_[index].flaw) return std::nullopt;
  return Error{Code::kInvalidArgument, *documents_[index].flaw};
}

}  // namespace waterline::cli
