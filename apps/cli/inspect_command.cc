// SPDX-License-Identifier: Apache-2.0
#include "inspect_command.h"

#include <CLI/CLI.hpp>

#include "diagnostics.h"
#include "exit_status.h"
#include "flag_values.h"
#include "model_report_format.h"
#include "print_result.h"
#include "run_arguments.h"

namespace waterline::cli {

void AddInspectFlags(CLI::App& command, InspectArguments& arguments) {
  AddModelArgument(command, arguments.model);
  AddMemoryBudgetFlag(command, arguments.memory_budget);
  AddDeviceFlags(command, arguments.device, arguments.device_memory_budget);
  AddDtypeFlag(command, arguments.dtype);
  AddSplitterFlag(command, arguments.splitter);
  command.add_flag("--json", arguments.json, "Print one JSON object, sizes in bytes");
  command.footer(
      R"(Reads the checkpoint's headers, not its weights. Exit status: 0, or 2 for an error.

Examples:
  waterline inspect
  waterline inspect urchade/gliner_small-v2.1 --memory-budget 1G
  waterline inspect models/mine --json | jq .smallest_budget)");
}

int RunInspect(const InspectArguments& arguments) {
  EngineOptions options;
  options.memory_budget = arguments.memory_budget;
  options.device = arguments.device;
  options.device_memory_budget = arguments.device_memory_budget;
  options.dtype = arguments.dtype;
  options.splitter = arguments.splitter;
  const Result<ModelReport> report = Inspect(arguments.model, options);
  if (!report.ok()) {
    PrintError(report.error().message);
    return kFatal;
  }
  return PrintResult(arguments.json ? FormatModelReportJson(*report) : FormatModelReport(*report));
}

}  // namespace waterline::cli
