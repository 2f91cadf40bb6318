// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "byte_size.h"
#include "byte_source.h"
#include "copy_output.h"
#include "diagnostics.h"
#include "exit_status.h"
#include "extraction_format.h"
#include "interruption.h"
#include "redact_command.h"
#include "redaction/restoration.h"
#include "redaction_mapping.h"
#include "run_input.h"

namespace waterline::cli {
namespace {

int Fail(const Error& error) {
  PrintError(error.message);
  return kFatal;
}

std::string Minified(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element value;
  if (parser.parse(json.data(), json.size()).get(value) != simdjson::SUCCESS) return {};
  return simdjson::minify(value);
}

// One run over the texts and the mapping beside them.
class Restoration {
 public:
  Restoration(const RestoreArguments& arguments, RunInput input, MappingReader mapping,
              CopyOutput output)
      : arguments_(arguments),
        input_(std::move(input)),
        mapping_(std::move(mapping)),
        output_(std::move(output)) {}

  int Do() {
    if (Result<void> begun = output_.Begin({}, 0); !begun.ok()) return Fail(begun.error());
    InputWindows windows(arguments_, input_, /*memory_budget=*/0);
    while (true) {
      const Result<bool> more = windows.Next();
      if (!more.ok() && more.error().code == Code::kCancelled)
        return kSignalled + InterruptionSignal();
      if (!more.ok()) return Fail(more.error());
      for (const std::string& note : windows.reader().TakeNotes()) {
        if (!arguments_.quiet) PrintWarning(note);
      }
      if (!*more) break;
      for (const InputDocument& document : windows.documents()) {
        if (Result<void> added = Add(document); !added.ok()) return Fail(added.error());
      }
      const Result<void> written = output_.Flush();
      if (output_.reader_gone()) return kNoReader;
      if (!written.ok()) return Fail(written.error());
      if (InterruptionSignal() != 0) return kSignalled + InterruptionSignal();
    }
    MappedText rest;
    const Result<bool> more = mapping_.Next(rest);
    if (!more.ok()) return Fail(more.error());
    if (*more) {
      return Fail(
          {Code::kInvalidArgument,
           fmt::format("the mapping has more texts than the input: the next is of {}", rest.file)});
    }
    if (Result<void> done = output_.Commit(); !done.ok()) return Fail(done.error());
    Tell();
    return failed_ == 0 ? kSuccess : kSomeRefused;
  }

 private:
  Result<void> Add(const InputDocument& document) {
    if (document.blank) return Write(document, "");
    if (document.lost_file) {
      Refuse(document, *document.flaw);
      return {};
    }
    ++texts_;
    MappedText mapped;
    const Result<bool> more = mapping_.Next(mapped);
    if (!more.ok()) return more.error();
    if (!*more) return Mismatch(document, "the mapping has no line for it: it has fewer texts");
    if (std::optional<std::string> other = FindMismatch(document, mapped)) {
      return Mismatch(document, *other);
    }
    if (mapped.refused || document.flaw) {
      Refuse(document, document.flaw.value_or("it was refused when it was redacted"));
      return Write(document, document.text);
    }
    Result<redaction::RestoredText> restored =
        redaction::Restore(document.text, mapped.parts, arguments_.changed);
    if (!restored.ok()) {
      Refuse(document, restored.error().message +
                           (arguments_.changed ? "" : "; --changed puts names back all the same"));
      return Write(document, document.text);
    }
    missing_ += static_cast<int64_t>(restored->missing);
    return Write(document, restored->text);
  }

  // Why `mapped` is not what belongs to `document`, if it is not.
  std::optional<std::string> FindMismatch(const InputDocument& document,
                                          const MappedText& mapped) const {
    if (mapping_.files() && output_.NameOf(document.file)) {
      const std::string name = *output_.NameOf(document.file);
      if (name != mapped.file)
        return fmt::format("the next text of the mapping is of {}", mapped.file);
    }
    const auto id =
        std::find_if(document.fields.begin(), document.fields.end(),
                     [&](const auto& field) { return field.name == arguments_.read.id_field; });
    if (!mapped.id || id == document.fields.end()) return std::nullopt;
    const std::string own = Minified(id->value.Of(document.json));
    if (own == *mapped.id) return std::nullopt;
    return fmt::format("its {} is {}, and that of the next text of the mapping {}",
                       arguments_.read.id_field, own, *mapped.id);
  }

  Error Mismatch(const InputDocument& document, const std::string& why) const {
    return {Code::kInvalidArgument,
            fmt::format("{}: {}; restore needs all texts of the output of redact in their order",
                        DocumentPlace(input_.files, document), why)};
  }

  void Refuse(const InputDocument& document, const std::string& why) {
    ++failed_;
    PrintNote(fmt::format("{}: {}", DocumentPlace(input_.files, document), why));
  }

  Result<void> Write(const InputDocument& document, std::string_view text) {
    // A field of another type than a string has no text, and stays as it is.
    const bool as_it_is = document.flaw.has_value();
    const Result<bool> added =
        as_it_is ? output_.AddUnchanged(document) : output_.Add(document, text, "");
    return added.ok() ? Result<void>() : added.error();
  }

  void Tell() const {
    if (missing_ > 0 && !arguments_.quiet) {
      PrintNote(fmt::format("{} {} no longer in the texts", FormatCount(missing_),
                            missing_ == 1 ? "replacement is" : "replacements are"));
    }
    if (failed_ > 0) {
      PrintNote(fmt::format("{} of {} {} not restored", FormatCount(failed_), FormatCount(texts_),
                            texts_ == 1 ? "text was" : "texts were"));
    }
  }

  const RestoreArguments& arguments_;
  RunInput input_;
  MappingReader mapping_;
  CopyOutput output_;
  int64_t texts_ = 0;
  int64_t failed_ = 0;
  int64_t missing_ = 0;
};

}  // namespace

int RunRestore(const RestoreArguments& arguments) {
  RestoreArguments completed = arguments;
  completed.without_model = true;
  completed.search.outputs = {arguments.output, arguments.mapping};
  std::optional<RunInput> input = PrepareInput(completed, arguments.quiet);
  if (!input) return kFatal;
  Result<MappingReader> mapping = MappingReader::Open(arguments.mapping);
  if (!mapping.ok()) return Fail(mapping.error());
  const bool folder = arguments.format == RedactionFormat::kFiles;
  Result<CopyOutput> output =
      CopyOutput::Open(arguments.output, folder ? CopyLayout::kFolder : CopyLayout::kStream,
                       input->files, arguments.read);
  if (!output.ok()) return Fail(output.error());
  CatchInterruptions();
  return Restoration(completed, *std::move(input), *std::move(mapping), *std::move(output)).Do();
}

}  // namespace waterline::cli
