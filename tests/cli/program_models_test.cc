// The built program with models of other architectures: relations, label vectors, settings of
// single texts. The models are those of the golden tests: tiny, with random weights.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "program.h"
#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

namespace dom = simdjson::dom;

std::string Folder(const std::string& name) { return WATERLINE_GOLDEN_DIR "/models/" + name; }
std::string Model(const std::string& name) { return Folder(name) + "/checkpoint"; }

constexpr char kSentence[] =
    "French historian Pierre de Marca holds that the word signifies hunters of the Goths.";

std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

// The line of cases.jsonl with the id `id`.
std::string GoldenCase(const std::string& model, const std::string& id) {
  std::ifstream lines(Folder(model) + "/cases.jsonl");
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with("{\"id\": \"" + id + "\"")) return line;
  }
  ADD_FAILURE() << "no case " << id << " of " << model;
  return "{}";
}

bool PerText(dom::element list) {
  dom::array items;
  if (list.get(items) != simdjson::SUCCESS) return false;
  return std::any_of(items.begin(), items.end(), [](dom::element e) { return !e.is_string(); });
}

// The item of a list with one for each text, or what all share.
std::string ItemOf(dom::element list, size_t text) {
  return simdjson::minify(PerText(list) ? list.at(text).value() : list);
}

// Every key and value of `expected` is in `got`, floats within 1e-4.
void ExpectAlike(dom::element got, dom::element expected) {
  switch (expected.type()) {
    case dom::element_type::ARRAY: {
      ASSERT_EQ(dom::array(got).size(), dom::array(expected).size());
      auto item = dom::array(got).begin();
      for (const dom::element e : dom::array(expected)) {
        ExpectAlike(*item, e);
        ++item;
      }
      return;
    }
    case dom::element_type::OBJECT:
      for (const auto& [key, value] : dom::object(expected)) {
        dom::element mine;
        ASSERT_EQ(got[key].get(mine), simdjson::SUCCESS) << key;
        ExpectAlike(mine, value);
      }
      return;
    case dom::element_type::DOUBLE:
      EXPECT_NEAR(double(got), double(expected), 1e-4);
      return;
    default:
      EXPECT_EQ(simdjson::minify(got), simdjson::minify(expected));
  }
}

// Runs a golden case as JSONL in which each line has labels, threshold and relations of its own,
// and compares with what the Python package answers, keys of relations included.
void ExpectGolden(const std::string& model, const std::string& id) {
  SCOPED_TRACE(model + " " + id);
  const std::string line = GoldenCase(model, id);
  dom::parser parser;
  const dom::element c = parser.parse(line);
  std::string input;
  size_t texts = 0;
  dom::element relations;
  const bool has_relations = c["relations"].get(relations) == simdjson::SUCCESS;
  for (const dom::element text : dom::array(c["texts"])) {
    input += "{\"text\":" + std::string(simdjson::minify(text)) +
             ",\"labels\":" + ItemOf(c["labels"], texts) +
             ",\"threshold\":" + std::string(simdjson::minify(c["threshold"]));
    if (has_relations) input += ",\"relations\":" + ItemOf(relations, texts);
    input += "}\n";
    ++texts;
  }
  std::vector<std::string> arguments = {"extract", "--model", Model(model),
                                        "--input", "jsonl",   "--truncate"};
  dom::element threshold;
  if (c["relation_threshold"].get(threshold) == simdjson::SUCCESS) {
    arguments.insert(arguments.end(),
                     {"--relation-threshold", std::string(simdjson::minify(threshold))});
  }
  if (!bool(c["flat_ner"])) arguments.push_back("--nested");
  if (bool(c["multi_label"])) arguments.push_back("--multi-label");
  const Outcome outcome = RunProgram(arguments, input);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const std::vector<std::string> lines = SplitLines(outcome.out);
  ASSERT_EQ(lines.size(), texts);
  for (size_t i = 0; i < texts; ++i) {
    dom::parser got_parser;
    const dom::element got = got_parser.parse(lines[i]);
    SCOPED_TRACE(lines[i]);
    ExpectAlike(got["entities"], c["expected"].at(i));
    if (has_relations) ExpectAlike(got["relations"], c["expected_relations"].at(i));
  }
}

