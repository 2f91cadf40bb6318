// SPDX-License-Identifier: Apache-2.0
#include "info_command.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <unicode/uversion.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>
#include <vector>

#include "doctor/machine_facts.h"
#include "json_writer.h"
#include "print_result.h"
#include "report_table.h"
#include "utf8_text.h"
#include "waterline/engine.h"

namespace waterline::cli {
namespace {

std::string Libraries() {
  return fmt::format("ICU {}, zlib {}, zstd {}, simdjson {}.{}.{}, CLI11 {}, fmt {}.{}.{}",
                     U_ICU_VERSION, zlibVersion(), ZSTD_versionString(),
                     int{simdjson::SIMDJSON_VERSION_MAJOR}, int{simdjson::SIMDJSON_VERSION_MINOR},
                     int{simdjson::SIMDJSON_VERSION_REVISION}, CLI11_VERSION, FMT_VERSION / 10000,
                     FMT_VERSION / 100 % 100, FMT_VERSION % 100);
}

// The variables that decide about a run; secrets without their values.
std::vector<Fact> Environment() {
  std::vector<Fact> facts;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view variable = *at;
    const std::string_view name = variable.substr(0, variable.find('='));
    const bool ours = name.starts_with("WATERLINE_") || name.starts_with("HF_") ||
                      name == "XDG_CACHE_HOME" || name == "XDG_CONFIG_HOME" ||
                      name == "CUDA_VISIBLE_DEVICES" || name == "LANG" || name == "LC_ALL";
    if (!ours || name.size() == variable.size()) continue;
    const bool secret = name.find("TOKEN") != std::string_view::npos;
    facts.push_back(
        {std::string(name), secret ? "(set)" : ShowName(variable.substr(name.size() + 1))});
  }
  std::sort(facts.begin(), facts.end(),
            [](const Fact& a, const Fact& b) { return a.name < b.name; });
  return facts;
}

std::vector<Fact> Facts() {
  std::vector<Fact> facts = MachineFacts();
  facts.push_back({"build", WATERLINE_BUILD});
  facts.push_back({"libraries", Libraries()});
  const Result<ModelReport> model = Inspect("");
  facts.push_back({"default model", model.ok() ? model->directory : model.error().message});
  return facts;
}

}  // namespace

std::string DescribeVersion() {
  std::string sets;
  for (const std::string& name : InstructionSets()) sets += (sets.empty() ? "" : ", ") + name;
  return fmt::format("waterline {}\nbuild: GCC-compatible {}, {}\nCPU: {}", WATERLINE_VERSION,
                     __VERSION__, WATERLINE_BUILD, sets);
}

void AddInfoFlags(CLI::App& command, InfoArguments& arguments) {
  command.add_flag("--json", arguments.json, "Print one JSON object");
  command.footer(
      R"(For bug reports. `waterline doctor` checks that all of it works. Values of tokens are not shown.

Examples:
  waterline info
  waterline info --json)");
}

int RunInfo(const InfoArguments& arguments) {
  const std::vector<Fact> facts = Facts();
  const std::vector<Fact> environment = Environment();
  std::string text;
  if (arguments.json) {
    JsonWriter json(text);
    json.StartObject();
    for (const Fact& fact : facts) json.Field(fact.name, fact.value);
    json.Key("environment");
    json.StartObject();
    for (const Fact& fact : environment) json.Field(fact.name, fact.value);
    json.EndObject();
    json.EndObject();
    text += '\n';
  } else {
    ReportTable table;
    table.Heading("waterline");
    for (const Fact& fact : facts) table.Row(fact.name, fact.value);
    table.Heading("environment");
    for (const Fact& fact : environment) table.Row(fact.name, fact.value);
    text = table.Take();
  }
  return PrintResult(text);
}

}  // namespace waterline::cli
