// SPDX-License-Identifier: Apache-2.0
#include "doctor_command.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string_view>

#include "diagnostics.h"
#include "doctor/doctor.h"
#include "doctor_format.h"
#include "exit_status.h"
#include "output_file.h"
#include "print_result.h"

namespace waterline::cli {
namespace {

// What is done now, in one line of a terminal; nothing elsewhere.
class Progress {
 public:
  ~Progress() { End(); }
  void Tell(std::string_view what) {
    if (!terminal_) return;
    shown_ = true;
    std::fprintf(stderr, "\r\x1b[K%.*s", static_cast<int>(what.size()), what.data());
  }
  void End() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
    shown_ = false;
  }

 private:
  const bool terminal_ = isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

}  // namespace

void AddDoctorFlags(CLI::App& command, DoctorArguments& arguments) {
  command
      .add_option("--device", arguments.device,
                  "What to check: all, the default: the CPU and each GPU that is found;\n"
                  "cpu; cuda or cuda:N for a GPU alone")
      ->option_text("NAME");
  command
      .add_option("--model", arguments.model,
                  "Directory of a GLiNER checkpoint, or a hub id in the local\n"
                  "Hugging Face cache; without it the model that ships with Waterline")
      ->option_text("MODEL");
  command.add_flag("--quick", arguments.quick,
                   "Leave out the largest cases, and repeat less: about half the time");
  command.add_flag("--json", arguments.json, "Print one JSON object");
  command.add_option("--output,-o", arguments.output, "Write the report to this file")
      ->option_text("FILE");
  command.footer(
      R"(Compares every operation with its formula, a model with the plainest kernels of the
CPU, the memory that is taken with the budget, and measures the speed of products.
The report names the machine and the directory of the model, and no text of yours.

Exit status: 0 when all checks are ok, 3 when some failed, 2 for an error.

Examples:
  waterline doctor
  waterline doctor --device cuda:0 --output report.txt
  waterline doctor --quick --json | jq .failed)");
}

int RunDoctorCommand(const DoctorArguments& arguments) {
  const auto fail = [](const Error& error) {
    PrintError(error.message);
    return kFatal;
  };
  // Before the work: whether the file can be written at all.
  Result<OutputFile> output = OutputFile::Open(arguments.output);
  if (!output.ok()) return fail(output.error());
  Progress progress;
  DoctorOptions options;
  options.device = arguments.device;
  options.model = arguments.model;
  if (arguments.quick) options.sizes = DoctorSizes::Quick();
  options.progress = [&](std::string_view what) { progress.Tell(what); };
  const Result<DoctorReport> report = RunDoctor(options);
  progress.End();
  if (!report.ok()) return fail(report.error());
  const int printed = PrintResult(
      *output, arguments.json ? FormatDoctorReportJson(*report) : FormatDoctorReport(*report));
  if (printed != kSuccess) return printed;
  if (!arguments.output.empty()) PrintNote(DescribeDoctorResult(*report));
  return report->failed() == 0 ? kSuccess : kCheckFailed;
}

}  // namespace waterline::cli