TEST(GoldenCases, ComeOutAsTheReferenceHasThem) {
  for (const char* id : {"c01", "c02", "c04", "c07", "c09", "c10", "c18"}) {
    ExpectGolden("rs_none", id);
  }
  for (const char* id : {"c01", "c02", "c07", "c09", "c10"}) ExpectGolden("bs_plain", id);
  for (const char* id : {"c01", "c02", "c04"}) ExpectGolden("us_markerV0", id);
}

constexpr char kQuestion[] = "Can I withdraw cash using my card 3589648850058594 at aTM center?";
const std::vector<std::string> kRelated = {"extract",
                                           "--model",
                                           Model("rs_none"),
                                           "--labels",
                                           "number,product name,location,date",
                                           "--threshold",
                                           "0.45",
                                           "--relation-threshold",
                                           "0.7"};

std::vector<std::string> Related(std::vector<std::string> more) {
  std::vector<std::string> all = kRelated;
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::vector<std::string> WithRelations(std::vector<std::string> more) {
  more.insert(more.begin(), {"--relations", "works for"});
  return Related(more);
}

TEST(ExtractRelations, AreInEveryFormat) {
  const Outcome jsonl = RunProgram(WithRelations({}), kQuestion);
  ASSERT_EQ(jsonl.status, 0) << jsonl.err;
  dom::parser parser;
  const dom::element got = parser.parse(jsonl.out);
  const dom::array entities = got["entities"];
  const dom::array relations = got["relations"];
  ASSERT_GT(relations.size(), 0u) << jsonl.out;
  for (const dom::element relation : relations) {
    EXPECT_EQ(std::string_view(relation["relation"]), "works for");
    EXPECT_GT(double(relation["score"]), 0.7);
    for (const char* side : {"head", "tail"}) {
      const dom::element end = relation[side];
      const dom::element entity = entities.at(uint64_t(end["entity_idx"]));
      for (const char* key : {"start", "end", "text"}) {
        EXPECT_EQ(simdjson::minify(end[key]), simdjson::minify(entity[key]));
      }
      EXPECT_EQ(simdjson::minify(end["type"]), simdjson::minify(entity["label"]));
    }
  }

  const Outcome csv = RunProgram(WithRelations({"--format", "csv"}), kQuestion);
  ASSERT_EQ(csv.status, 0) << csv.err;
  const std::vector<std::string> lines = SplitLines(csv.out);
  ASSERT_EQ(lines.size(), 1 + entities.size() + relations.size());
  EXPECT_EQ(lines[0],
            "file,line,start,end,text,label,score,relation,tail_start,tail_end,tail_text,"
            "tail_label");
  EXPECT_THAT(
      lines[1],
      MatchesRegex("-,,[0-9]+,[0-9]+,.*,(date|location|number|product name),0\\.[0-9]+,,,,,"));
  EXPECT_THAT(lines.back(), HasSubstr(",works for,"));

  const Outcome pretty = RunProgram(WithRelations({"--format", "pretty"}), kQuestion);
  ASSERT_EQ(pretty.status, 0) << pretty.err;
  EXPECT_EQ(SplitLines(pretty.out).size(), 1 + relations.size());
  EXPECT_THAT(pretty.out, HasSubstr(" -- works for "));

  const Scratch scratch;
  const Outcome stats =
      RunProgram(WithRelations({"--stats", "--stats-json", scratch.Path("stats")}), kQuestion);
  EXPECT_THAT(stats.err, HasSubstr("\n  relations  "));
  EXPECT_THAT(Scratch::Read(scratch.Path("stats")),
              HasSubstr("\"relations\":" + std::to_string(relations.size())));
}

TEST(ExtractRelations, ComeFromAFileToo) {
  const Scratch scratch;
  const std::string lines = scratch.File("relations.txt", "works for\n");
  const std::string json = scratch.File("relations.json", "[\"works for\"]");
  const Outcome expected = RunProgram(WithRelations({}), kQuestion);
  EXPECT_EQ(RunProgram(Related({"--relations-file", lines}), kQuestion).out, expected.out);
  EXPECT_EQ(RunProgram(Related({"--relations-file", json}), kQuestion).out, expected.out);
}

TEST(ExtractRelations, AreNotToldWhereNoneWereAskedFor) {
  EXPECT_THAT(RunProgram(Related({}), kQuestion).out, Not(HasSubstr("relation")));
  EXPECT_THAT(RunProgram(Related({"--format", "csv"}), kQuestion).out,
              StartsWith("file,line,start,end,text,label,score\n"));
  // A field of that name is passed on.
  const Outcome passed =
      RunProgram(Related({"--input", "jsonl", "--ignore-fields", "relations,labels"}),
                 R"({"relations":[{"a":1}],"labels":7,"text":"Ada"})");
  EXPECT_THAT(passed.out, StartsWith(R"({"relations":[{"a":1}],"labels":7,"text":"Ada","ent)"));
}

TEST(ExtractRelations, OfALineAreLostToCsvWithAWarning) {
  const std::string line =
      std::string("{\"relations\":[\"works for\"],\"text\":\"") + kQuestion + "\"}\n";
  const Outcome outcome = RunProgram(Related({"--input", "jsonl", "--format", "csv"}), line + line);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(SplitLines(outcome.err).size(), 1u) << outcome.err;
  EXPECT_THAT(outcome.err, HasSubstr("standard input:1: its relations are left out"));
}

TEST(ExtractRelations, OfAModelWithoutThemAreRefused) {
  const Outcome outcome =
      RunProgram({"extract", "--labels", "person", "--relations", "works for"}, kSentence);
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("finds no relations"));
}

TEST(OwnSettings, OfALineGoBeforeThoseOfTheRun) {
  const std::string text = std::string("\"text\":\"") + kSentence + "\"";
  const std::string input = "{" + text + "}\n" +                         //
                            "{\"labels\":[\"place\"]," + text + "}\n" +  //
                            "{\"threshold\":1," + text + "}\n" +         //
                            "{\"labels\":{\"place\":{\"threshold\":1}}," + text + "}\n" +
                            "{\"words\":[[0,6],[17,32]]," + text + "}\n" +  //
                            "{\"labels\":[]," + text + "}\n" +              //
                            "{\"words\":[[6,0]]," + text + "}\n" +          //
                            "{\"threshold\":7," + text + "}\n";
  const std::vector<std::string> arguments = {
      "extract", "--model", Model("us_markerV0"), "--input", "jsonl", "--threshold", "0.3"};
  std::vector<std::string> labelled = arguments;
  labelled.insert(labelled.end(), {"--labels", "person"});
  const Outcome outcome = RunProgram(labelled, input);
  EXPECT_EQ(outcome.status, 1);
  const std::vector<std::string> lines = SplitLines(outcome.out);
  ASSERT_EQ(lines.size(), 8u);
  EXPECT_THAT(lines[0], AllOf(HasSubstr("\"label\":\"person\""), Not(HasSubstr("\"place\""))));
  EXPECT_THAT(lines[1], AllOf(HasSubstr("\"label\":\"place\""), Not(HasSubstr("\"person\""))));
  for (const size_t none : {2, 3, 5}) EXPECT_THAT(lines[none], HasSubstr("\"entities\":[]}"));
  EXPECT_THAT(lines[6], HasSubstr("word 1 of those given, [6, 0), is empty"));
  EXPECT_THAT(lines[7], HasSubstr("7 is not a number from 0 to 1"));
  EXPECT_THAT(outcome.err, HasSubstr("standard input:8: its field \"threshold\" sets nothing"));

  const Outcome unlabelled = RunProgram(arguments, input);
  EXPECT_EQ(unlabelled.status, 1);
  EXPECT_THAT(SplitLines(unlabelled.out)[0], HasSubstr("\"error\":\"it has no labels: neither"));
  EXPECT_EQ(SplitLines(unlabelled.out)[1], lines[1]);
}

TEST(LabelsFile, OfJsonHasDescriptionsAndThresholds) {
  const Scratch scratch;
  const std::string json =
      scratch.File("labels.json", R"({"person": {"description": "place", "threshold": 0.35}})");
  const std::vector<std::string> arguments = {"extract", "--model", Model("us_markerV0"),
                                              "--threshold", "0.2"};
  std::vector<std::string> described = arguments;
  described.insert(described.end(), {"--labels-file", json});
  std::vector<std::string> plain = arguments;
  plain.insert(plain.end(), {"--labels", "place"});
  dom::parser parser, plain_parser;
  const std::string out = RunProgram(described, kSentence).out;
  const std::string plain_out = RunProgram(plain, kSentence).out;
  size_t expected = 0;
  for (const dom::element e : dom::array(plain_parser.parse(plain_out)["entities"])) {
    expected += double(e["score"]) > 0.35;
  }
  const dom::array entities = parser.parse(out)["entities"];
  EXPECT_EQ(entities.size(), expected) << out << plain_out;
  EXPECT_GT(entities.size(), 0u);
  EXPECT_THAT(out, Not(HasSubstr("place")));

  scratch.File("labels.json", "{\"person\": 7}");
  const Outcome refused = RunProgram(described, kSentence);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("--labels-file"), HasSubstr("label \"person\": 7 is")));
}

