// `waterline eval` with the model that ships. SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>

#include "program.h"
#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::HasSubstr;

namespace dom = simdjson::dom;

// The first 40 sentences of bench/data/crossner_ai_dev.jsonl.
std::string Gold(const Scratch& scratch) {
  const std::string all = Scratch::Read(WATERLINE_SOURCE_DIR "/bench/data/crossner_ai_dev.jsonl");
  size_t end = 0;
  for (int line = 0; line < 40; ++line) end = all.find('\n', end) + 1;
  return scratch.File("gold.jsonl", all.substr(0, end));
}

TEST(Eval, MeasuresWhatThePythonPackageMeasures) {
  const Scratch scratch;
  const std::string gold = Gold(scratch);
  // What GLiNER.evaluate (0.2.29) of this model says: threshold, flat_ner, and all labels as
  // entity_types.
  for (const auto& [flags, line] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--threshold", "0.5"}, "168      94      52   55.32  30.95  39.69"},
           {{"--threshold", "0.2"}, "168     146      59   40.41  35.12  37.58"},
           {{"--threshold", "0.3", "--nested"}, "168     142      61   42.96  36.31  39.35"}}) {
    std::vector<std::string> arguments = {"eval", "--gold", gold};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    const Outcome outcome = RunProgram(arguments);
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr(line));
  }
}

TEST(Eval, TunesThresholdsThatExtractReads) {
  const Scratch scratch;
  const std::string thresholds = scratch.Path("thresholds.json");
  const std::string page = scratch.Path("mistakes.html");
  const Outcome outcome =
      RunProgram({"eval", "--gold", Gold(scratch), "--labels", "person,university", "--tune",
                  thresholds, "--html", page, "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("gold entities are of labels that are not looked for"));
  dom::parser parser;
  const dom::element report = parser.parse(outcome.out);
  EXPECT_GT(double(report["tuned"]["all"]["f1"]), double(report["all"]["f1"]));
  EXPECT_EQ(dom::array(report["confusion"]).size(), 3u);
  const Outcome found =
      RunProgram({"extract", "--labels-file", thresholds}, "Ada Lovelace met Obama.");
  EXPECT_EQ(found.status, 0) << found.err;
  EXPECT_THAT(Scratch::Read(page), HasSubstr("data-label=\"missed: person\""));
  EXPECT_THAT(Scratch::Read(page), HasSubstr("<small>missed: person</small>"));
  EXPECT_THAT(Scratch::Read(page), HasSubstr("texts have mistakes"));
}

TEST(Eval, SaysWhatIsWrong) {
  const Scratch scratch;
  EXPECT_EQ(RunProgram({"eval"}).status, 2);
  const Outcome none =
      RunProgram({"eval", "--gold", scratch.File("g", "{\"text\":\"a\",\"entities\":[]}\n")});
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.err, HasSubstr("has no entities, and there are no --labels"));
  EXPECT_THAT(RunProgram({"eval", "--gold", "/nowhere"}).err,
              HasSubstr("/nowhere: cannot be read"));
}

}  // namespace
}  // namespace waterline::cli
