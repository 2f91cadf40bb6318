// SPDX-License-Identifier: Apache-2.0
#include "eval_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "byte_size.h"
#include "diagnostics.h"
#include "eval_report.h"
#include "exit_status.h"
#include "flag_values.h"
#include "gold_reader.h"
#include "labels.h"
#include "output_file.h"
#include "print_result.h"
#include "progress.h"
#include "run_input.h"

namespace waterline::cli {
namespace {

// Texts of one call of the engine.
constexpr size_t kTexts = 256;

// What --tune chooses from.
constexpr float kLowThreshold = 0.01f;

int Fail(const Error& error) {
  PrintError(error.message);
  return kFatal;
}

// Indices of labels by name.
using LabelIndex = std::unordered_map<std::string, int32_t>;

std::vector<LabelledSpan> GoldSpans(const GoldText& gold, const LabelIndex& labels) {
  std::vector<LabelledSpan> spans;
  for (const GoldEntity& entity : gold.entities) {
    const auto found = labels.find(entity.label);
    if (found != labels.end()) spans.push_back({entity.start, entity.end, found->second, 0});
  }
  return spans;
}

class Evaluator {
 public:
  Evaluator(const Engine& engine, const EvalArguments& arguments, const std::vector<GoldText>& gold,
            const std::vector<Label>& labels)
      : engine_(engine), arguments_(arguments), gold_(gold) {
    for (size_t i = 0; i < labels.size(); ++i) index_[labels[i].name] = static_cast<int32_t>(i);
  }

  // One pass over all texts. Errors: those of Engine::Extract.
  Result<EvaluatedRun> Run(const std::vector<Label>& labels, float threshold) {
    const auto start = std::chrono::steady_clock::now();
    std::atomic<int64_t> done{0};
    const auto kind = arguments_.quiet             ? Progress::Kind::kNone
                      : isatty(STDERR_FILENO) == 1 ? Progress::Kind::kBar
                                                   : Progress::Kind::kLines;
    const int64_t tokens_before = engine_.Stats().tokens;
    Progress progress(kind, [&] {
      const EngineStats stats = engine_.Stats();
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      return ProgressState{.texts = done,
                           .texts_here = done,
                           .tokens = stats.tokens - tokens_before,
                           .bytes = static_cast<uint64_t>(done),
                           .bytes_before = 0,
                           .bytes_total = gold_.size(),
                           .seconds = seconds.count(),
                           .in_use = stats.in_use,
                           .budget = stats.memory_budget};
    });
    EvaluatedRun run;
    for (size_t at = 0; at < gold_.size(); at += kTexts) {
      const size_t end = std::min(at + kTexts, gold_.size());
      if (Result<void> added = AddTexts(at, end, labels, threshold, run); !added.ok()) {
        return added.error();
      }
      done = static_cast<int64_t>(end);
    }
    run.evaluation = Evaluate(run.texts, labels.size());
    return run;
  }

  // Gold entities of labels that are not looked for.
  int64_t LeftOut() const {
    int64_t count = 0;
    for (const GoldText& text : gold_) {
      count += std::count_if(text.entities.begin(), text.entities.end(),
                             [&](const auto& entity) { return !index_.contains(entity.label); });
    }
    return count;
  }

 private:
  Result<void> AddTexts(size_t at, size_t end, const std::vector<Label>& labels, float threshold,
                        EvaluatedRun& run) {
    std::vector<Document> documents;
    for (size_t i = at; i < end; ++i) {
      documents.push_back(
          {.text = gold_[i].text, .words = gold_[i].words ? &*gold_[i].words : nullptr});
    }
    ExtractOptions options = arguments_.extract;
    options.threshold = threshold;
    Result<std::vector<Extraction>> found = engine_.Extract(documents, labels, options);
    if (!found.ok()) return found.error();
    for (size_t i = at; i < end; ++i) {
      const Extraction& extraction = (*found)[i - at];
      EvaluatedText text{.gold = GoldSpans(gold_[i], index_), .found = {}};
      for (const Entity& entity : extraction.entities) {
        text.found.push_back({entity.start, entity.end, entity.label, entity.score});
      }
      if (extraction.error) {
        ++run.refused;
        PrintNote(
            fmt::format("{}:{}: {}", arguments_.gold, gold_[i].line, extraction.error->message));
      }
      run.texts.push_back(std::move(text));
    }
    return {};
  }