TEST(EmbedLabels, MakesAFileThatExtractTakes) {
  const Scratch scratch;
  const std::string file = scratch.Path("labels.safetensors");
  const Outcome made =
      RunProgram({"embed-labels", Model("bs_plain"), "--labels", "person,place,date", "-o", file});
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.out, IsEmpty());
  EXPECT_THAT(made.err, AllOf(HasSubstr("  labels                    3\n"), HasSubstr("width"),
                              HasSubstr(" bytes"), HasSubstr(" s\n")));
  EXPECT_EQ(scratch.Count(), 1u);

  const std::vector<std::string> extract = {"extract", "--model", Model("bs_plain"), "--threshold",
                                            "0.3"};
  std::vector<std::string> plain = extract;
  plain.insert(plain.end(), {"--labels", "person,place,date"});
  std::vector<std::string> stored = extract;
  stored.insert(stored.end(), {"--label-vectors", file});
  const Outcome expected = RunProgram(plain, kSentence);
  ASSERT_THAT(expected.out, HasSubstr("\"label\""));
  EXPECT_EQ(RunProgram(stored, kSentence).out, expected.out);
  // Some of them, and one that is not among them.
  stored.insert(stored.end(), {"--labels", "date,event"});
  plain.back() = "date,event";
  EXPECT_EQ(RunProgram(stored, kSentence).out, RunProgram(plain, kSentence).out);

  const Outcome quiet = RunProgram({"embed-labels", Model("bs_plain"), "--labels", "person", "-o",
                                    scratch.Path("quiet"), "--quiet"});
  EXPECT_EQ(quiet.status, 0);
  EXPECT_THAT(quiet.err, IsEmpty());

  const Outcome other = RunProgram({"extract", "--label-vectors", file}, kSentence);
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, AllOf(HasSubstr("--label-vectors"), HasSubstr("label encoder")));
}

