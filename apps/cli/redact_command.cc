// SPDX-License-Identifier: Apache-2.0
#include "redact_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "byte_source.h"
#include "diagnostics.h"
#include "exit_status.h"
#include "print_result.h"
#include "redaction/presets.h"
#include "redaction/rules.h"
#include "redaction_output.h"
#include "run_input.h"
#include "text_run.h"

namespace waterline::cli {
namespace {

using redaction::Replacement;

constexpr size_t kLeastKeyBytes = 32;
constexpr size_t kMostKeyBytes = 1 << 16;

int Fail(const Error& error) {
  PrintError(error.message);
  return kFatal;
}

Error Invalid(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

// What does not go together, if anything.
std::optional<std::string> FindContradiction(const RedactArguments& arguments) {
  if (arguments.no_model && arguments.no_patterns) {
    return "--no-model and --no-patterns leave nothing that could be found";
  }
  if (!arguments.preset.empty() && !arguments.rules.empty()) {
    return "--preset and --rules: a rule file says itself what it extends, as `extends: " +
           arguments.preset + "`";
  }
  if (arguments.no_model && (!arguments.labels.empty() || !arguments.labels_file.empty())) {
    return "--no-model leaves nobody who could find --labels";
  }
  if (arguments.resume && arguments.format == RedactionFormat::kFiles && arguments.output.empty()) {
    return "--format files writes a directory: name it with --output";
  }
  return FindRunContradiction(arguments);
}

std::string PresetOf(const RedactArguments& arguments) {
  return arguments.preset.empty() ? "pii" : arguments.preset;
}

Result<redaction::Rules> ReadRules(const RedactArguments& arguments) {
  Result<redaction::Rules> rules = redaction::Rules();
  if (!arguments.rules.empty()) {
    const Result<std::string> text = ReadAll(arguments.rules, redaction::kMaxRuleFile);
    if (!text.ok()) return text.error();
    rules = redaction::ParseRules(*text, arguments.rules);
  } else if (PresetOf(arguments) != "none") {
    rules = redaction::ParseRules(*redaction::PresetText(PresetOf(arguments)), PresetOf(arguments));
  }
  if (!rules.ok()) return rules;
  if (arguments.no_patterns) rules->patterns.clear();
  if (arguments.no_model) rules->labels.clear();
  const bool labels = !rules->labels.empty() || !arguments.labels.empty() ||
                      !arguments.labels_file.empty() || !arguments.label_vectors.empty();
  if (rules->patterns.empty() && !labels) {
    return Invalid("there is nothing to look for: no labels and no patterns");
  }
  return rules;
}

// The content of --key; "" where nothing needs one.
Result<std::string> ReadKey(const RedactArguments& arguments, const redaction::Rules& rules) {
  const auto used = [&](Replacement replacement) {
    return arguments.replacement == replacement ||
           std::any_of(rules.replacements.begin(), rules.replacements.end(),
                       [&](const auto& one) { return one.second == replacement; });
  };
  const bool needed =
      used(Replacement::kHash) || (used(Replacement::kPseudonym) && arguments.keyed_pseudonyms);
  if (!needed && arguments.key.empty()) return std::string();
  if (!needed) return Invalid("--key: only hashes and --pseudonyms key depend on it");
  if (arguments.key.empty()) {
    return Invalid(
        "hashes and --pseudonyms key depend on a secret: name its file with --key; `head -c 32 "
        "/dev/urandom > key` makes one");
  }
  Result<std::string> key = ReadAll(arguments.key, kMostKeyBytes);
  if (key.ok() && key->size() < kLeastKeyBytes) {
    return Invalid(fmt::format("{}: has {} bytes; a key has {} or more", arguments.key, key->size(),
                               kLeastKeyBytes));
  }
  return key;
}

int PrintRules(const RedactArguments& arguments) {
  if (!arguments.rules.empty() || PresetOf(arguments) == "none") {
    PrintError("--print-rules prints a preset: name it with --preset");
    return kFatal;
  }
  return PrintResult(std::string(*redaction::PresetText(PresetOf(arguments))));
}

}  // namespace

int RunRedact(const RedactArguments& arguments, std::chrono::steady_clock::time_point start) {
  if (arguments.print_rules) return PrintRules(arguments);
  if (const std::optional<std::string> wrong = FindContradiction(arguments)) {
    PrintError(*wrong);
    return kFatal;
  }
  Result<redaction::Rules> rules = ReadRules(arguments);
  if (!rules.ok()) return Fail(rules.error());
  Result<std::string> key = ReadKey(arguments, *rules);
  if (!key.ok()) return Fail(key.error());

  RedactArguments completed = arguments;
  completed.given_labels = rules->labels;
  completed.without_model = rules->labels.empty() && arguments.labels.empty() &&
                            arguments.labels_file.empty() && arguments.label_vectors.empty();
  completed.search.outputs = {arguments.output, arguments.errors, arguments.stats_json,
                              arguments.mapping, arguments.report};
  std::optional<RunInput> input = PrepareInput(completed, arguments.quiet);
  if (!input || WouldLoseWork(arguments)) return kFatal;
  Result<std::unique_ptr<TextOutput>> output =
      RedactionOutput::Open(completed, *std::move(rules), *std::move(key), input->files);
  if (!output.ok()) return Fail(output.error());
  return RunTexts(completed, *std::move(input), *std::move(output), start);
}

}  // namespace waterline::cli
