// `waterline redact` and `restore` as a user runs them. Where a model is needed it is the one that
// ships, or a tiny one with random weights. SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "program.h"
#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

constexpr char kTiny[] = WATERLINE_GOLDEN_DIR "/models/us_markerV0_proj/checkpoint";

// Patterns alone: what they find is certain.
Outcome RedactPatterns(std::vector<std::string> arguments, std::string_view input = "") {
  arguments.insert(arguments.begin(), {"redact", "--no-model"});
  return RunProgram(arguments, input);
}

TEST(Redaction, TakesOutWhatTheModelAndPatternsFind) {
  const Outcome done =
      RunProgram({"redact", "-t", "0.5"}, "Write to Ada Lovelace, ada@lovelace.org, in Köln.\n");
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.out, "Write to [PERSON], [EMAIL], in Köln.\n");
  EXPECT_THAT(done.err, HasSubstr("replaced in 1 of 1 text: 1 email, 1 person"));
  EXPECT_THAT(done.err, HasSubstr("No recogniser finds everything"));
  const Outcome quiet = RunProgram({"redact", "--quiet"}, "Nothing.");
  EXPECT_EQ(quiet.out, "Nothing.");
  EXPECT_EQ(quiet.err, "");
}

// Whatever the bytes around: line ends, controls, no end of the last line.
TEST(Redaction, LeavesAllElseByteForByte) {
  const std::string text = "\r\n\t a@b.de \x01\u00A0ö\r\rx\n\nb@c.fr\r\n \xF0\x9F\x98\x80";
  const auto expected = [](std::string bytes) {
    for (const char* address : {"a@b.de", "b@c.fr"}) {
      bytes.replace(bytes.find(address), 6, "[EMAIL]");
    }
    return bytes;
  };
  EXPECT_EQ(RedactPatterns({}, text).out, expected(text));
  EXPECT_EQ(RedactPatterns({"--lines"}, text).out, expected(text));
  EXPECT_EQ(RedactPatterns({"--lines"}, text + "\n").out, expected(text) + "\n");
}

TEST(Redaction, JsonlKeepsTheOtherFields) {
  const Scratch scratch;
  const std::string in = scratch.File(
      "in.jsonl",
      "{\"id\": 7 ,\"text\":\"to a@b.de\",\"n\":[1, {\"x\":\"c@d.de\"}]}\n\n"
      "{\"text\":5,\"note\":\"x\"}\n{broken a@b.de\n{\"labels\":[],\"text\":\"e@f.de\"}\n");
  const Outcome same = RedactPatterns({in});
  EXPECT_EQ(same.status, 1);
  EXPECT_THAT(same.out,
              StartsWith("{\"id\":7,\"text\":\"to [EMAIL]\",\"n\":[1, {\"x\":\"c@d.de\"}]}\n\n"
                         "{\"text\":null,\"note\":\"x\",\"error\":"));
  EXPECT_THAT(same.out, HasSubstr("{\"line\":4,\"error\":"));
  EXPECT_THAT(same.out, EndsWith("{\"labels\":[],\"text\":\"[EMAIL]\"}\n"));
  EXPECT_THAT(same.out, Not(HasSubstr("broken")));
  const Outcome lines = RedactPatterns({in, "--format", "jsonl"});
  EXPECT_THAT(lines.out, HasSubstr("\"redactions\":[{\"start\":3,\"end\":9,\"new_start\":3,"
                                   "\"new_end\":10,\"label\":\"email\",\"rule\":\"email\"}]}\n"));
  EXPECT_THAT(lines.err, HasSubstr("2 of 4 texts were refused"));
}

TEST(Redaction, CsvStaysCsv) {
  const Scratch scratch;
  const std::string in = scratch.File(
      "in.csv",
      "id,\"the text\",note\n1,\"a@b.de, \"\"x\"\"\ny\",\"a,b\"\n2,plain,\n3,too,many,f\n");
  const Outcome done = RedactPatterns({in, "--text-field", "the text"});
  EXPECT_EQ(done.status, 1);
  EXPECT_EQ(done.out, "id,the text,note\n1,\"[EMAIL], \"\"x\"\"\ny\",\"a,b\"\n2,plain,\n");
  const std::string tabs = scratch.File("in.tsv", "text\ta\na@b.de\t\"x,y\"\n");
  EXPECT_EQ(RedactPatterns({tabs}).out, "text\ta\n[EMAIL]\tx,y\n");
}

