// SPDX-License-Identifier: Apache-2.0
#include "text_run.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <string_view>
#include <utility>

#include "byte_size.h"
#include "diagnostics.h"
#include "exit_status.h"
#include "extraction_format.h"
#include "interruption.h"
#include "json_writer.h"
#include "label_vectors_input.h"
#include "output_file.h"
#include "progress.h"
#include "run_report.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// What a kill may cost: work since the journal was last written.
constexpr std::chrono::milliseconds kJournalInterval(200);

bool ToTerminal(const TextRunArguments& arguments) {
  return arguments.output.empty() && isatty(STDOUT_FILENO) == 1;
}

Progress::Kind ChooseProgress(const TextRunArguments& arguments) {
  if (arguments.quiet) return Progress::Kind::kNone;
  if (isatty(STDERR_FILENO) != 1) return Progress::Kind::kLines;
  // Where the output comes to the terminal it is the progress.
  return ToTerminal(arguments) ? Progress::Kind::kNone : Progress::Kind::kBar;
}

// Bytes of all files; 0 where one has no size.
uint64_t TotalBytes(const std::vector<std::string>& files) {
  uint64_t total = 0;
  for (const std::string& file : files) {
    struct stat status {};
    const bool standard = file == "-";
    const int found = standard ? fstat(STDIN_FILENO, &status) : stat(file.c_str(), &status);
    if (found != 0) continue;  // It will be told when its turn comes.
    if (!S_ISREG(status.st_mode)) return 0;
    total += static_cast<uint64_t>(status.st_size);
  }
  return total;
}

std::string DescribeLabels(const std::vector<Label>& labels) {
  std::string text;
  JsonWriter json(text);
  json.StartArray();
  for (const Label& label : labels) {
    json.StartObject();
    json.Field("name", label.name);
    if (!label.description.empty()) json.Field("description", label.description);
    if (label.threshold) {
      json.Key("threshold");
      json.Double(static_cast<double>(*label.threshold));
    }
    json.EndObject();
  }
  json.EndArray();
  return text;
}

// All that decides about any output besides the texts. Memory and threads do not.
RunSettings SettingsOf(const TextRunArguments& arguments, const RunInput& input,
                       const EngineStats& engine) {
  const ExtractOptions& extract = arguments.extract;
  const ReadOptions& read = arguments.read;
  const auto number = [](const auto& value) { return fmt::format("{}", value); };
  const auto maybe = [](const std::optional<float>& value) {
    return value ? fmt::format("{}", *value) : std::string();
  };
  std::string relations;
  for (const std::string& relation : input.relations) relations += relation + "\n";
  std::string ignored;
  for (const std::string& field : read.ignored_fields) ignored += field + ",";
  std::string device = "cpu";
  for (const DeviceStats& one : engine.devices) device = one.model;
  return {{"--model", arguments.model},
          {"--labels", DescribeLabels(input.labels)},
          {"--label-vectors", arguments.label_vectors},
          {"--relations", relations},
          {"--threshold", number(extract.threshold)},
          {"--relation-threshold", maybe(extract.relation_threshold)},
          {"--adjacency-threshold", maybe(extract.adjacency_threshold)},
          {"--nested", number(extract.nested)},
          {"--multi-label", number(extract.multi_label)},
          {"--truncate", number(extract.truncate)},
          {"--window-words", number(extract.window_words)},
          {"--labels-per-pass", number(extract.labels_per_pass)},
          {"--offsets", number(static_cast<int>(extract.offsets))},
          {"--dtype", PrecisionName(engine.dtype)},
          {"--splitter", number(static_cast<int>(arguments.engine.splitter))},
          {"--isa", engine.isa},
          {"--device", device},
          {"--input", number(static_cast<int>(read.kind))},
          {"--text-field", read.text_field},
          {"--ignore-fields", ignored},
          {"--encoding", read.encoding},
          {"--delimiter", number(static_cast<int>(read.delimiter))},
          {"--shard", fmt::format("{}/{}", read.shard.index + 1, read.shard.count)},
          {"--errors", arguments.errors}};
}

