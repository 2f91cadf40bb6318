// What every command of the built program has: defaults from elsewhere, completion, manual pages, a
// version. SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <sstream>
#include <string>
#include <vector>

#include "program.h"
#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;

TEST(Habits, OptionsComeFromTheCommandLineThenVariablesThenAFile) {
  const Scratch scratch;
  const std::string config =
      scratch.File("c.toml", "[extract]\nlabels = \"person\"\nformat = \"csv\"\n");
  const std::string text = "echo Ada Lovelace | ";
  EXPECT_THAT(Shell(text + "$WATERLINE extract --config '" + config + "'").out,
              AllOf(StartsWith("file,line"), HasSubstr(",person,")));
  const std::string with_file = text + "WATERLINE_CONFIG='" + config + "' ";
  EXPECT_THAT(Shell(with_file + "WATERLINE_FORMAT=conll $WATERLINE extract").out,
              StartsWith("-DOCSTART-"));
  EXPECT_THAT(Shell(with_file + "WATERLINE_FORMAT=conll $WATERLINE extract -f jsonl").out,
              StartsWith("{\"text\""));
  const Outcome wrong = Shell(text + "WATERLINE_THRESHOLD=7 $WATERLINE extract --labels a");
  EXPECT_EQ(wrong.status, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--threshold comes from WATERLINE_THRESHOLD"));
}

TEST(Habits, ShellsAcceptTheirCompletion) {
  const Outcome bash = Shell(
      "$WATERLINE completion bash > /tmp/waterline-completion-$$ && bash -c '"
      "source /tmp/waterline-completion-'$$'; "
      "COMP_WORDS=(waterline extract --for); COMP_CWORD=2; _waterline; echo ${COMPREPLY[@]}; "
      "COMP_WORDS=(waterline extract --format c); COMP_CWORD=3; _waterline; echo ${COMPREPLY[@]}; "
      "COMP_WORDS=(waterline ev); COMP_CWORD=1; _waterline; echo ${COMPREPLY[@]}';"
      " rm /tmp/waterline-completion-$$");
  EXPECT_EQ(bash.out, "--format\ncsv conll\neval\n");
  for (const char* shell : {"zsh", "fish"}) {
    const Outcome script = RunProgram({"completion", shell});
    EXPECT_EQ(script.status, 0);
    EXPECT_THAT(script.out,
                AllOf(HasSubstr("eval"), HasSubstr("memory-budget"), HasSubstr("prodigy")));
    // Where the shell is there it reads the script without a word.
    EXPECT_THAT(
        Shell("command -v " + std::string(shell) + " >/dev/null && $WATERLINE completion " + shell +
              " > /tmp/waterline-$$ && " + shell + " -n /tmp/waterline-$$; rm -f /tmp/waterline-$$")
            .err,
        IsEmpty());
  }
  EXPECT_THAT(RunProgram({"completion", "tcsh"}).err, HasSubstr("it is one of bash, zsh, fish"));
}

// All that `waterline --help` lists.
std::vector<std::string> Commands() {
  std::istringstream lines(RunProgram({"--help"}).out);
  std::vector<std::string> commands;
  bool listed = false;
  for (std::string line; std::getline(lines, line);) {
    if (listed && line.empty()) break;
    if (listed) commands.push_back(line.substr(2, line.find(' ', 2) - 2));
    listed = listed || line == "Subcommands:";
  }
  return commands;
}

TEST(Habits, EveryCommandHasAManualPageAndExamples) {
  const Outcome page = RunProgram({"man"});
  EXPECT_THAT(page.out, AllOf(StartsWith(".TH WATERLINE 1 "), HasSubstr("waterline\\-extract")));
  const std::vector<std::string> commands = Commands();
  EXPECT_THAT(commands, IsSupersetOf({"extract", "serve", "pull", "man"}));
  for (const std::string& command : commands) {
    EXPECT_THAT(RunProgram({command, "--help"}).out, HasSubstr("waterline " + command)) << command;
    const Outcome manual = RunProgram({"man", command});
    EXPECT_EQ(manual.status, 0);
    EXPECT_THAT(manual.out, AllOf(HasSubstr(".SH OPTIONS"), HasSubstr("waterline"))) << command;
    // groff says what it does not understand.
    EXPECT_THAT(Shell("command -v groff >/dev/null && $WATERLINE man " + command +
                      " | groff -man -Tutf8 -ww -z")
                    .err,
                IsEmpty())
        << command;
  }
  EXPECT_EQ(RunProgram({"man", "frobnicate"}).status, 2);
}

TEST(Habits, CommandsStartWithoutLibrariesOfOthers) {
  EXPECT_THAT(Shell("ldd $WATERLINE").out, AllOf(HasSubstr("libc.so"), Not(HasSubstr("libcurl"))));
}

TEST(Habits, InfoTellsNoSecrets) {
  const Outcome info = Shell("HF_TOKEN=hf_abc WATERLINE_THREADS=2 $WATERLINE info --json");
  ASSERT_EQ(info.status, 0) << info.err;
  EXPECT_THAT(info.out, Not(HasSubstr("hf_abc")));
  simdjson::dom::parser parser;
  const simdjson::dom::element facts = parser.parse(info.out);
  EXPECT_EQ(std::string_view(facts["environment"]["HF_TOKEN"]), "(set)");
  EXPECT_EQ(std::string_view(facts["environment"]["WATERLINE_THREADS"]), "2");
  EXPECT_THAT(std::string(std::string_view(facts["default model"])),
              HasSubstr("waterline-tiny-en"));
  EXPECT_THAT(RunProgram({"info"}).out, HasSubstr("libraries"));
  EXPECT_THAT(RunProgram({"--version"}).out,
              AllOf(StartsWith("waterline 0."), HasSubstr("\nbuild: "), HasSubstr("\nCPU: "),
                    HasSubstr("portable")));
}

}  // namespace
}  // namespace waterline::cli
