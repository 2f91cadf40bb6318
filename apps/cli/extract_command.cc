// SPDX-License-Identifier: Apache-2.0
#include "extract_command.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "diagnostics.h"
#include "exit_status.h"
#include "extraction_format.h"
#include "label_vectors_input.h"
#include "output_file.h"
#include "run_input.h"
#include "run_report.h"

namespace waterline::cli {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Without what belongs to the input.
FormatOptions ChooseFormat(const ExtractArguments& arguments) {
  FormatOptions options;
  const bool terminal = arguments.output.empty() && isatty(STDOUT_FILENO) == 1;
  if (arguments.format == "csv") options.format = OutputFormat::kCsv;
  if (arguments.format == "pretty" || (arguments.format.empty() && terminal)) {
    options.format = OutputFormat::kPretty;
  }
  if (!terminal) return options;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  options.colour = (no_colour == nullptr || *no_colour == '\0') &&
                   (kind == nullptr || std::string_view(kind) != "dumb");
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) options.columns = size.ws_col;
  return options;
}

// One run, from labels to closing lines.
class Run {
 public:
  // `statistics` is the file of --stats-json, if any.
  Run(const ExtractArguments& arguments, RunInput input, OutputFile output,
      std::optional<OutputFile> statistics, Clock::time_point start)
      : arguments_(arguments),
        input_(std::move(input)),
        format_(ChooseFormat(arguments)),
        output_(std::move(output)),
        statistics_(std::move(statistics)),
        start_(start) {}

  int Do() {
    const Clock::time_point load = Clock::now();
    Result<Engine> engine = Engine::Load(arguments_.model, arguments_.engine);
    if (!engine.ok()) return Fail(engine.error());
    const Result<void> vectors = PrepareLabelVectors(*engine, arguments_, input_);
    if (!vectors.ok()) return Fail(vectors.error());
    format_.files = input_.files;
    format_.labels = input_.labels;
    format_.relations = input_.relations;
    if (!input_.relations.empty()) totals_.relations = 0;
    totals_.load_seconds = SecondsSince(load);

    const Result<void> done = Stream(*engine);
    if (output_.reader_gone()) return kNoReader;
    if (!done.ok()) return Fail(done.error());
    if (!stopped_) {
      if (Result<void> written = output_.Commit(); !written.ok()) return Fail(written.error());
    }
    if (const Result<void> closed = Close(*engine); !closed.ok()) return Fail(closed.error());
    return totals_.refused > 0 ? kSomeRefused : kSuccess;
  }

 private:
  static int Fail(const Error& error) {
    PrintError(error.message);
    return kFatal;
  }

  Result<void> Stream(const Engine& engine) {
    InputWindows windows(arguments_, input_, engine.Stats().memory_budget);
    const ExtractOptions options = OptionsOf(arguments_, input_);
    FormatStart(format_, buffer_);
    while (!stopped_) {
      const Result<bool> more = windows.Next();
      if (!more.ok()) return more.error();
      if (!*more) break;
      const Result<std::vector<Extraction>> found = Extract(engine, options, windows);
      if (!found.ok()) return found.error();
      FormatWindow(windows.documents(), *found);
      if (Result<void> written = Flush(); !written.ok()) return written.error();
    }
    return Flush();
  }

  // result[i] belongs to windows.documents()[i]; what the reader refused comes back as refused.
  Result<std::vector<Extraction>> Extract(const Engine& engine, const ExtractOptions& options,
                                          const InputWindows& windows) {
    const Clock::time_point start = Clock::now();
    Result<std::vector<Extraction>> found = engine.Extract(windows.texts(), input_.labels, options);
    totals_.extract_seconds += SecondsSince(start);
    if (!found.ok()) return found.error();
    std::vector<Extraction> all(windows.documents().size());
    for (size_t i = 0; i < all.size(); ++i) all[i].error = windows.FlawOf(i);
    for (size_t i = 0; i < found->size(); ++i) {
      all[windows.DocumentOf(i)] = std::move((*found)[i]);
    }
    return all;
  }