// The files that a run writes beside its output.
struct SideFiles {
  std::optional<OutputFile> errors;      // Of --errors.
  std::optional<OutputFile> statistics;  // Of --stats-json.
};

Result<SideFiles> OpenSideFiles(const TextRunArguments& arguments) {
  SideFiles files;
  if (!arguments.errors.empty()) {
    Result<OutputFile> errors = OutputFile::OpenResumable(arguments.errors);
    if (!errors.ok()) return errors.error();
    files.errors.emplace(*std::move(errors));
  }
  if (!arguments.stats_json.empty()) {
    Result<OutputFile> statistics = OutputFile::Open(arguments.stats_json);
    if (!statistics.ok()) return statistics.error();
    files.statistics.emplace(*std::move(statistics));
  }
  return files;
}

// One run, from labels to closing lines.
class Run {
 public:
  Run(const TextRunArguments& arguments, RunInput input, std::unique_ptr<TextOutput> output,
      SideFiles files, Clock::time_point start)
      : arguments_(arguments),
        input_(std::move(input)),
        output_(std::move(output)),
        files_(std::move(files)),
        start_(start) {}

  int Do() {
    const Clock::time_point load = Clock::now();
    if (!arguments_.without_model) {
      if (Result<void> loaded = Load(); !loaded.ok()) return Fail(loaded.error());
    }
    totals_.lost_files = static_cast<int64_t>(input_.unreadable.size());
    if (!input_.relations.empty()) totals_.relations = 0;
    totals_.load_seconds = SecondsSince(load);

    InputWindows windows(arguments_, input_, Stats().memory_budget);
    if (Result<void> begun = Begin(windows); !begun.ok()) return Fail(begun.error());
    if (InterruptionSignal() != 0) return Interrupted();  // While it skipped what is done.
    const Result<void> done = Stream(windows);
    if (output_->reader_gone()) return kNoReader;
    if (!done.ok()) return Broken(done.error());
    if (InterruptionSignal() != 0 && !ended_) return Interrupted();
    if (!stopped_) {
      if (Result<void> written = Commit(); !written.ok()) return Broken(written.error());
    }
    if (const Result<void> closed = Close(); !closed.ok()) return Fail(closed.error());
    const bool whole =
        totals_.refused == 0 && totals_.lost_files == 0 && totals_.changed_files == 0;
    return whole ? kSuccess : kSomeRefused;
  }

 private:
  static int Fail(const Error& error) {
    PrintError(error.message);
    return kFatal;
  }

  // An error in the middle of the work, which is kept where something can go on with it.
  int Broken(const Error& error) {
    PrintError(error.message);
    if (position_.documents > 0 && journal_) TellHowToGoOn();
    return kFatal;
  }

  int Interrupted() {
    const int signal = InterruptionSignal();
    PrintNote(fmt::format("stopped by {}", signal == SIGINT ? "Ctrl-C" : "SIGTERM"));
    if (journal_) {
      TellHowToGoOn();
    } else {
      PrintNote(
          fmt::format("{} texts are done; with --output F a later --resume could have gone on",
                      FormatCount(totals_.texts)));
    }
    return kSignalled + signal;
  }

  Result<void> Load() {
    Result<Engine> engine = Engine::Load(arguments_.model, arguments_.engine);
    if (!engine.ok()) return engine.error();
    engine_.emplace(*std::move(engine));
    return PrepareLabelVectors(*engine_, arguments_, input_);
  }

  EngineStats Stats() const { return engine_ ? engine_->Stats() : EngineStats(); }

  void TellHowToGoOn() {
    Keep();
    PrintNote(
        fmt::format("{} texts are done and kept in {}: the same command with --resume goes on",
                    FormatCount(position_.totals.texts), OutputFile::PartialOf(arguments_.output)));
  }