TEST(Redaction, WritesAFileForEachFile) {
  const Scratch scratch;
  std::filesystem::create_directories(scratch.Path("in/sub"));
  scratch.File("in/a.txt", "a@b.de");
  scratch.File("in/sub/b.jsonl", "{\"text\":\"c@d.de\"}\n{\"text\":\"x\"}\n");
  scratch.File("in/sub/c.csv", "text\ne@f.de\n");
  Shell("gzip '" + scratch.Path("in/sub/c.csv") + "'");
  const std::vector<std::string> job = {
      "-R", scratch.Path("in"),  "--format",  "files",
      "-o", scratch.Path("out"), "--mapping", scratch.Path("secret")};
  const Outcome done = RedactPatterns(job);
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(Scratch::Read(scratch.Path("out/a.txt")), "[EMAIL]");
  EXPECT_EQ(Scratch::Read(scratch.Path("out/sub/b.jsonl")),
            "{\"text\":\"[EMAIL]\"}\n{\"text\":\"x\"}\n");
  EXPECT_EQ(Scratch::Read(scratch.Path("out/sub/c.csv")), "text\n[EMAIL]\n");
  EXPECT_THAT(RedactPatterns(job).err, HasSubstr("out: is there already"));
  const Outcome back =
      RunProgram({"restore", "-R", scratch.Path("out"), "--mapping", scratch.Path("secret"),
                  "--format", "files", "-o", scratch.Path("back")});
  ASSERT_EQ(back.status, 0) << back.err;
  EXPECT_EQ(Scratch::Read(scratch.Path("back/a.txt")), "a@b.de");
  EXPECT_EQ(Scratch::Read(scratch.Path("back/sub/c.csv")), "text\ne@f.de\n");
  const Outcome mixed = RedactPatterns({"-R", scratch.Path("in")});
  EXPECT_EQ(mixed.status, 2);
  EXPECT_THAT(mixed.err, HasSubstr("--format files writes a file for each"));
}

