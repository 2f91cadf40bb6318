// SPDX-License-Identifier: Apache-2.0
#include "embed_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include "byte_size.h"
#include "diagnostics.h"
#include "exit_status.h"
#include "flag_values.h"
#include "labels.h"
#include "output_file.h"
#include "report_table.h"
#include "run_input.h"

namespace waterline::cli {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Tells on standard error how many labels are done: in one line of a terminal, or now and then.
class Progress {
 public:
  Progress(int64_t labels, bool quiet)
      : labels_(labels), quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

  // From any thread.
  void Add(int64_t labels) {
    if (quiet_) return;
    const std::lock_guard lock(mutex_);
    done_ += labels;
    const Clock::time_point now = Clock::now();
    if (now - told_ < (terminal_ ? kOnTerminal : kElsewhere)) return;
    told_ = now;
    const std::string text =
        fmt::format("{} of {} labels", FormatCount(done_), FormatCount(labels_));
    if (terminal_) {
      shown_ = true;
      std::fprintf(stderr, "\r%s", text.c_str());
    } else {
      PrintNote(text);
    }
  }

  void End() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
  }

 private:
  static constexpr std::chrono::milliseconds kOnTerminal{200};
  static constexpr std::chrono::milliseconds kElsewhere{10'000};

  const int64_t labels_;
  const bool quiet_;
  const bool terminal_;
  std::mutex mutex_;
  int64_t done_ = 0;
  bool shown_ = false;
  Clock::time_point told_ = Clock::now();
};

void PrintReport(const EmbedArguments& arguments, const LabelVectors& vectors, double load_seconds,
                 double embed_seconds) {
  std::error_code unknown;
  const uintmax_t bytes = std::filesystem::file_size(arguments.output, unknown);
  ReportTable table;
  table.Heading("label vectors");
  table.Count("labels", static_cast<int64_t>(vectors.labels().size()));
  table.Count("width", vectors.width());
  table.Row("file", arguments.output);
  if (!unknown) table.Bytes("file size", bytes);
  table.Seconds("load", load_seconds);
  table.Seconds("embed", embed_seconds);
  const std::string text = table.Take();
  std::fwrite(text.data(), 1, text.size(), stderr);
}

Result<void> Embed(const EmbedArguments& arguments, const std::vector<Label>& labels,
                   Clock::time_point start) {
  // Before the work: whether the file can be written at all. What was opened goes again.
  if (const Result<OutputFile> probe = OutputFile::Open(arguments.output); !probe.ok()) {
    return probe.error();
  }
  Progress progress(static_cast<int64_t>(labels.size()), arguments.quiet);
  EngineOptions options = arguments.engine;
  options.observer = [&progress](const BatchReport& report) { progress.Add(report.labels); };
  const Result<Engine> engine = Engine::Load(arguments.model, options);
  if (!engine.ok()) return engine.error();
  const double load_seconds = SecondsSince(start);
  const Clock::time_point begin = Clock::now();
  const Result<LabelVectors> vectors = engine->EmbedLabels(labels);
  progress.End();
  if (!vectors.ok()) return vectors.error();
  const double embed_seconds = SecondsSince(begin);
  if (Result<void> saved = vectors->Save(arguments.output); !saved.ok()) return saved;
  if (!arguments.quiet) PrintReport(arguments, *vectors, load_seconds, embed_seconds);
  return {};
}

}  // namespace

void AddEmbedFlags(CLI::App& command, EmbedArguments& arguments) {
  AddModelArgument(command, arguments.model);
  AddLabelListFlags(command, arguments.labels, arguments.labels_file);
  AddParsed(command, "--output,-o", "File to write; it appears when all is done",
            [&arguments](const std::string& text) {
              arguments.output = text;
              return text.empty() || text == "-" ? "'" + text + "' is not a file" : std::string();
            })
      ->option_text("F")
      ->required();
  command.add_flag("--quiet,-q", arguments.quiet, "No progress, no report, only errors");
  AddEngineFlags(command, arguments);
  command.footer(
      R"(Of models with a label encoder (bi-encoders): `extract --label-vectors` then takes the labels from the
file and does not encode them again, so that ten thousand labels cost a matrix product. The file holds
the labels, with descriptions and thresholds, and is for this model alone. Exit status: 0, or 2 for an
error.

Examples:
  waterline embed-labels models/bi --labels person,city -o labels.safetensors
  waterline embed-labels models/bi --labels-file labels.json -o labels.safetensors
  waterline extract --model models/bi --label-vectors labels.safetensors notes.txt)");
}

int RunEmbedding(const EmbedArguments& arguments, Clock::time_point start) {
  Result<LabelList> list = ReadLabels(arguments.labels, arguments.labels_file);
  if (list.ok() && list->labels.empty()) list = NoLabels();
  if (!list.ok()) {
    PrintError(list.error().message);
    return kFatal;
  }
  if (!arguments.quiet) WarnOfDuplicates("label", list->duplicates);
  if (const Result<void> done = Embed(arguments, list->labels, start); !done.ok()) {
    PrintError(done.error().message);
    return kFatal;
  }
  return kSuccess;
}

}  // namespace waterline::cli
