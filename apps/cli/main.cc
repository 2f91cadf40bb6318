// The `waterline` program: which command, and nothing else.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "diagnostics.h"
#include "doctor_command.h"
#include "embed_command.h"
#include "eval_command.h"
#include "exit_status.h"
#include "extract_arguments.h"
#include "extract_command.h"
#include "inspect_command.h"
#include "pack_command.h"
#include "plan_command.h"
#include "serve_command.h"

namespace waterline::cli {
namespace {

std::string DescribeNoCommand(const CLI::App& program) {
  std::string commands;
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    commands += (commands.empty() ? "it is " : ", ") + command->get_name();
  }
  const size_t last = commands.rfind(", ");
  commands.replace(last, 2, " or ");
  const std::vector<std::string> words = program.remaining();
  return words.empty() ? "no command: " + commands
                       : "'" + words.front() + "' is not a command: " + commands;
}

int Main(int count, char** arguments) {
  const auto start = std::chrono::steady_clock::now();
  CLI::App program("Finds entities of any type in text, inside a memory budget.", "waterline");
  program.set_version_flag("--version", "waterline " WATERLINE_VERSION);
  program.require_subcommand(1);
  program.footer(R"(Try:
  echo "Ada Lovelace lived in London." | waterline extract --labels person,city
  waterline extract --help)");

  ExtractArguments extract;
  CLI::App* extract_command =
      program.add_subcommand("extract", "Find entities in texts: files, JSONL, standard input");
  AddExtractFlags(*extract_command, extract);
  EvalArguments eval;
  CLI::App* eval_command =
      program.add_subcommand("eval", "Tell how well a model finds what people found");
  AddEvalFlags(*eval_command, eval);
  ServeArguments serve;
  CLI::App* serve_command = program.add_subcommand("serve", "Answer requests over HTTP");
  AddServeFlags(*serve_command, serve);
  PlanArguments plan;
  CLI::App* plan_command =
      program.add_subcommand("plan", "Tell what a run would take, without running the model");
  AddPlanFlags(*plan_command, plan);
  InspectArguments inspect;
  CLI::App* inspect_command =
      program.add_subcommand("inspect", "Tell what a checkpoint is and what it takes to run it");
  AddInspectFlags(*inspect_command, inspect);
  EmbedArguments embed;
  CLI::App* embed_command = program.add_subcommand(
      "embed-labels", "Write the vectors of labels, for models with a label encoder");
  AddEmbedFlags(*embed_command, embed);
  PackArguments pack;
  CLI::App* pack_command =
      program.add_subcommand("pack", "Write a checkpoint again with shorter weights");
  AddPackFlags(*pack_command, pack);
  DoctorArguments doctor;
  CLI::App* doctor_command = program.add_subcommand(
      "doctor", "Check this machine: kernels, a model, memory, speed; a report to send");
  AddDoctorFlags(*doctor_command, doctor);

  try {
    program.parse(count, arguments);
  } catch (const CLI::Success& help_or_version) {
    return program.exit(help_or_version);
  } catch (const CLI::ParseError& error) {
    const auto chosen = program.get_subcommands();
    PrintError(chosen.empty() ? DescribeNoCommand(program) : error.what());
    PrintNote("see waterline " + (chosen.empty() ? "" : chosen.front()->get_name() + " ") +
              "--help");
    return kFatal;
  }
  if (extract_command->parsed()) return RunExtract(extract, start);
  if (eval_command->parsed()) return RunEval(eval);
  if (serve_command->parsed()) return RunServe(serve);
  if (embed_command->parsed()) return RunEmbedding(embed, start);
  if (pack_command->parsed()) return RunPack(pack);
  if (doctor_command->parsed()) return RunDoctorCommand(doctor);
  return plan_command->parsed() ? RunPlanning(plan) : RunInspect(inspect);
}

}  // namespace
}  // namespace waterline::cli

int main(int count, char** arguments) { return waterline::cli::Main(count, arguments); }