  void Keep() {
    output_->Keep();
    if (files_.errors) files_.errors->Keep();
  }

  // Begins the output, or goes on with that of an interrupted run.
  Result<void> Begin(InputWindows& windows) {
    std::optional<RunPosition> before;
    if (output_->resumable()) {
      RunSettings settings = SettingsOf(arguments_, input_, Stats());
      settings.merge(output_->Settings());
      journal_.emplace(arguments_.output, std::move(settings));
      Keep();  // Until it is known that what is there is of no use.
      Result<std::optional<RunPosition>> read =
          arguments_.resume ? journal_->Read() : Result<std::optional<RunPosition>>(before);
      if (!read.ok()) return read.error();
      before = *read;
    }
    if (before) {
      if (!before->totals.relations) before->totals.relations = totals_.relations;
      const double load_seconds = totals_.load_seconds;
      totals_ = before->totals;
      totals_.load_seconds = load_seconds;
      position_ = *before;
      const Result<void> skipped = windows.Skip(before->documents, before->input_digest);
      if (!skipped.ok() && skipped.error().code != Code::kCancelled) return skipped;
      texts_before_ = before->totals.texts;
      bytes_before_ = windows.reader().position();
      if (!arguments_.quiet) {
        PrintNote(fmt::format("goes on behind {} texts", FormatCount(before->totals.texts)));
      }
    } else if (journal_) {
      journal_->Remove();
    }
    const std::optional<OutputMark> errors =
        before ? std::optional<OutputMark>(before->errors) : OutputMark();
    if (files_.errors && files_.errors->resumable()) {
      if (Result<void> rewound = files_.errors->Rewind(*errors); !rewound.ok()) return rewound;
    }
    return output_->Begin(input_,
                          before ? std::optional<OutputPosition>(before->output) : std::nullopt);
  }

  Result<void> Stream(InputWindows& windows) {
    const ExtractOptions options = OptionsOf(arguments_, input_);
    const uint64_t bytes_total = TotalBytes(input_.files);
    const Clock::time_point begin = Clock::now();
    Progress progress(ChooseProgress(arguments_), [&, this] {
      const EngineStats stats = Stats();
      return ProgressState{.texts = texts_done_,
                           .texts_here = texts_done_ - texts_before_,
                           .tokens = stats.tokens,
                           .bytes = bytes_read_,
                           .bytes_before = bytes_before_,
                           .bytes_total = bytes_total,
                           .seconds = SecondsSince(begin),
                           .in_use = stats.in_use,
                           .budget = stats.memory_budget};
    });
    progress_ = &progress;
    texts_done_ = totals_.texts;
    const Result<void> done = Loop(options, windows);
    progress.End();
    progress_ = nullptr;
    showed_progress_ = progress.shown();
    return done;
  }

  Result<void> Loop(const ExtractOptions& options, InputWindows& windows) {
    while (!stopped_ && InterruptionSignal() == 0) {
      const Result<bool> more = windows.Next();
      if (!more.ok() && more.error().code == Code::kCancelled) break;
      if (!more.ok()) return more.error();
      TakeTally(windows.reader());
      if (!*more) {
        ended_ = true;
        return {};
      }
      const Result<std::vector<Extraction>> found = Extract(options, windows);
      if (!found.ok()) return found.error();
      if (Result<void> written = WriteWindow(windows, *found); !written.ok()) return written;
    }
    return Journal(/*now=*/true);
  }

  // result[i] belongs to windows.documents()[i]; what the reader refused comes back as refused.
  Result<std::vector<Extraction>> Extract(const ExtractOptions& options,
                                          const InputWindows& windows) {
    std::vector<Extraction> all(windows.documents().size());
    for (size_t i = 0; i < all.size(); ++i) all[i].error = windows.FlawOf(i);
    if (engine_) {
      const Clock::time_point start = Clock::now();
      Result<std::vector<Extraction>> found =
          engine_->Extract(windows.texts(), input_.labels, options);
      totals_.extract_seconds += SecondsSince(start);
      if (!found.ok()) return found.error();
      for (size_t i = 0; i < found->size(); ++i) {
        all[windows.DocumentOf(i)] = std::move((*found)[i]);
      }
    }
    for (size_t i = 0; i < all.size(); ++i) output_->Complete(windows.documents()[i], all[i]);
    return all;
  }