TEST(EmbedLabels, NamesWrongUsage) {
  const Scratch scratch;
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--labels", "a", "-o", scratch.Path("x")}, "has no label encoder"},
      {{Model("bs_plain"), "-o", scratch.Path("x")}, "no labels: say what to look for"},
      {{Model("bs_plain"), "--labels", "a"}, "--output is required"},
      {{Model("bs_plain"), "--labels", "a", "-o", "-"}, "'-' is not a file"},
      {{Model("bs_plain"), "--labels", "a", "-o", scratch.Path("no/x")}, "cannot be written"},
      {{"/nowhere", "--labels", "a", "-o", scratch.Path("x")}, "/nowhere"},
  };
  for (const auto& [arguments, message] : cases) {
    std::vector<std::string> all = {"embed-labels"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    const Outcome outcome = RunProgram(all);
    EXPECT_EQ(outcome.status, 2) << message;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("waterline: error: "), HasSubstr(message)));
  }
  EXPECT_EQ(scratch.Count(), 0u);
}

TEST(Plan, CoversRelationsLabelVectorsAndPartsOfLabels) {
  const Scratch scratch;
  const std::string vectors = scratch.Path("labels.safetensors");
  ASSERT_EQ(RunProgram({"embed-labels", Model("bs_plain"), "--labels", "person,place", "-q", "-o",
                        vectors})
                .status,
            0);
  const std::string text =
      scratch.File("in.jsonl", std::string("{\"text\":\"") + kSentence +
                                   "\"}\n{\"text\":\"Ada\",\"labels\":[\"x\"]}\n");
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"rs_none", {"--labels", "person,place", "--relations", "works for,born in"}},
      {"bs_plain", {"--label-vectors", vectors}},
      {"bs_plain", {"--label-vectors", vectors, "--labels", "person,date"}},
      {"us_markerV0", {"--labels", "a,b,c,d,e", "--labels-per-pass", "2"}},
      {"us_markerV0", {"--labels", "a,b", "--splitter", "icu"}},
  };
  for (const auto& [model, flags] : cases) {
    SCOPED_TRACE(model + " " + flags[0] + " " + flags.back());
    std::vector<std::string> plan = {"plan", Model(model), "--json",  "-j", "1",
                                     "-b",   "32M",        "--input", text};
    std::vector<std::string> extract = {
        "extract", "--model",      Model(model),          "-j", "1", "-b",
        "32M",     "--stats-json", scratch.Path("stats"), text};
    plan.insert(plan.end(), flags.begin(), flags.end());
    extract.insert(extract.end(), flags.begin(), flags.end());
    const Outcome planned = RunProgram(plan), done = RunProgram(extract);
    ASSERT_EQ(planned.status, 0) << planned.err;
    ASSERT_EQ(done.status, 0) << done.err;
    dom::parser planned_parser, done_parser;
    const dom::element expected = planned_parser.parse(planned.out);
    const std::string stats = Scratch::Read(scratch.Path("stats"));
    const dom::element measured = done_parser.parse(stats);
    for (const char* key : {"batches", "tokens", "largest_plan", "workspace"}) {
      EXPECT_EQ(uint64_t(expected[key]), uint64_t(measured[key])) << key;
    }
  }
}

