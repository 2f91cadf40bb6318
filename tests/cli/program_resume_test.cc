// Long work that is interrupted and gone on with: kill -9, Ctrl-C, a full disk. The model is tiny,
// with random weights. SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "program.h"
#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kModel[] = WATERLINE_GOLDEN_DIR "/models/us_markerV0_proj/checkpoint";

// JSONL in which every 97th line is broken and every 101st blank.
std::string Lines(int count) {
  std::string lines;
  for (int i = 1; i <= count; ++i) {
    if (i % 97 == 0) {
      lines += "{broken\n";
    } else if (i % 101 == 0) {
      lines += "\n";
    } else {
      const std::string n = std::to_string(i);
      lines +=
          "{\"id\":" + n + ",\"text\":\"Text " + n + " of Ada Lovelace in London and Paris.\"}\n";
    }
  }
  return lines;
}

// A command line of `extract` over two compressed files with errors in a file of their own.
class Job {
 public:
  explicit Job(int count) {
    scratch_.File("a.jsonl", Lines(count));
    scratch_.File("b.jsonl", Lines(count / 2));
    Shell("cd " + Quoted("") + " && gzip a.jsonl");
  }

  // `before` stands in front of the program: "timeout ...".
  Outcome Run(const std::string& output, const std::string& more,
              const std::string& before = "") const {
    return Shell("cd " + Quoted("") + " && " + before +
                 " $WATERLINE extract a.jsonl.gz b.jsonl --model " + kModel +
                 " --labels person,city --threshold 0.3 --threads 1 --errors " + output +
                 ".errors -o " + output + " " + more);
  }

  std::string Read(const std::string& name) const { return Scratch::Read(scratch_.Path(name)); }
  std::string Quoted(const std::string& name) const { return "'" + scratch_.Path(name) + "'"; }
  const Scratch& scratch() const { return scratch_; }

 private:
  Scratch scratch_;
};

TEST(Resume, GivesTheWholeOutputHoweverOftenItIsKilled) {
  const Job job(6000);
  const Outcome whole = job.Run("whole", "");
  ASSERT_EQ(whole.status, 1) << whole.err;
  std::mt19937 random(7);
  double seconds = 0.2;
  int resumed = 0;
  for (int attempt = 0; attempt < 200; ++attempt) {
    const double limit = seconds * std::uniform_real_distribution<>(0.5, 1.5)(random);
    const Outcome part = job.Run("parts", "--resume", "timeout -s KILL " + std::to_string(limit));
    resumed += part.err.find("goes on behind") != std::string::npos;
    seconds *= 1.1;  // So that slow machines come to an end.
    if (part.status == 137) continue;
    EXPECT_EQ(part.status, whole.status) << part.err;
    EXPECT_THAT(part.err, HasSubstr("of 8,9"));  // The summary counts the whole job.
    break;
  }
  EXPECT_GT(resumed, 0) << "no kill came where there was something to go on with";
  EXPECT_EQ(job.Read("parts"), job.Read("whole"));
  EXPECT_EQ(job.Read("parts.errors"), job.Read("whole.errors"));
  EXPECT_EQ(job.scratch().Count(), 6u);  // No partial files, no journal.
}

TEST(Resume, IsRefusedWhereItWouldNotBeTheSameJob) {
  const Job job(6000);
  const Outcome full = job.Run("out", "", "ulimit -f 256; trap '' XFSZ;");
  ASSERT_EQ(full.status, 2) << full.err;
  EXPECT_THAT(full.err, HasSubstr("out: cannot be written: File too large"));
  EXPECT_THAT(full.err, HasSubstr("the same command with --resume goes on"));
  const Outcome neither = job.Run("out", "");
  EXPECT_EQ(neither.status, 2);
  EXPECT_THAT(neither.err, HasSubstr("texts of an interrupted run: --resume goes on with it"));
  const Outcome settings = job.Run("out", "--resume --nested");
  EXPECT_EQ(settings.status, 2);
  EXPECT_THAT(settings.err, HasSubstr("--nested (now 'true', then 'false')"));
  const std::string kept = job.Read("out.partial");
  EXPECT_GT(kept.size(), 0u);

  const std::string changed = Lines(6000).replace(30, 1, "X");
  job.scratch().File("a.jsonl.gz", changed);  // By content it is not compressed.
  const Outcome input = job.Run("out", "--resume");
  EXPECT_EQ(input.status, 2);
  EXPECT_THAT(input.err, HasSubstr("the input is not what it was"));
  EXPECT_EQ(job.Read("out.partial"), kept);

  job.scratch().File("a.jsonl.gz", Lines(6000));  // The same texts, whatever holds them.
  EXPECT_EQ(job.Run("out", "--resume").status, 1);
  EXPECT_EQ(job.Run("whole", "--restart").status, 1);
  EXPECT_EQ(job.Read("out"), job.Read("whole"));
}