  Result<void> WriteWindow(InputWindows& windows, const std::vector<Extraction>& found) {
    const std::vector<InputDocument>& documents = windows.documents();
    for (size_t i = 0; i < documents.size() && !stopped_; ++i) {
      Count(documents[i], found[i]);
      const Result<void> added = output_->Add(documents[i], found[i]);
      if (!added.ok()) return added;
      for (const std::string& warning : output_->TakeWarnings()) Warn(warning);
    }
    if (Result<void> written = Flush(); !written.ok()) return written;
    texts_done_ = totals_.texts;
    bytes_read_ = windows.reader().position();
    position_.documents += static_cast<int64_t>(documents.size());
    position_.input_digest = windows.digest();
    return Journal(/*now=*/false);
  }

  Result<void> Journal(bool now) {
    if (!journal_ || stopped_ || position_.documents == 0) return {};
    if (!now && Clock::now() - journal_written_ < kJournalInterval) return {};
    position_.output = output_->position();
    if (files_.errors) position_.errors = files_.errors->mark();
    position_.totals = totals_;
    journal_written_ = Clock::now();
    return journal_->Write(position_);
  }

  void Count(const InputDocument& document, const Extraction& extraction) {
    if (document.blank) return;
    if (document.lost_file) {
      ++totals_.lost_files;
    } else {
      ++totals_.texts;
    }
    totals_.words += extraction.words;
    totals_.entities += static_cast<int64_t>(extraction.entities.size());
    CountRelations(document, extraction);
    totals_.windowed += extraction.windows > 1;
    totals_.cut += extraction.words_cut > 0;
    totals_.words_cut += extraction.words_cut;
    if (!extraction.error) return;
    if (!document.lost_file) ++totals_.refused;
    TellRefused(document, *extraction.error);
    stopped_ = arguments_.strict;
  }

  void TellRefused(const InputDocument& document, const Error& error) {
    const std::string place = DocumentPlace(input_.files, document);
    Note(document.lost_file ? error.message : fmt::format("{}: {}", place, error.message));
    if (!files_.errors) return;
    const std::string& file = input_.files[document.file];
    JsonWriter json(error_lines_);
    json.StartObject();
    json.Field("file", IsUtf8(file) ? file : "not UTF-8");
    if (document.line > 0) json.IntField("line", document.line);
    for (const JsonField& field : document.fields) {
      if (field.name != arguments_.read.id_field) continue;
      json.Key("id");
      json.RawValue(field.value.Of(document.json));
    }
    json.Field("error", error.message);
    json.EndObject();
    error_lines_ += '\n';
  }

  void CountRelations(const InputDocument& document, const Extraction& extraction) {
    const std::vector<std::string>* own = document.settings.relations.get();
    if ((own != nullptr ? *own : input_.relations).empty()) return;
    totals_.relations =
        totals_.relations.value_or(0) + static_cast<int64_t>(extraction.relations.size());
  }

  // What the reader noticed on the way.
  void TakeTally(DocumentReader& reader) {
    for (const std::string& note : reader.TakeNotes()) Warn(note);
    totals_.replaced = reader.tally().replaced_texts;
    totals_.repeated_ids = reader.tally().repeated_ids;
    totals_.changed_files = reader.tally().changed_files;
  }

  void Note(const std::string& message) {
    progress_->Print([&] { PrintNote(message); });
  }

  void Warn(const std::string& message) {
    if (!arguments_.quiet) progress_->Print([&] { PrintWarning(message); });
  }

