// SPDX-License-Identifier: Apache-2.0
#include "extract_command.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "byte_source.h"
#include "diagnostics.h"
#include "document_reader.h"
#include "exit_status.h"
#include "labels.h"
#include "output_file.h"
#include "run_report.h"

namespace waterline::cli {
namespace {

using Clock = std::chrono::steady_clock;

// The longest text that is read at once: it is held several times over while it is worked on.
constexpr size_t kMaxTextBytes = 64 << 20;
constexpr size_t kTextsOfBudget = 4;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Reports every file that cannot be read, before any work.
bool CheckFiles(const std::vector<std::string>& files) {
  bool all = true;
  for (const std::string& file : files) {
    if (Result<void> readable = CheckReadable(file); !readable.ok()) {
      PrintError(readable.error().message);
      all = false;
    }
  }
  return all;
}

FormatOptions ChooseFormat(const ExtractArguments& arguments, std::vector<std::string> files) {
  FormatOptions options;
  options.files = std::move(files);
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
  Run(const ExtractArguments& arguments, FormatOptions format, OutputFile output,
      Clock::time_point start)
      : arguments_(arguments),
        format_(std::move(format)),
        output_(std::move(output)),
        start_(start) {}

  int Do() {
    const Clock::time_point load = Clock::now();
    Result<Engine> engine = Engine::Load(arguments_.model, arguments_.engine);
    if (!engine.ok()) return Fail(engine.error());
    totals_.load_seconds = SecondsSince(load);

    const Result<void> done = Stream(*engine);
    if (output_.reader_gone()) return kNoReader;
    if (!done.ok()) return Fail(done.error());
    if (!stopped_) {
      if (Result<void> written = output_.Commit(); !written.ok()) return Fail(written.error());
    }
    Close(*engine);
    return totals_.refused > 0 ? kSomeRefused : kSuccess;
  }

 private:
  static int Fail(const Error& error) {
    PrintError(error.message);
    return kFatal;
  }

  Result<void> Stream(const Engine& engine) {
    ReadOptions read;
    read.kind = arguments_.input;
    read.text_field = arguments_.text_field;
    read.max_bytes = std::min(engine.Stats().memory_budget / kTextsOfBudget, kMaxTextBytes);
    DocumentReader reader(format_.files, read);
    FormatStart(format_, buffer_);
    std::vector<InputDocument> window;
    while (!stopped_) {
      if (Result<void> filled = reader.ReadWindow(window); !filled.ok()) return filled.error();
      if (window.empty()) break;
      Result<std::vector<Extraction>> found = Extract(engine, window);
      if (!found.ok()) return found.error();
      FormatWindow(window, *found);
      if (Result<void> written = Flush(); !written.ok()) return written.error();
    }
    return Flush();
  }

  // result[i] belongs to window[i]; what the reader refused comes back as refused.
  Result<std::vector<Extraction>> Extract(const Engine& engine,
                                          const std::vector<InputDocument>& window) {
    std::vector<std::string_view> texts;
    for (const InputDocument& document : window) {
      if (!document.flaw && !document.blank) texts.push_back(document.text);
    }
    std::vector<Extraction> all(window.size());
    const Clock::time_point start = Clock::now();
    Result<std::vector<Extraction>> found = engine.Extract(std::span<const std::string_view>(texts),
                                                           format_.labels, arguments_.extract);
    totals_.extract_seconds += SecondsSince(start);
    if (!found.ok()) return found.error();
    size_t next = 0;
    for (size_t i = 0; i < window.size(); ++i) {
      if (window[i].flaw) {
        all[i].error = Error{Code::kInvalidArgument, *window[i].flaw};
      } else if (!window[i].blank) {
        all[i] = std::move((*found)[next++]);
      }
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
    totals_.windowed += extraction.windows > 1;
    totals_.cut += extraction.words_cut > 0;
    totals_.words_cut += extraction.words_cut;
    if (!extraction.error) return;
    ++totals_.refused;
    PrintNote(fmt::format("{}: {}", DocumentPlace(format_, document), extraction.error->message));
    stopped_ = arguments_.strict;
  }

  Result<void> Flush() {
    const Result<void> written = output_.Write(buffer_);
    buffer_.clear();
    if (written.ok() && totals_.entities > 0 && !totals_.first_entity_seconds) {
      totals_.first_entity_seconds = SecondsSince(start_);
    }
    return written;
  }

  void Close(const Engine& engine) {
    totals_.total_seconds = SecondsSince(start_);
    if (totals_.cut > 0 && !arguments_.quiet) PrintWarning(DescribeCut(totals_));
    if (stopped_) {
      PrintError("stopped at the first text that was refused, as --strict says");
    } else if (totals_.refused > 0) {
      PrintNote(DescribeRefused(totals_));
    }
    if (!arguments_.stats) return;
    const std::string table = FormatStatistics(totals_, engine.Stats());
    std::fwrite(table.data(), 1, table.size(), stderr);
  }

  const ExtractArguments& arguments_;
  FormatOptions format_;
  OutputFile output_;
  Clock::time_point start_;
  std::string buffer_;  // Formatted, not written yet.
  RunTotals totals_;
  bool stopped_ = false;  // By --strict.
};

}  // namespace

int RunExtract(const ExtractArguments& arguments, Clock::time_point start) {
  Result<LabelList> list = ReadLabels(arguments.labels, arguments.labels_file);
  if (!list.ok()) {
    PrintError(list.error().message);
    return kFatal;
  }
  for (const std::string& name : list->duplicates) {
    if (!arguments.quiet) PrintWarning(fmt::format("the label '{}' is given twice", name));
  }
  std::vector<std::string> files = arguments.files;
  if (files.empty()) files.emplace_back("-");
  if (!CheckFiles(files)) return kFatal;
  if (std::find(files.begin(), files.end(), "-") != files.end() && isatty(STDIN_FILENO) == 1 &&
      !arguments.quiet) {
    PrintNote("reading from the terminal; Ctrl-D ends the text");
  }
  FormatOptions format = ChooseFormat(arguments, std::move(files));
  format.labels = std::move(list->labels);
  Result<OutputFile> output = OutputFile::Open(arguments.output);
  if (!output.ok()) {
    PrintError(output.error().message);
    return kFatal;
  }
  return Run(arguments, std::move(format), *std::move(output), start).Do();
}

}  // namespace waterline::cli
