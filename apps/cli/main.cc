// The `waterline` program: which command, and nothing else.
// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "command_help.h"
#include "diagnostics.h"
#include "doctor_command.h"
#include "embed_command.h"
#include "eval_command.h"
#include "exit_status.h"
#include "extract_arguments.h"
#include "extract_command.h"
#include "flag_values.h"
#include "info_command.h"
#include "inspect_command.h"
#include "option_defaults.h"
#include "pack_command.h"
#include "plan_command.h"
#include "print_result.h"
#include "pull_command.h"
#include "redact_command.h"
#include "serve_command.h"

namespace waterline::cli {
namespace {

std::string DescribeNoCommand(const CLI::App& program) {
  std::string commands;
  for (const CLI::App* command : program.get_subcommands(nullptr)) {
    commands += (commands.empty() ? "it is " : ", ") + command->get_name();
  }
  commands.replace(commands.rfind(", "), 2, " or ");
  const std::vector<std::string> words = program.remaining();
  return words.empty() ? "no command: " + commands
                       : "'" + words.front() + "' is not a command: " + commands;
}

// The commands, and what runs them.
class Program {
 public:
  explicit Program(std::chrono::steady_clock::time_point start)
      : app_("Finds entities of any type in text, inside a memory budget.", "waterline") {
    app_.set_version_flag("--version", DescribeVersion,
                          "Print the version, the build and the CPU's features");
    app_.add_option("--config", config_,
                    "File of options, also behind the command; see the manual page")
        ->option_text("FILE");
    app_.require_subcommand(1);
    app_.footer(
        R"(Options of a command that are not given come from variables, as WATERLINE_THREADS for --threads, and
then from ~/.config/waterline/config.toml (docs/cli.md).

Try:
  echo "Ada Lovelace lived in London." | waterline extract --labels person,city
  waterline extract --help)");

    AddExtractFlags(Add("extract", "Find entities in texts: files, directories, standard input",
                        [this, start] { return RunExtract(extract_, start); }),
                    extract_);
    AddRedactFlags(Add("redact", "Replace personal data in texts: names, numbers, addresses",
                       [this, start] { return RunRedact(redact_, start); }),
                   redact_);
    AddRestoreFlags(Add("restore", "Put back what redact took out of texts",
                        [this] { return RunRestore(restore_); }),
                    restore_);
    AddEvalFlags(Add("eval", "Tell how well a model finds what people found",
                     [this] { return RunEval(eval_); }),
                 eval_);
    AddServeFlags(Add("serve", "Answer requests over HTTP", [this] { return RunServe(serve_); }),
                  serve_);
    AddPlanFlags(Add("plan", "Tell what a run would take, without running the model",
                     [this] { return RunPlanning(plan_); }),
                 plan_);
    AddInspectFlags(Add("inspect", "Tell what a checkpoint is and what it takes to run it",
                        [this] { return RunInspect(inspect_); }),
                    inspect_);
    AddEmbedFlags(
        Add("embed-labels", "Write the vectors of labels, for models with a label encoder",
            [this, start] { return RunEmbedding(embed_, start); }),
        embed_);
    AddPackFlags(Add("pack", "Write a checkpoint again with shorter weights",
                     [this] { return RunPack(pack_); }),
                 pack_);
    AddPullFlags(Add("pull", "Download a checkpoint from the Hugging Face hub",
                     [this] { return RunPull(pull_); }),
                 pull_);
    AddModelsFlags(Add("models", "List the models in the Hugging Face cache",
                       [this] { return RunModels(models_); }),
                   models_);
    AddDoctorFlags(
        Add("doctor", "Check this machine: kernels, a model, memory, speed; a report to send",
            [this] { return RunDoctorCommand(doctor_); }),
        doctor_);
    AddInfoFlags(Add("info", "Tell what a bug report needs: version, machine, environment",
                     [this] { return RunInfo(info_); }),
                 info_);
    AddHelpCommands();
  }