  Result<void> Flush() {
    Result<void> written = output_->Flush();
    if (written.ok() && files_.errors) written = files_.errors->Write(error_lines_);
    error_lines_.clear();
    if (written.ok() && totals_.entities > 0 && !totals_.first_entity_seconds) {
      totals_.first_entity_seconds = SecondsSince(start_);
    }
    return written;
  }

  Result<void> Commit() {
    if (files_.errors) {
      if (Result<void> written = files_.errors->Commit(); !written.ok()) return written;
    }
    const Result<void> written = output_->Commit();
    if (written.ok() && journal_) journal_->Remove();
    return written;
  }

  Result<void> Close() {
    totals_.total_seconds = SecondsSince(start_);
    if (totals_.cut > 0 && !arguments_.quiet) PrintWarning(DescribeCut(totals_));
    const std::string trouble = DescribeTrouble(totals_);
    if (stopped_) {
      PrintError("stopped at the first text that was refused, as --strict says");
    } else {
      const bool told = showed_progress_ && !arguments_.quiet;
      if (told) PrintNote(DescribeWork(totals_));
      for (const std::string& note : output_->ClosingNotes()) {
        if (!arguments_.quiet) PrintNote(note);
      }
      if (!trouble.empty()) PrintNote(trouble);
    }
    const EngineStats stats = Stats();
    if (arguments_.stats) {
      const std::string table = FormatStatistics(totals_, stats);
      std::fwrite(table.data(), 1, table.size(), stderr);
    }
    if (!files_.statistics) return {};
    const Result<void> written = files_.statistics->Write(FormatStatisticsJson(totals_, stats));
    return written.ok() ? files_.statistics->Commit() : written;
  }

  const TextRunArguments& arguments_;
  RunInput input_;
  std::optional<Engine> engine_;  // Empty: without a model.
  std::unique_ptr<TextOutput> output_;
  SideFiles files_;
  Clock::time_point start_;
  std::string error_lines_;  // For files_.errors, not written yet.
  RunTotals totals_;
  std::optional<RunJournal> journal_;  // Where the output can be gone on with.
  RunPosition position_;               // As the journal has it or will have it.
  Clock::time_point journal_written_;
  Progress* progress_ = nullptr;  // While texts are worked on.
  std::atomic<int64_t> texts_done_{0};
  std::atomic<uint64_t> bytes_read_{0};
  int64_t texts_before_ = 0;   // Done by interrupted runs,
  uint64_t bytes_before_ = 0;  // and what of the input that was.
  bool showed_progress_ = false;
  bool ended_ = false;    // All of the input is done.
  bool stopped_ = false;  // By --strict.
};

}  // namespace

bool WouldLoseWork(const TextRunArguments& arguments) {
  if (arguments.resume || arguments.restart || arguments.output.empty()) return false;
  const std::optional<int64_t> done = RunJournal(arguments.output, {}).Documents();
  if (!done) return false;
  PrintError(
      fmt::format("{} holds {} texts of an interrupted run: --resume goes on with it, "
                  "--restart begins anew",
                  OutputFile::PartialOf(arguments.output), FormatCount(*done)));
  return true;
}

bool LeftUnfinished(const TextRunArguments& arguments) {
  return arguments.resume && RunJournal(arguments.output, {}).Documents().has_value();
}

std::optional<std::string> FindRunContradiction(const TextRunArguments& arguments) {
  if (arguments.resume && arguments.restart) return "--resume and --restart say different things";
  if (arguments.resume && (arguments.output.empty() || arguments.output == "-")) {
    return "--resume goes on with a file: name it with --output";
  }
  return std::nullopt;
}

int RunTexts(const TextRunArguments& arguments, RunInput input, std::unique_ptr<TextOutput> output,
             Clock::time_point start) {
  Result<SideFiles> files = OpenSideFiles(arguments);
  if (!files.ok()) {
    PrintError(files.error().message);
    return kFatal;
  }
  CatchInterruptions();
  return Run(arguments, std::move(input), std::move(output), *std::move(files), start).Do();
}

}  // namespace waterline::cli