  const Engine& engine_;
  const EvalArguments& arguments_;
  const std::vector<GoldText>& gold_;
  LabelIndex index_;
};

// Those of the command line, or else all that the gold entities have.
Result<std::vector<Label>> ChooseLabels(const EvalArguments& arguments,
                                        const std::vector<GoldText>& gold) {
  Result<LabelList> given = ReadLabels(arguments.labels, arguments.labels_file);
  if (!given.ok()) return given.error();
  if (!given->labels.empty()) return given->labels;
  std::vector<Label> labels;
  for (std::string& name : LabelsOf(gold)) labels.push_back({.name = std::move(name)});
  if (!labels.empty()) return labels;
  return Error{Code::kInvalidArgument,
               fmt::format("{}: has no entities, and there are no --labels", arguments.gold)};
}

Result<EvalReport> MakeReport(const EvalArguments& arguments, const std::vector<GoldText>& gold) {
  EvalReport report;
  Result<std::vector<Label>> labels = ChooseLabels(arguments, gold);
  if (!labels.ok()) return labels.error();
  report.file = arguments.gold;
  report.labels = *std::move(labels);
  report.threshold = arguments.extract.threshold;
  const Result<Engine> engine = Engine::Load(arguments.model, arguments.engine);
  if (!engine.ok()) return engine.error();
  Evaluator evaluator(*engine, arguments, gold, report.labels);
  report.left_out = evaluator.LeftOut();
  Result<EvaluatedRun> run = evaluator.Run(report.labels, report.threshold);
  if (!run.ok()) return run.error();
  report.run = *std::move(run);
  if (arguments.tune.empty()) return report;

  std::vector<Label> tuned = report.labels;
  for (Label& label : tuned) label.threshold.reset();
  const Result<EvaluatedRun> low = evaluator.Run(tuned, kLowThreshold);
  if (!low.ok()) return low.error();
  report.thresholds = BestThresholds(low->texts, tuned.size(), report.threshold);
  for (size_t i = 0; i < tuned.size(); ++i) tuned[i].threshold = report.thresholds[i];
  Result<EvaluatedRun> best = evaluator.Run(tuned, report.threshold);
  if (!best.ok()) return best.error();
  report.tuned = std::move(best->evaluation);
  return report;
}

Result<void> WriteFile(const std::string& path, const std::string& text) {
  Result<OutputFile> file = OutputFile::Open(path);
  if (!file.ok()) return file.error();
  const Result<void> written = file->Write(text);
  return written.ok() ? file->Commit() : written;
}

}  // namespace

void AddEvalFlags(CLI::App& command, EvalArguments& arguments) {
  command.add_option("--gold,-g", arguments.gold, "JSONL with texts and their entities; see below")
      ->option_text("F")
      ->required()
      ->group("Input");
  for (CLI::Option* option : AddLabelListFlags(command, arguments.labels, arguments.labels_file)) {
    option->group("What to find");
  }
  AddProbability(command, "--threshold,-t", "Least probability of an entity, exclusive (0.5)",
                 arguments.extract.threshold)
      ->option_text("P")
      ->group("What to find");
  AddOverlapFlags(command, arguments);
  AddTruncateFlag(command, arguments);
  AddWindowFlag(command, arguments);
  AddModelFlag(command, arguments.model);
  AddEngineFlags(command, arguments);
  command
      .add_option("--tune", arguments.tune,
                  "Find the best threshold for each label, and write them to this file, which\n"
                  "`extract --labels-file` reads")
      ->option_text("F")
      ->group("Output");
  command.add_option("--html", arguments.html, "Write a page of the texts with mistakes")
      ->option_text("F")
      ->group("Output");
  command.add_flag("--json", arguments.json, "Print one JSON object, numbers from 0 to 1")
      ->group("Output");
  command.add_flag("--quiet,-q", arguments.quiet, "No progress, no notes")->group("Output");
  command.footer(
      R"(A line of the gold file is {"tokenized_text": ["Ada", "Lovelace"], "ner": [[0, 1, "person"]]}, as
GLiNER is trained with (first and last word), or {"text": "Ada Lovelace", "entities": [{"start": 0,
"end": 12, "label": "person"}]}, as extract writes it (code points); "spans" and "ents" stand for
"entities" too. Without --labels all labels of the file are looked for.

An entity is right when its start, end and label are. P = right / found, R = right / gold, F1 = 2 P R /
(P + R), over all texts, as the Python package's evaluator counts. Relaxed: an entity counts that
overlaps one of its label on the other side.

Thresholds that are tuned on a file are best for that file: keep another one to test them on.

Exit status: 0; 1 some texts were refused; 2 wrong usage, or an error without which nothing works.

Examples:
  waterline eval --gold dev.jsonl
  waterline eval --gold dev.jsonl --model urchade/gliner_small-v2.1 --dtype int8 --json
  waterline eval --gold dev.jsonl --tune thresholds.json --html mistakes.html
  waterline extract news.jsonl --labels-file thresholds.json -o found.jsonl)");
}

int RunEval(const EvalArguments& arguments) {
  const Result<std::vector<GoldText>> gold = ReadGold(arguments.gold);
  if (!gold.ok()) return Fail(gold.error());
  const Result<EvalReport> report = MakeReport(arguments, *gold);
  if (!report.ok()) return Fail(report.error());
  if (report->left_out > 0 && !arguments.quiet) {
    PrintWarning(
        fmt::format("{} gold entities are of labels that are not looked for; they do not "
                    "count",
                    FormatCount(report->left_out)));
  }
  const int printed =
      PrintResult(arguments.json ? FormatEvaluationJson(*report) : FormatEvaluation(*report));
  if (printed != kSuccess) return printed;
  if (!arguments.tune.empty()) {
    const Result<void> tuned = WriteFile(arguments.tune, FormatThresholds(*report));
    if (!tuned.ok()) return Fail(tuned.error());
  }
  if (!arguments.html.empty()) {
    const Result<void> page = WriteFile(arguments.html, FormatMistakes(*report, *gold));
    if (!page.ok()) return Fail(page.error());
  }
  return report->run.refused > 0 ? kSomeRefused : kSuccess;
}

}  // namespace waterline::cli
