// The engine against the reference package: every case of every checkpoint that this build runs.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "waterline/engine.h"

namespace waterline {
namespace {

namespace fs = std::filesystem;
using simdjson::dom::element;

// The reference allows 5e-4 for another f32 implementation; the worst difference seen is below
// 2e-6.
constexpr double kScoreTolerance = 2e-5;
// Vectors are compared relative to their largest element.
constexpr double kVectorTolerance = 1e-4;

const fs::path kModels = fs::path(WATERLINE_GOLDEN_DIR) / "models";

std::vector<std::string> Checkpoints() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kModels)) {
    if (fs::exists(entry.path() / "cases.jsonl")) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Text(element e) { return std::string(std::string_view(e)); }

std::vector<Label> ReadLabels(element e) {
  std::vector<Label> labels;
  if (e.is_string()) {
    labels.push_back({Text(e), {}});
  } else if (e.is_object()) {
    for (const auto& [name, description] : e.get_object()) {
      labels.push_back({std::string(name), Text(description)});
    }
  } else {
    for (element label : e.get_array()) labels.push_back({Text(label), {}});
  }
  return labels;
}

bool PerText(element labels) {
  if (!labels.is_array()) return false;
  for (element e : labels.get_array()) {
    if (!e.is_string()) return true;
  }
  return false;
}

// One call of the reference's API.
struct Case {
  std::string id;
  std::vector<std::string> texts;
  std::vector<std::vector<Label>> labels;  // One list, or one a text.
  std::vector<std::vector<TextSpan>> spans;
  std::vector<float> thresholds;                    // One, or one a text.
  std::vector<std::vector<std::string>> relations;  // None, one list, or one a text.
  bool with_label_vectors = false;                  // Labels are encoded in a call of their own.
  ExtractOptions options;
  element expected;
  std::optional<element> expected_relations;

  const std::vector<Label>& LabelsOf(size_t text) const {
    return labels.size() == 1 ? labels[0] : labels[text];
  }

  const std::vector<std::string>& RelationsOf(size_t text) const {
    return relations[relations.size() == 1 ? 0 : text];
  }

  Result<std::vector<Extraction>> Run(const Engine& engine) const {
    ExtractOptions with = options;
    std::optional<LabelVectors> vectors;
    if (with_label_vectors) {
      Result<LabelVectors> made = engine.EmbedLabels(labels[0]);
      if (!made.ok()) return made.error();
      vectors = std::move(*made);
      with.label_vectors = &*vectors;
    }
    std::vector<Document> documents(texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      documents[i] = {.text = texts[i],
                      .labels = &LabelsOf(i),
                      .threshold = thresholds[thresholds.size() == 1 ? 0 : i],
                      .relations = relations.empty() ? nullptr : &RelationsOf(i),
                      .spans = spans.empty() ? nullptr : &spans[i]};
    }
    return engine.Extract(std::span<const Document>(documents), {}, with);
  }
};

Case ReadCase(element e) {
  Case c;
  element value;
  if (e["id"].get(value) == simdjson::SUCCESS) c.id = Text(value);
  for (element text : e["texts"].get_array()) c.texts.push_back(Text(text));
  const element labels = e["labels"];
  if (PerText(labels)) {
    for (element l : labels.get_array()) c.labels.push_back(ReadLabels(l));
  } else {
    c.labels.push_back(ReadLabels(labels));
  }
  const element threshold = e["threshold"];
  if (threshold.is_array()) {
    for (element t : threshold.get_array()) c.thresholds.push_back(static_cast<float>(double(t)));
  } else {
    c.thresholds.push_back(static_cast<float>(double(threshold)));
  }
  c.options.nested = !bool(e["flat_ner"]);
  c.options.multi_label = bool(e["multi_label"]);
  c.options.truncate = true;  // As the reference.
  c.options.reference_alignment = true;
  if (e["return_class_probs"].get(value) == simdjson::SUCCESS) c.options.class_scores = bool(value);
  if (e["return_vectors"].get(value) == simdjson::SUCCESS) c.options.vectors = bool(value);
  if (e["input_spans"].get(value) == simdjson::SUCCESS && !value.is_null()) {
    for (element text : value.get_array()) {
      std::vector<TextSpan> spans;
      for (element s : text.get_array()) {
        spans.push_back({uint64_t(s["start"]), uint64_t(s["end"])});
      }
      c.spans.push_back(spans);
    }
  }
  c.expected = e["expected"];
  if (e["expected_relations"].get(value) == simdjson::SUCCESS) c.expected_relations = value;
  if (e["relations"].get(value) == simdjson::SUCCESS && !value.is_null()) {
    for (element list : value.get_array()) {
      if (list.is_string()) {
        if (c.relations.empty()) c.relations.emplace_back();
        c.relations[0].push_back(Text(list));
        continue;
      }
      std::vector<std::string>& own = c.relations.emplace_back();
      for (element relation : list.get_array()) own.push_back(Text(relation));
    }
  }
  const auto optional = [&](const char* key, std::optional<float>& to) {
    if (e[key].get(value) == simdjson::SUCCESS && !value.is_null()) {
      to = static_cast<float>(double(value));
    }
  };
  optional("relation_threshold", c.options.relation_threshold);
  optional("adjacency_threshold", c.options.adjacency_threshold);
  if (e["call"].get(value) == simdjson::SUCCESS) {
    c.with_label_vectors = Text(value) == "inference_with_label_embeddings";
  }
  return c;
}

void ExpectVector(const std::vector<float>& got, element expected) {
  double largest = 1e-3;
  for (element v : expected.get_array()) largest = std::max(largest, std::abs(double(v)));
  size_t i = 0;
  for (element v : expected.get_array()) {
    ASSERT_LT(i, got.size());
    EXPECT_NEAR(got[i], double(v), kVectorTolerance * largest);
    ++i;
  }
  EXPECT_EQ(i, got.size());
}

void ExpectSameRelations(const Case& c, const std::vector<Extraction>& got) {
  size_t t = 0;
  for (element text : c.expected_relations->get_array()) {
    SCOPED_TRACE("relations of text " + std::to_string(t) + ": " + c.texts[t]);
    const std::vector<Relation>& relations = got[t].relations;
    ASSERT_EQ(text.get_array().size(), relations.size());
    size_t n = 0;
    for (element e : text.get_array()) {
      const Relation& relation = relations[n++];
      EXPECT_EQ(relation.head, int64_t(e["head"]["entity_idx"]));
      EXPECT_EQ(relation.tail, int64_t(e["tail"]["entity_idx"]));
      EXPECT_EQ(c.RelationsOf(t)[static_cast<size_t>(relation.relation)], Text(e["relation"]));
      EXPECT_NEAR(relation.score, double(e["score"]), kScoreTolerance);
    }
    ++t;
  }
}

void ExpectSame(const Case& c, const std::vector<Extraction>& got) {
  size_t t = 0;
  for (element text : c.expected.get_array()) {
    SCOPED_TRACE("text " + std::to_string(t) + ": " + c.texts[t]);
    ASSERT_LT(t, got.size());
    const Extraction& extraction = got[t];
    ASSERT_FALSE(extraction.error) << extraction.error->message;
    ASSERT_EQ(text.get_array().size(), extraction.entities.size());
    size_t n = 0;
    for (element e : text.get_array()) {
      const Entity& entity = extraction.entities[n];
      const std::vector<Label>& labels = c.LabelsOf(t);
      EXPECT_EQ(entity.start, uint64_t(e["start"]));
      EXPECT_EQ(entity.end, uint64_t(e["end"]));
      EXPECT_EQ(labels[static_cast<size_t>(entity.label)].name, Text(e["label"]));
      EXPECT_EQ(c.texts[t].substr(entity.byte_start, entity.byte_end - entity.byte_start),
                Text(e["text"]));
      EXPECT_NEAR(entity.score, double(e["score"]), kScoreTolerance);
      element value;
      if (e["class_probs"].get(value) == simdjson::SUCCESS) {
        const auto& scores = extraction.class_scores[n];
        ASSERT_EQ(scores.size(), value.get_object().size());
        size_t i = 0;
        for (const auto& [name, score] : value.get_object()) {
          EXPECT_EQ(labels[static_cast<size_t>(scores[i].label)].name, name);
          EXPECT_NEAR(scores[i].score, double(score), kScoreTolerance);
          ++i;
        }
      }
      if (e["vector"].get(value) == simdjson::SUCCESS) {
        ExpectVector(extraction.vectors[n], value);
        ExpectVector(extraction.label_vectors[n], e["label_vector"]);
      }
      ++n;
    }
    ++t;
  }
  EXPECT_EQ(t, got.size());
  if (c.expected_relations) ExpectSameRelations(c, got);
}

class GoldenCheckpoint : public testing::TestWithParam<std::string> {};

TEST_P(GoldenCheckpoint, AnswersAsTheReference) {
  const fs::path directory = kModels / GetParam();
  const Result<Engine> engine = Engine::Load(
      directory / "checkpoint",
      {.memory_budget = size_t{64} << 20, .threads = 2, .device = WATERLINE_TEST_DEVICE});
  ASSERT_TRUE(engine.ok()) << engine.error().message;
  simdjson::dom::parser parser;
  std::ifstream lines(directory / "cases.jsonl");
  std::string line;
  while (std::getline(lines, line)) {
    const Case c = ReadCase(parser.parse(line));
    SCOPED_TRACE(c.id);
    const auto got = c.Run(*engine);
    ASSERT_TRUE(got.ok()) << got.error().message;
    ExpectSame(c, *got);
  }
}

INSTANTIATE_TEST_SUITE_P(All, GoldenCheckpoint, testing::ValuesIn(Checkpoints()),
                         [](const auto& test) { return test.param; });

TEST(DefaultModel, FindsWhatTheReferenceFinds) {
  const fs::path directory = fs::path(WATERLINE_SOURCE_DIR) / "models" / "waterline-tiny-en";
  const Result<Engine> engine = Engine::Load(
      directory, {.memory_budget = size_t{256} << 20, .device = WATERLINE_TEST_DEVICE});
  ASSERT_TRUE(engine.ok()) << engine.error().message;
  simdjson::dom::parser parser;
  std::ifstream lines(directory / "expected.jsonl");
  std::string line;
  int cases = 0;
  while (std::getline(lines, line)) {
    const element e = parser.parse(line);
    Case c;
    c.texts = {Text(e["text"])};
    c.labels = {ReadLabels(e["labels"])};
    c.thresholds = {static_cast<float>(double(e["threshold"]))};
    c.options.truncate = true;
    const auto got = c.Run(*engine);
    ASSERT_TRUE(got.ok()) << got.error().message;
    SCOPED_TRACE(c.texts[0]);
    size_t n = 0;
    for (element expected : e["entities"].get_array()) {
      ASSERT_LT(n, (*got)[0].entities.size());
      const Entity& entity = (*got)[0].entities[n++];
      EXPECT_EQ(entity.start, uint64_t(expected["start"]));
      EXPECT_EQ(entity.end, uint64_t(expected["end"]));
      EXPECT_EQ(c.labels[0][static_cast<size_t>(entity.label)].name, Text(expected["label"]));
      EXPECT_NEAR(entity.score, double(expected["score"]), kScoreTolerance);
    }
    EXPECT_EQ(n, (*got)[0].entities.size());
    ++cases;
  }
  EXPECT_EQ(cases, 22);
}

// Calls on which the reference fails or is known to be wrong, with what a sane engine returns.
TEST(Defects, AnswerSanely) {
  simdjson::dom::parser parser;
  std::ifstream lines(fs::path(WATERLINE_GOLDEN_DIR) / "defects.jsonl");
  std::string line;
  int run = 0;
  while (std::getline(lines, line)) {
    const element e = parser.parse(line);
    const fs::path directory = kModels / Text(e["model"]);
    element ignored;
    if (!fs::exists(directory) || e["texts"].get(ignored) != simdjson::SUCCESS) continue;
    const Result<Engine> engine =
        Engine::Load(directory / "checkpoint", {.device = WATERLINE_TEST_DEVICE});
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    Case c = ReadCase(e);
    c.options.reference_alignment = false;
    SCOPED_TRACE(Text(e["what"]));
    const auto got = c.Run(*engine);
    ASSERT_TRUE(got.ok()) << got.error().message;
    ExpectSame(c, *got);
    ++run;
  }
  EXPECT_GE(run, 1);
}

}  // namespace
}  // namespace waterline