  void FormatWindow(const std::vector<InputDocument>& window,
                    const std::vector<Extraction>& found) {
    for (size_t i = 0; i < window.size() && !stopped_; ++i) {
      Count(window[i], found[i]);
      FormatDocument(format_, window[i], found[i], buffer_);
    }
  }

  void Count(const InputDocument& document, const Extraction& extraction) {
    if (document.blank) return;
    ++totals_.texts;
    totals_.words += extraction.words;
    totals_.entities += static_cast<int64_t>(extraction.entities.size());
    CountRelations(document, extraction);
    totals_.windowed += extraction.windows > 1;
    totals_.cut += extraction.words_cut > 0;
    totals_.words_cut += extraction.words_cut;
    if (!extraction.error) return;
    ++totals_.refused;
    PrintNote(
        fmt::format("{}: {}", DocumentPlace(format_.files, document), extraction.error->message));
    stopped_ = arguments_.strict;
  }

  void CountRelations(const InputDocument& document, const Extraction& extraction) {
    if (!AsksForRelations(format_, document)) return;
    totals_.relations =
        totals_.relations.value_or(0) + static_cast<int64_t>(extraction.relations.size());
    const bool lost = format_.format == OutputFormat::kCsv && format_.relations.empty() &&
                      !extraction.relations.empty();
    if (!lost || warned_ || arguments_.quiet) return;
    warned_ = true;
    PrintWarning(
        fmt::format("{}: its relations are left out, as those of later texts are: CSV has "
                    "columns for relations only with --relations",
                    DocumentPlace(format_.files, document)));
  }

  Result<void> Flush() {
    const Result<void> written = output_.Write(buffer_);
    buffer_.clear();
    if (written.ok() && totals_.entities > 0 && !totals_.first_entity_seconds) {
      totals_.first_entity_seconds = SecondsSince(start_);
    }
    return written;
  }

  Result<void> Close(const Engine& engine) {
    totals_.total_seconds = SecondsSince(start_);
    if (totals_.cut > 0 && !arguments_.quiet) PrintWarning(DescribeCut(totals_));
    if (stopped_) {
      PrintError("stopped at the first text that was refused, as --strict says");
    } else if (totals_.refused > 0) {
      PrintNote(DescribeRefused(totals_));
    }
    const EngineStats stats = engine.Stats();
    if (arguments_.stats) {
      const std::string table = FormatStatistics(totals_, stats);
      std::fwrite(table.data(), 1, table.size(), stderr);
    }
    if (!statistics_) return {};
    const Result<void> written = statistics_->Write(FormatStatisticsJson(totals_, stats));
    return written.ok() ? statistics_->Commit() : written;
  }

  const ExtractArguments& arguments_;
  RunInput input_;
  FormatOptions format_;
  OutputFile output_;
  std::optional<OutputFile> statistics_;
  Clock::time_point start_;
  std::string buffer_;  // Formatted, not written yet.
  RunTotals totals_;
  bool stopped_ = false;  // By --strict.
  bool warned_ = false;   // That CSV lacks columns.
};

}  // namespace

int RunExtract(const ExtractArguments& arguments, Clock::time_point start) {
  std::optional<RunInput> input = PrepareInput(arguments, arguments.quiet);
  if (!input) return kFatal;
  Result<OutputFile> output = OutputFile::Open(arguments.output);
  if (!output.ok()) {
    PrintError(output.error().message);
    return kFatal;
  }
  std::optional<OutputFile> statistics;
  if (!arguments.stats_json.empty()) {
    Result<OutputFile> opened = OutputFile::Open(arguments.stats_json);
    if (!opened.ok()) {
      PrintError(opened.error().message);
      return kFatal;
    }
    statistics = *std::move(opened);
  }
  return Run(arguments, *std::move(input), *std::move(output), std::move(statistics), start).Do();
}

}  // namespace waterline::cli