TEST(Inspect, TellsTheWordSplitter) {
  EXPECT_THAT(RunProgram({"inspect"}).out, HasSubstr("words                 whitespace\n"));
  EXPECT_THAT(RunProgram({"inspect", "--splitter", "icu"}).out,
              HasSubstr("icu (the checkpoint names whitespace)"));
}

// Tokens that a run over `texts` equal lines encodes, those of labels included.
int64_t TokensOf(int texts) {
  const Scratch scratch;
  std::string input;
  for (int i = 0; i < texts; ++i) input += std::string(kSentence) + "\n";
  const Outcome run =
      RunProgram({"extract", "--lines", "--model", Model("bs_plain"), "--labels", "person,place",
                  "--stats-json", scratch.Path("stats"), "-o", scratch.Path("found")},
                 input);
  EXPECT_EQ(run.status, 0) << run.err;
  dom::parser parser;
  dom::element stats;
  EXPECT_EQ(parser.load(scratch.Path("stats")).get(stats), simdjson::SUCCESS);
  return int64_t(stats["tokens"]);
}

// Lines are read 256 at a time, each window with a call of its own.
TEST(LabelVectors, AreMadeOnceForAllWindowsOfTheInput) {
  const int64_t of_a_text = TokensOf(2) - TokensOf(1);
  EXPECT_GT(TokensOf(1), of_a_text);
  EXPECT_EQ(TokensOf(600), TokensOf(1) + 599 * of_a_text);
}

}  // namespace
}  // namespace waterline::cli