  int Run(std::vector<std::string> arguments) {
    Result<CompletedArguments> completed = AddDefaults(app_, std::move(arguments));
    if (!completed.ok()) {
      PrintError(completed.error().message);
      return kFatal;
    }
    try {
      std::reverse(completed->arguments.begin(),
                   completed->arguments.end());  // As CLI11 takes them.
      app_.parse(completed->arguments);
    } catch (const CLI::Success& help_or_version) {
      return app_.exit(help_or_version);
    } catch (const CLI::ParseError& error) {
      Refuse(error.what(), completed->origin);
      return kFatal;
    }
    return runs_.at(app_.get_subcommands().front())();
  }

 private:
  CLI::App& Add(const std::string& name, const std::string& description, std::function<int()> run) {
    CLI::App* command = app_.add_subcommand(name, description);
    runs_[command] = std::move(run);
    return *command;
  }

  void AddHelpCommands() {
    CLI::App& completion = Add("completion", "Print what completes commands in a shell", [this] {
      return PrintResult(shell_ == "zsh"    ? CompleteForZsh(app_)
                         : shell_ == "fish" ? CompleteForFish(app_)
                                            : CompleteForBash(app_));
    });
    AddChoice<std::string>(completion, "SHELL", "bash, zsh or fish",
                           {{"bash", "bash"}, {"zsh", "zsh"}, {"fish", "fish"}}, shell_)
        ->option_text(" ")
        ->required();
    completion.footer(R"(Examples:
  source <(waterline completion bash)
  waterline completion zsh > ~/.zfunc/_waterline
  waterline completion fish > ~/.config/fish/completions/waterline.fish)");
    CLI::App& manual = Add("man", "Print a manual page, as roff", [this] {
      if (page_.empty()) return PrintResult(FormatManual(app_, WATERLINE_VERSION));
      for (const auto& [command, run] : runs_) {
        if (command->get_name() == page_) {
          return PrintResult(FormatManual(app_, *command, WATERLINE_VERSION));
        }
      }
      PrintError("'" + page_ + "' is not a command");
      return kFatal;
    });
    manual.add_option("COMMAND", page_, "Of this command; without it of the program")
        ->option_text(" ");
    manual.footer(R"(Examples:
  waterline man extract | man -l -)");
  }

  // `origin` is where options that were not given come from.
  void Refuse(const std::string& why, const std::map<std::string, std::string>& origin) {
    const auto chosen = app_.get_subcommands();
    PrintError(chosen.empty() ? DescribeNoCommand(app_) : why);
    for (const auto& [option, place] : origin) {
      if (why.find(option) != std::string::npos) PrintNote(option + " comes from " + place);
    }
    PrintNote("see waterline " + (chosen.empty() ? "" : chosen.front()->get_name() + " ") +
              "--help");
  }

  CLI::App app_;
  std::map<const CLI::App*, std::function<int()>> runs_;
  std::string config_;  // For its help: AddDefaults takes it from the command line.
  ExtractArguments extract_;
  RedactArguments redact_;
  RestoreArguments restore_;
  EvalArguments eval_;
  ServeArguments serve_;
  PlanArguments plan_;
  InspectArguments inspect_;
  EmbedArguments embed_;
  PackArguments pack_;
  PullArguments pull_;
  ModelsArguments models_;
  DoctorArguments doctor_;
  InfoArguments info_;
  std::string shell_;
  std::string page_;
};

}  // namespace
}  // namespace waterline::cli

int main(int count, char** arguments) {
#ifdef M_ARENA_MAX  // Of glibc.
  // Each further arena reserves 64 MiB of addresses, and for a moment 128, whenever a thread
  // happens to find the first one busy: under `ulimit -v` the workspace may then be refused.
  mallopt(M_ARENA_MAX, 1);
#endif
  return waterline::cli::Program(std::chrono::steady_clock::now())
      .Run(std::vector<std::string>(arguments + 1, arguments + count));
}