TEST(Resume, NeedsAFile) {
  EXPECT_THAT(RunProgram({"extract", "--labels", "a", "--resume"}).err,
              HasSubstr("name it with --output"));
  EXPECT_THAT(RunProgram({"extract", "--labels", "a", "--resume", "--restart", "-o", "x"}).err,
              HasSubstr("say different things"));
}

// Runs the program on a terminal of its own; `act` gets what it wrote so far, until it returns
// true, and then the terminal's other end.
std::string OnTerminal(const std::vector<std::string>& arguments, const std::string& until,
                       const std::string& typed, int& status) {
  int terminal = -1;
  winsize size{.ws_row = 24, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  const pid_t process = forkpty(&terminal, nullptr, nullptr, &size);
  if (process == 0) {
    std::vector<char*> pointers = {const_cast<char*>(WATERLINE_PROGRAM)};
    for (const std::string& argument : arguments)
      pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  std::string seen;
  bool acted = false;
  char piece[4096];
  pollfd ready{terminal, POLLIN, 0};
  while (poll(&ready, 1, 60'000) > 0) {
    const ssize_t count = read(terminal, piece, sizeof(piece));
    if (count <= 0) break;
    seen.append(piece, static_cast<size_t>(count));
    if (acted || seen.find(until) == std::string::npos) continue;
    acted = write(terminal, typed.data(), typed.size()) > 0;
  }
  int ended = 0;
  waitpid(process, &ended, 0);
  close(terminal);
  status = WIFSIGNALED(ended) ? 128 + WTERMSIG(ended) : WEXITSTATUS(ended);
  return seen;
}

TEST(Interruption, FinishesTheTextsInFlightAndSaysHowToGoOn) {
  const Scratch scratch;
  const std::string pipe = scratch.Path("pipe.jsonl");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  // Some texts, and then an input that stays open: a run that only a signal ends.
  const int hold = open(pipe.c_str(), O_RDWR);
  const std::string lines = Lines(50);
  ASSERT_EQ(write(hold, lines.data(), lines.size()), static_cast<ssize_t>(lines.size()));
  const std::string output = scratch.Path("out");
  int status = 0;
  const std::string seen =
      OnTerminal({"extract", pipe, "--model", kModel, "--labels", "person", "-o", output},
                 "50 texts", "\x03", status);
  close(hold);
  EXPECT_EQ(status, 130) << seen;
  EXPECT_THAT(seen, HasSubstr("\r\x1b[K50 texts, "));
  EXPECT_THAT(seen, HasSubstr("memory "));
  EXPECT_THAT(seen, HasSubstr("waterline: stopped by Ctrl-C"));
  EXPECT_THAT(seen, HasSubstr("waterline: 50 texts are done and kept in " + output + ".partial"));

  // The same input again, whole this time.
  unlink(pipe.c_str());
  scratch.File("pipe.jsonl", Lines(80));
  const Outcome rest = RunProgram(
      {"extract", pipe, "--model", kModel, "--labels", "person", "-o", output, "--resume"});
  EXPECT_EQ(rest.status, 0) << rest.err;
  EXPECT_THAT(rest.err, HasSubstr("goes on behind 50 texts"));
  EXPECT_EQ(
      Scratch::Read(output),
      RunProgram({"extract", pipe, "--model", kModel, "--labels", "person", "-f", "jsonl"}).out);
}

TEST(Interruption, TellsItsSignalByTheStatus) {
  const Outcome outcome = Shell(
      "sleep 3 | timeout --preserve-status -s TERM 1 $WATERLINE extract --lines "
      "--labels person --model " +
      std::string(kModel));
  EXPECT_EQ(outcome.status, 143);
  EXPECT_THAT(outcome.err, HasSubstr("stopped by SIGTERM"));
}

TEST(Shard, PartsMakeTheWhole) {
  const Scratch scratch;
  const std::string input = scratch.File("in.jsonl", Lines(300));
  const std::string base =
      "$WATERLINE extract '" + input + "' --labels person --model " + std::string(kModel);
  const std::string part = " -f jsonl 2>/dev/null > '" + scratch.Path("");
  Shell(base + part + "1' --shard 1/3; " + base + part + "2' --shard 2/3; " + base + part +
        "3' --shard 3/3");
  const Outcome merged = Shell("cd '" + scratch.Path("") + "' && paste -d '\\n' 1 2 3");
  EXPECT_EQ(merged.out, Shell(base + " -f jsonl").out);
  EXPECT_THAT(Shell(base + " --shard 4/3").err, HasSubstr("'4/3' is not a part like 1/4"));
}

// All files of a directory, by name, as one text.
std::string ReadFolder(const std::string& path) {
  std::map<std::string, std::string> files;
  for (const auto& file : std::filesystem::directory_iterator(path)) {
    files[file.path().filename().string()] = Scratch::Read(file.path().string());
  }
  std::string all;
  for (const auto& [name, bytes] : files) all += name + "\n" + bytes + "\n";
  return all;
}

TEST(Resume, GivesTheWholeBratDirectoryHoweverOftenItIsKilled) {
  const Job job(4000);
  const Outcome whole = job.Run("whole", "-f brat");
  ASSERT_EQ(whole.status, 1) << whole.err;
  std::mt19937 random(8);
  double seconds = 0.2;
  int resumed = 0;
  for (int attempt = 0; attempt < 200; ++attempt) {
    const double limit = seconds * std::uniform_real_distribution<>(0.5, 1.5)(random);
    const Outcome part =
        job.Run("parts", "-f brat --resume", "timeout -s KILL " + std::to_string(limit));
    resumed += part.err.find("goes on behind") != std::string::npos;
    seconds *= 1.1;
    if (part.status == 137) continue;
    EXPECT_EQ(part.status, whole.status) << part.err;
    break;
  }
  EXPECT_GT(resumed, 0) << "no kill came where there was something to go on with";
  EXPECT_TRUE(ReadFolder(job.scratch().Path("parts")) == ReadFolder(job.scratch().Path("whole")));
  EXPECT_EQ(job.Read("parts.errors"), job.Read("whole.errors"));
  EXPECT_EQ(job.scratch().Count(), 6u);  // No partial directory, no journal.
}

TEST(Output, IsNotWrittenByTwoAtOnce) {
  for (const char* format : {"brat", "jsonl"}) {
    SCOPED_TRACE(format);
    const Scratch scratch;
    std::vector<std::string> command = {"extract",  "--lines",          "--model", kModel,
                                        "--labels", "person",           "-f",      format,
                                        "-o",       scratch.Path("out")};
    Conversation first(command);
    first.Say("Ada\n");
    const std::string partial = scratch.Path("out.partial");
    for (int i = 0; i < 1000 && !std::filesystem::exists(partial); ++i) usleep(10'000);
    ASSERT_TRUE(std::filesystem::exists(partial));
    command.push_back("--restart");  // Not even that drops what another run writes.
    const Outcome second = RunProgram(command, "Eve\n");
    EXPECT_EQ(second.status, 2);
    EXPECT_THAT(second.err, HasSubstr("another run is writing it"));
    first.Say("Bob\n");
    first.EndInput();
    EXPECT_EQ(first.Wait(), 0);
    EXPECT_TRUE(std::filesystem::exists(scratch.Path("out")));
    EXPECT_FALSE(std::filesystem::exists(partial));
  }
}

TEST(Output, OfBratIsANewDirectory) {
  const Scratch scratch;
  const std::string input = scratch.File("in.jsonl", Lines(60));
  const std::vector<std::string> command = {
      "extract", input, "--model", kModel, "--labels",
      "person",  "-f",  "brat",    "-o",   scratch.Path("ann")};
  EXPECT_EQ(RunProgram(command).status, 0);
  EXPECT_TRUE(Scratch::Read(scratch.Path("ann/" + std::string("annotation.conf")))
                  .starts_with("[entities]\nperson\n"));
  EXPECT_THAT(RunProgram(command).err, HasSubstr("is there already"));
  EXPECT_EQ(scratch.Count(), 2u);
}

}  // namespace
}  // namespace waterline::cli