TEST(Redaction, ComesBackWithItsMapping) {
  const Scratch scratch;
  const std::string text = "a@b.de and ö c@d.de, not x@y\r\nthen a@b.de\n";
  const std::string in = scratch.File("in.txt", text);
  for (const char* replacement : {"label", "mask", "pseudonym", "hash", "word"}) {
    const std::string key = scratch.File("key", std::string(32, 'k'));
    std::vector<std::string> job = {in,          "--lines",          "--replacement",
                                    replacement, "--mapping",        scratch.Path("secret"),
                                    "-o",        scratch.Path("out")};
    if (std::string(replacement) == "hash") job.insert(job.end(), {"--key", key});
    const Outcome done = RedactPatterns(job);
    ASSERT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(Scratch::Read(scratch.Path("out")), Not(HasSubstr("a@b.de")));
    struct stat status {};
    ASSERT_EQ(stat(scratch.Path("secret").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    const Outcome back = RunProgram(
        {"restore", "--lines", scratch.Path("out"), "--mapping", scratch.Path("secret")});
    EXPECT_EQ(back.status, 0) << back.err;
    EXPECT_EQ(back.out, text) << replacement;
  }
}

TEST(Redaction, AnswersGetTheirNamesBack) {
  const Scratch scratch;
  const Outcome done = RedactPatterns(
      {"--replacement", "pseudonym", "--mapping", scratch.Path("secret")}, "a@b.de or c@d.de?");
  ASSERT_EQ(done.out, "EMAIL_1 or EMAIL_2?");
  const std::vector<std::string> restore = {"restore", "--mapping", scratch.Path("secret")};
  const Outcome refused = RunProgram(restore, "I would ask EMAIL_2.");
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(refused.out, "I would ask EMAIL_2.");
  EXPECT_THAT(refused.err, HasSubstr("'EMAIL_1' does not stand at 0; --changed"));
  std::vector<std::string> changed = restore;
  changed.emplace_back("--changed");
  const Outcome back = RunProgram(changed, "I would ask EMAIL_2, not EMAIL_22.");
  EXPECT_EQ(back.status, 0);
  EXPECT_EQ(back.out, "I would ask c@d.de, not EMAIL_22.");
  EXPECT_THAT(back.err, HasSubstr("1 replacement is no longer in the texts"));
}

TEST(Redaction, RestoreNoticesOtherTexts) {
  const Scratch scratch;
  const std::string in =
      scratch.File("in.jsonl", "{\"id\":1,\"text\":\"a@b.de\"}\n{\"id\":2,\"text\":\"c@d.de\"}\n");
  ASSERT_EQ(
      RedactPatterns({in, "--mapping", scratch.Path("secret"), "-o", scratch.Path("out")}).status,
      0);
  const auto restore = [&](const std::string& text) {
    const std::string file = scratch.File("other.jsonl", text);
    return RunProgram({"restore", file, "--mapping", scratch.Path("secret"), "--changed"});
  };
  const Outcome swapped =
      restore("{\"id\":2,\"text\":\"[EMAIL]\"}\n{\"id\":1,\"text\":\"[EMAIL]\"}\n");
  EXPECT_EQ(swapped.status, 2);
  EXPECT_THAT(swapped.err, HasSubstr("other.jsonl:1: its id is 2, and that of the next text of "
                                     "the mapping 1"));
  EXPECT_THAT(restore("{\"id\":1,\"text\":\"[EMAIL]\"}\n").err,
              HasSubstr("the mapping has more texts than the input"));
  EXPECT_THAT(restore(Scratch::Read(scratch.Path("out")) + "{\"text\":\"x\"}\n").err,
              HasSubstr("other.jsonl:3: the mapping has no line for it"));
  const std::string broken = scratch.File("broken", "{\"text\":\"x\"}\n");
  const Outcome no_mapping = RunProgram({"restore", in, "--mapping", broken});
  EXPECT_EQ(no_mapping.status, 2);
  EXPECT_THAT(no_mapping.err, HasSubstr("broken: is not a mapping"));
}

TEST(Redaction, HashesAndKeyedPseudonymsDependOnTheKeyAlone) {
  const Scratch scratch;
  const std::string key = scratch.File("key", std::string(32, 'k'));
  const std::vector<std::string> hash = {"--replacement", "hash", "--key", key};
  const std::string one = RedactPatterns(hash, "a@b.de").out;
  EXPECT_THAT(one, MatchesRegex("\\[EMAIL:[0-9a-f]{16}\\]"));
  EXPECT_EQ(RedactPatterns(hash, "x a@b.de").out, "x " + one);
  const Outcome names = RedactPatterns(
      {"--replacement", "pseudonym", "--pseudonyms", "key", "--key", key}, "a@b.de a@b.de");
  EXPECT_THAT(names.out, MatchesRegex("EMAIL_[0-9A-Z]{10} EMAIL_[0-9A-Z]{10}"));
  EXPECT_EQ(names.out.substr(0, 16), names.out.substr(17));

  const Outcome none = RedactPatterns({"--replacement", "hash"}, "a@b.de");
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.err, HasSubstr("name its file with --key"));
  const std::string small = scratch.File("small", "abc");
  EXPECT_THAT(RedactPatterns({"--replacement", "hash", "--key", small}).err,
              HasSubstr("small: has 3 bytes; a key has 32 or more"));
  EXPECT_THAT(RedactPatterns({"--key", key}).err, HasSubstr("only hashes and --pseudonyms key"));
}

TEST(Redaction, RuleFilesSayWhatIsReplacedAndHow) {
  const Scratch scratch;
  const std::string rules = scratch.File("mine.yaml",
                                         "extends: pii\n"
                                         "patterns:\n"
                                         "  - name: order\n"
                                         "    label: order number\n"
                                         "    regex: 'ORD-[0-9]{4}'\n"
                                         "    replacement: mask\n");
  EXPECT_EQ(RedactPatterns({"--rules", rules}, "ORD-1234 of a@b.de").out, "******** of [EMAIL]");
  const std::string broken = scratch.File("broken.yaml", "patterns:\n  - name: x\n    regexp: y\n");
  const Outcome refused = RedactPatterns({"--rules", broken}, "x");
  EXPECT_EQ(refused.status, 2);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr("broken.yaml:3"));
  // What --print-rules prints is a rule file.
  const Outcome printed = RunProgram({"redact", "--preset", "hipaa", "--print-rules"});
  ASSERT_EQ(printed.status, 0);
  const std::string copy = scratch.File("copy.yaml", printed.out);
  EXPECT_EQ(RedactPatterns({"--rules", copy}, "aged 93").out, "aged [AGE]");
}

TEST(Redaction, TellsWhatItReplacedInAReport) {
  const Scratch scratch;
  const Outcome done = RedactPatterns({"--lines", "--report", scratch.Path("report.json")},
                                      "a@b.de c@d.de\nx\n192.168.0.1\n");
  ASSERT_EQ(done.status, 0);
  const std::string report = Scratch::Read(scratch.Path("report.json"));
  EXPECT_THAT(report, StartsWith("{\"texts\":3,\"texts_with_redactions\":2,\"refused_texts\":0,"
                                 "\"redactions\":{\"email\":{\"count\":2,\"pattern email\":2},"
                                 "\"ip address\":{\"count\":1,\"pattern ipv4\":1}}"));
  EXPECT_THAT(report, HasSubstr("No recogniser finds everything"));
}

