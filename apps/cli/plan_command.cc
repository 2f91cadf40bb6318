// SPDX-License-Identifier: Apache-2.0
#include "plan_command.h"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "arena_picture.h"
#include "diagnostics.h"
#include "exit_status.h"
#include "extraction_format.h"
#include "label_vectors_input.h"
#include "output_file.h"
#include "plan_format.h"
#include "print_result.h"
#include "run_input.h"

namespace waterline::cli {
namespace {

int Fail(const Error& error) {
  PrintError(error.message);
  return kFatal;
}

// Adds one window: a call of the engine as `extract` would make it.
Result<void> PlanWindow(const Engine& engine, const ExtractOptions& options, const RunInput& input,
                        const InputWindows& windows, InputPlan& plan) {
  Result<RunPlan> planned = engine.Plan(windows.texts(), input.labels, options);
  if (!planned.ok()) return planned.error();
  const std::vector<InputDocument>& documents = windows.documents();
  std::vector<std::optional<Error>> errors(documents.size());
  for (size_t i = 0; i < documents.size(); ++i) {
    plan.texts += documents[i].blank || documents[i].lost_file ? 0 : 1;
    errors[i] = windows.FlawOf(i);
  }
  for (PlannedRefusal& refusal : planned->refused) {
    errors[windows.DocumentOf(refusal.text)] = std::move(refusal.error);
  }
  for (size_t i = 0; i < documents.size(); ++i) {
    if (!errors[i]) continue;
    RefusedText text{DocumentPlace(input.files, documents[i]), *std::move(errors[i])};
    if (documents[i].lost_file) {
      ++plan.lost_files;
      // What is wrong with a file names it already.
      const std::string named = text.place + ": ";
      if (text.error.message.starts_with(named)) text.error.message.erase(0, named.size());
    }
    plan.refused.push_back(std::move(text));
  }
  plan.Add(*std::move(planned));
  return {};
}

Result<InputPlan> PlanInput(const Engine& engine, const RunArguments& arguments,
                            const RunInput& input) {
  InputPlan plan;
  InputWindows windows(arguments, input, engine.Stats().memory_budget);
  const ExtractOptions options = OptionsOf(arguments, input);
  while (true) {
    const Result<bool> more = windows.Next();
    if (!more.ok()) return more.error();
    for (const std::string& note : windows.reader().TakeNotes()) PrintWarning(note);
    if (!*more) return plan;
    const Result<void> added = PlanWindow(engine, options, input, windows, plan);
    if (!added.ok()) return added.error();
  }
}

Result<PlanReport> MakeReport(const PlanArguments& arguments, std::optional<RunInput>& input) {
  EngineOptions options = arguments.engine;
  options.plan_only = true;
  const Result<Engine> engine = Engine::Load(arguments.model, options);
  if (!engine.ok()) return engine.error();
  PlanReport report;
  report.engine = engine->Stats();
  options.memory_budget = report.engine.memory_budget;  // What is free may have changed.
  Result<ModelReport> model = Inspect(arguments.model, options);
  if (!model.ok()) return model.error();
  report.model = *std::move(model);
  if (!input) return report;
  const Result<void> loaded = LoadLabelVectors(*engine, arguments, *input);
  if (!loaded.ok()) return loaded.error();
  Result<InputPlan> plan = PlanInput(*engine, arguments, *input);
  if (!plan.ok()) return plan.error();
  report.input = *std::move(plan);
  return report;
}

// The name of the model as it was given, or else of its folder.
std::string ModelName(const PlanArguments& arguments, const ModelReport& model) {
  if (!arguments.model.empty()) return arguments.model;
  return std::filesystem::path(model.directory).filename().string();
}

Result<void> Draw(const PlanReport& report, const std::string& model, OutputFile& file) {
  if (report.input->batches.empty()) {
    return Error{Code::kInvalidArgument,
                 "--svg draws the largest batch, and no text of the input came into one"};
  }
  const Result<void> written =
      file.Write(DrawArena(report.input->largest, model, report.engine.workspace));
  return written.ok() ? file.Commit() : written;
}

}  // namespace

int RunPlanning(const PlanArguments& arguments) {
  std::optional<RunInput> input;
  if (!arguments.files.empty()) {
    input = PrepareInput(arguments, /*quiet=*/false);
    if (!input) return kFatal;
  }
  std::optional<OutputFile> picture;
  if (!arguments.svg.empty()) {
    Result<OutputFile> opened = OutputFile::Open(arguments.svg);
    if (!opened.ok()) return Fail(opened.error());
    picture = *std::move(opened);
  }
  Result<OutputFile> output = OutputFile::Open("");
  if (!output.ok()) return Fail(output.error());

  const Result<PlanReport> report = MakeReport(arguments, input);
  if (!report.ok()) return Fail(report.error());
  const int printed =
      PrintResult(*output, arguments.json ? FormatPlanJson(*report) : FormatPlan(*report));
  if (printed != kSuccess) return printed;
  if (picture) {
    const std::string model = ModelName(arguments, report->model);
    const Result<void> drawn = Draw(*report, model, *picture);
    if (!drawn.ok()) return Fail(drawn.error());
  }
  return report->input && !report->input->refused.empty() ? kSomeRefused : kSuccess;
}

}  // namespace waterline::cli
