// SPDX-License-Identifier: Apache-2.0
#include "option_defaults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

using Arguments = std::vector<std::string>;

// Two commands: find [-q] [-t N] [-l A ...] [--more, which needs -l] FILE; show [--color C].
class Defaults : public testing::Test {
 protected:
  Defaults() : program_("", "p") {
    CLI::App* find = program_.add_subcommand("find");
    CLI::Option* labels = find->add_option("--labels,-l", labels_);
    find->add_option("--threads,-t", threads_);
    find->add_flag("--quiet,-q", quiet_);
    find->add_option("--more-depth", more_)->needs(labels);
    find->add_option("FILE", file_);
    program_.add_subcommand("show")->add_option("--color", color_);
    setenv("WATERLINE_CONFIG", "", 1);
  }
  ~Defaults() override {
    for (const char* name :
         {"WATERLINE_THREADS", "WATERLINE_QUIET", "WATERLINE_MORE_DEPTH", "WATERLINE_LABELS"}) {
      unsetenv(name);
    }
    setenv("WATERLINE_CONFIG", "", 1);
  }

  void Config(const std::string& text) {
    setenv("WATERLINE_CONFIG", scratch_.File("config.toml", text).c_str(), 1);
  }

  // The completed arguments, or "!message".
  Arguments Add(const Arguments& arguments) {
    Result<CompletedArguments> completed = AddDefaults(program_, arguments);
    if (!completed.ok()) return {"!" + completed.error().message};
    origin_ = completed->origin;
    return completed->arguments;
  }

  CLI::App program_;
  Scratch scratch_;
  std::map<std::string, std::string> origin_;
  std::vector<std::string> labels_;
  int threads_ = 0;
  int more_ = 0;
  bool quiet_ = false;
  std::string file_;
  std::string color_;
};

TEST_F(Defaults, TakesVariablesBeforeTheFile) {
  Config("threads = 2\ncolor = \"red\"\n[find]\nlabels = [\"a\", \"b\"]\nquiet = true\n");
  EXPECT_THAT(Add({"find", "x"}),
              ElementsAre("find", "--labels=a", "--labels=b", "--quiet", "--threads=2", "x"));
  EXPECT_THAT(Add({"show"}), ElementsAre("show", "--color=red"));
  setenv("WATERLINE_THREADS", "3", 1);
  setenv("WATERLINE_QUIET", "0", 1);
  EXPECT_THAT(Add({"find"}), ElementsAre("find", "--labels=a", "--labels=b", "--threads=3"));
  EXPECT_THAT(origin_, testing::Contains(Pair("--threads", "WATERLINE_THREADS")));
  EXPECT_THAT(origin_, testing::Contains(Pair("--labels", scratch_.Path("config.toml"))));
}

TEST_F(Defaults, LeavesWhatTheCommandLineGives) {
  Config("[find]\nthreads = 2\nlabels = \"a\"\n");
  for (const Arguments& given :
       {Arguments{"find", "--threads=9", "-l", "z"}, Arguments{"find", "-qt9", "--labels", "z"},
        Arguments{"find", "-t", "9", "-lz"}}) {
    EXPECT_EQ(Add(given), given);
  }
  EXPECT_THAT(Add({"find", "--", "-t"}),
              ElementsAre("find", "--labels=a", "--threads=2", "--", "-t"));
  EXPECT_THAT(Add({"find", "--help"}), ElementsAre("find", "--help"));
}

TEST_F(Defaults, GivesNoOptionWithoutWhatItNeeds) {
  setenv("WATERLINE_MORE_DEPTH", "4", 1);
  EXPECT_THAT(Add({"find"}), ElementsAre("find"));
  setenv("WATERLINE_LABELS", "a", 1);
  EXPECT_THAT(Add({"find"}), ElementsAre("find", "--labels=a", "--more-depth=4"));
}

TEST_F(Defaults, SectionsWinOverWhatHoldsForAll) {
  const std::string file = scratch_.File("other.toml", "threads = 1\n[find]\nthreads = 5\n");
  EXPECT_THAT(Add({"find", "--config", file}), ElementsAre("find", "--threads=5"));
  EXPECT_THAT(Add({"--config=" + file, "find"}), ElementsAre("find", "--threads=5"));
}

TEST_F(Defaults, NamesWhatIsWrongInAFile) {
  Config("colour = 1\n");
  EXPECT_THAT(Add({"find"})[0], HasSubstr("config.toml: colour is no option of any command"));
  Config("[find]\ncolor = \"red\"\n");
  EXPECT_THAT(Add({"show"})[0], HasSubstr("color is no option of find"));
  Config("[seek]\nx = 1\n");
  EXPECT_THAT(Add({"show"})[0], HasSubstr("[seek] is no command"));
  Config("[find]\nquiet = \"perhaps\"\n");
  EXPECT_THAT(Add({"find"})[0], HasSubstr("--quiet is true or false"));
  EXPECT_THAT(Add({"find", "--config", "/nowhere"})[0], HasSubstr("/nowhere: cannot be read"));
}

}  // namespace
}  // namespace waterline::cli