TEST(Redaction, RefusesWhatDoesNotGoTogether) {
  const auto message = [](const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"redact"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Outcome done = RunProgram(all, "x");
    EXPECT_EQ(done.status, 2);
    EXPECT_EQ(done.out, "");
    return done.err;
  };
  EXPECT_THAT(message({"--no-model", "--no-patterns"}), HasSubstr("nothing that could be found"));
  EXPECT_THAT(message({"--preset", "pii", "--rules", "x"}), HasSubstr("extends: pii"));
  EXPECT_THAT(message({"--preset", "none"}), HasSubstr("nothing to look for"));
  EXPECT_THAT(message({"--preset", "ppi"}), HasSubstr("one of pii, hipaa, gdpr-basic, none"));
  EXPECT_THAT(message({"--rules", "/nowhere.yaml"}), HasSubstr("/nowhere.yaml"));
  EXPECT_THAT(message({"--no-model", "--labels", "person"}), HasSubstr("--labels"));
  EXPECT_THAT(message({"--format", "files"}), HasSubstr("name it with --output"));
  EXPECT_THAT(message({"--ignore-fields", "labels"}), HasSubstr("--ignore-fields"));
}

// Lines with addresses in them, some of them broken.
std::string Lines(int count) {
  std::string lines;
  for (int i = 1; i <= count; ++i) {
    const std::string n = std::to_string(i);
    lines += i % 97 == 0 ? "{broken\n"
                         : "{\"id\":" + n + ",\"text\":\"Text " + n + " of Ada, ada" + n +
                               "@example.org, in London.\"}\n";
  }
  return lines;
}

TEST(Redaction, GivesTheWholeOutputHoweverOftenItIsKilled) {
  const Scratch scratch;
  std::filesystem::create_directories(scratch.Path("in"));
  scratch.File("in/a.jsonl", Lines(3000));
  scratch.File("in/b.jsonl", Lines(1500));
  for (const std::string format : {"same", "files"}) {
    const auto run = [&](const std::string& name, const std::string& more,
                         const std::string& before = "") {
      return Shell("cd '" + scratch.Path("") + "' && " + before +
                   " $WATERLINE redact -R in --model " + kTiny +
                   " --labels city --threshold 0.3 --threads 1 --replacement pseudonym "
                   "--format " +
                   format + " -o " + name + " --mapping " + name + ".map --report " + name +
                   ".report --errors " + name + ".errors " + more);
    };
    const std::string whole_name = format + "-whole";
    const std::string part_name = format + "-part";
    const Outcome whole = run(whole_name, "");
    ASSERT_EQ(whole.status, 1) << whole.err;
    std::mt19937 random(5);
    double seconds = 0.2;
    int resumed = 0;
    for (int attempt = 0; attempt < 200; ++attempt) {
      const double limit = seconds * std::uniform_real_distribution<>(0.5, 1.5)(random);
      const Outcome part = run(part_name, "--resume", "timeout -s KILL " + std::to_string(limit));
      resumed += part.err.find("goes on behind") != std::string::npos;
      seconds *= 1.1;
      if (part.status == 137) continue;
      EXPECT_EQ(part.status, whole.status) << part.err;
      break;
    }
    EXPECT_GT(resumed, 0) << "no kill came where there was something to go on with";
    for (const std::string file : {"", ".map", ".report", ".errors", "/a.jsonl", "/b.jsonl"}) {
      if (std::filesystem::is_directory(scratch.Path(whole_name + file))) continue;
      EXPECT_EQ(Scratch::Read(scratch.Path(part_name + file)),
                Scratch::Read(scratch.Path(whole_name + file)))
          << format << file;
    }
    EXPECT_FALSE(std::filesystem::exists(scratch.Path(part_name + ".partial")));
    EXPECT_FALSE(std::filesystem::exists(scratch.Path(part_name + ".partial.json")));
  }
}

TEST(Redaction, ResumeNoticesAnotherKeyAndOtherRules) {
  const Scratch scratch;
  scratch.File("in.jsonl", Lines(3000));
  scratch.File("k", std::string(32, 'k'));
  scratch.File("l", std::string(32, 'l'));
  const auto run = [&](const std::string& more, const std::string& before = "") {
    return Shell("cd '" + scratch.Path("") + "' && " + before +
                 " $WATERLINE redact in.jsonl --no-model --replacement hash -o out " + more);
  };
  ASSERT_EQ(run("--key k", "ulimit -f 64; trap '' XFSZ;").status, 2);
  EXPECT_THAT(run("--key l --resume").err, HasSubstr("--key (now"));
  EXPECT_THAT(run("--key k --resume --preset hipaa").err, HasSubstr("the patterns (now"));
  const Outcome done = run("--key k --resume");
  EXPECT_EQ(done.status, 1) << done.err;
}

}  // namespace
}  // namespace waterline::cli
