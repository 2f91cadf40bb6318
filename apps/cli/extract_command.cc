// SPDX-License-Identifier: Apache-2.0
#include "extract_command.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "diagnostics.h"
#include "exit_status.h"
#include "extraction_format.h"
#include "extraction_output.h"
#include "run_input.h"
#include "text_run.h"

namespace waterline::cli {
namespace {

OutputFormat FormatOf(const std::string& name, bool terminal) {
  constexpr std::pair<std::string_view, OutputFormat> kFormats[] = {
      {"pretty", OutputFormat::kPretty}, {"jsonl", OutputFormat::kJsonl},
      {"csv", OutputFormat::kCsv},       {"conll", OutputFormat::kConll},
      {"spacy", OutputFormat::kSpacy},   {"prodigy", OutputFormat::kProdigy},
      {"brat", OutputFormat::kBrat},     {"html", OutputFormat::kHtml}};
  for (const auto& [known, format] : kFormats) {
    if (known == name) return format;
  }
  return terminal ? OutputFormat::kPretty : OutputFormat::kJsonl;
}

// Without what belongs to the input.
FormatOptions ChooseFormat(const ExtractArguments& arguments) {
  FormatOptions options;
  const bool terminal = arguments.output.empty() && isatty(STDOUT_FILENO) == 1;
  options.format = FormatOf(arguments.format, terminal);
  options.offsets = arguments.extract.offsets;
  options.overlapping = arguments.extract.nested || arguments.extract.multi_label;
  options.text_field = arguments.read.text_field;
  if (!terminal) return options;
  const char* no_colour = std::getenv("NO_COLOR");
  const char* kind = std::getenv("TERM");
  options.colour = (no_colour == nullptr || *no_colour == '\0') &&
                   (kind == nullptr || std::string_view(kind) != "dumb");
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) options.columns = size.ws_col;
  return options;
}

// What does not go together, if anything.
std::optional<std::string> FindContradiction(const ExtractArguments& arguments) {
  const std::string& format = arguments.format;
  const bool points = format == "spacy" || format == "prodigy" || format == "brat";
  if (points && arguments.extract.offsets != Offsets::kCodePoints) {
    return "--format " + format + " counts code points; --offsets is for other formats";
  }
  if (format == "conll" && (arguments.extract.nested || arguments.extract.multi_label)) {
    return "--format conll has one label for a word; --nested and --multi-label are for others";
  }
  return FindRunContradiction(arguments);
}

}  // namespace

int RunExtract(const ExtractArguments& arguments, std::chrono::steady_clock::time_point start) {
  if (const std::optional<std::string> wrong = FindContradiction(arguments)) {
    PrintError(*wrong);
    return kFatal;
  }
  ExtractArguments completed = arguments;
  completed.search.outputs = {arguments.output, arguments.errors, arguments.stats_json};
  std::optional<RunInput> input = PrepareInput(completed, arguments.quiet);
  if (!input || WouldLoseWork(arguments)) return kFatal;
  Result<std::unique_ptr<TextOutput>> output =
      ExtractionOutput::Open(arguments.output, ChooseFormat(arguments), LeftUnfinished(arguments));
  if (!output.ok()) {
    PrintError(output.error().message);
    return kFatal;
  }
  return RunTexts(arguments, *std::move(input), *std::move(output), start);
}

}  // namespace waterline::cli
