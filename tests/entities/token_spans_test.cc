// Decoding of token models against the reference's answers, and against a literal transcription of
// the specification.
// SPDX-License-Identifier: Apache-2.0
#include "entities/token_spans.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "memory/budget.h"

namespace waterline {

bool operator==(const Span& a, const Span& b);
std::ostream& operator<<(std::ostream& out, const Span& span);

namespace {

using simdjson::dom::element;
using Pairs = std::pmr::vector<std::pair<int32_t, int32_t>>;
using Spans = std::pmr::vector<Span>;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// --- The specification, word for word (7.4) ---

template <typename Inside>
Spans OracleSpans(const TokenScoresView& scores, float threshold, const Pairs* allowed,
                  const Inside& inside) {
  const int32_t stride = scores.stride == 0 ? scores.labels : scores.stride;
  const auto p = [&](int32_t word, int32_t label, int32_t channel) {
    return Probability(scores.logits[(word * stride + label) * 3 + channel]);
  };
  using Place = std::pair<int32_t, int32_t>;  // Word, label.
  std::vector<Place> starts, ends;
  for (int32_t w = 0; w < scores.words; ++w) {
    for (int32_t c = 0; c < scores.labels; ++c) {
      if (p(w, c, 0) > threshold) starts.emplace_back(w, c);
      if (p(w, c, 1) > threshold) ends.emplace_back(w, c);
    }
  }
  Spans found;
  for (const auto& [s, c] : starts) {
    for (const auto& [e, other] : ends) {
      if (e < s || other != c) continue;
      if (allowed != nullptr &&
          std::find(allowed->begin(), allowed->end(), Place(s, e)) == allowed->end()) {
        continue;
      }
      float least = std::min(p(s, c, 0), p(e, c, 1));
      bool held = true;
      for (int32_t w = s; w <= e; ++w) {
        held = held && inside(p(w, c, 2));
        least = std::min(least, p(w, c, 2));
      }
      if (held) found.push_back({s, e, c, least});
    }
  }
  return found;
}

// --- Golden cases ---

std::vector<std::string> Strings(element list) {
  std::vector<std::string> strings;
  for (element item : list) strings.emplace_back(item.get_string().value());
  return strings;
}

// One text of a case of the reference.
struct Case {
  element item;
  size_t text;

  int32_t shape(size_t i) const {
    return static_cast<int32_t>(item["shape"].at(i).get_int64().value());
  }
  std::vector<std::string> names() const {
    const simdjson::dom::array classes = item["classes"];
    return Strings(classes.at(classes.size() == 1 ? 0 : text));
  }
  double threshold() const {
    const element threshold = item["threshold"];
    return threshold.is_array() ? threshold.at(text).get_double() : threshold.get_double();
  }

  void Expect(Spans spans) const {
    ResolveOverlaps({.nested = !item["flat_ner"].get_bool().value(),
                     .multi_label = item["multi_label"].get_bool()},
                    spans);
    const simdjson::dom::array expected = item["expected"].at(text);
    ASSERT_EQ(spans.size(), expected.size());
    size_t i = 0;
    for (element entry : expected) {
      EXPECT_EQ(entry.at(0).get_int64().value(), spans[i].start);
      EXPECT_EQ(entry.at(1).get_int64().value(), spans[i].end);
      EXPECT_EQ(entry.at(2).get_string().value(), names()[static_cast<size_t>(spans[i].label)]);
      EXPECT_NEAR(entry.at(3).get_double().value(), spans[i].score, 2e-7);
      ++i;
    }
  }
};

template <typename Check>
int ForEachText(const char* path, const char* logits_key, Check check) {
  simdjson::dom::parser parser;
  simdjson::dom::document_stream cases;
  EXPECT_FALSE(parser.load_many(path).get(cases)) << path;
  int count = 0;
  for (auto line : cases) {
    const element item = line.value();
    const testing::ScopedTrace trace(__FILE__, __LINE__, item["id"].get_string().value());
    std::vector<float> logits;
    for (element logit : item[logits_key]) {
      logits.push_back(static_cast<float>(logit.get_double().value()));
    }
    const size_t texts = item["shape"].at(0).get_uint64().value();
    for (size_t text = 0; text < texts; ++text) {
      check(Case{item, text}, logits.data() + text * (logits.size() / texts));
    }
    ++count;
  }
  return count;
}

TEST(TokenDecoding, GivesTheSpansOfTheReference) {
  const int count = ForEachText(
      WATERLINE_GOLDEN_DIR "/decoding/token.jsonl", "logits", [](Case c, const float* logits) {
        const TokenScoresView view = {
            .logits = logits,
            .words = static_cast<int32_t>(c.item["lengths"].at(c.text).get_int64().value()),
            .labels = static_cast<int32_t>(c.names().size()),
            .stride = c.shape(2)};
        Pairs allowed;
        const bool given = !c.item["input_spans"].is_null();
        if (given) {
          for (element pair : c.item["input_spans"].at(c.text)) {
            allowed.emplace_back(pair.at(0).get_int64().value(), pair.at(1).get_int64().value());
          }
        }
        Spans spans;
        FindTokenSpans(view, c.threshold(), given ? &allowed : nullptr, spans);
        c.Expect(std::move(spans));
      });
  EXPECT_EQ(count, 37);
}

TEST(TokenSpanDecoding, GivesTheSpansOfTheReference) {
  const int count =
      ForEachText(WATERLINE_GOLDEN_DIR "/decoding/token_spans.jsonl", "span_logits",
                  [](Case c, const float* logits) {
                    Spans given;
                    std::vector<float> own;
                    for (int32_t i = 0; i < c.shape(1); ++i) {
                      const auto at = static_cast<size_t>(i);
                      if (!c.item["span_mask"].at(c.text).at(at).get_bool().value()) continue;
                      const element span = c.item["span_idx"].at(c.text).at(at);
                      given.push_back({static_cast<int32_t>(span.at(0).get_int64().value()),
                                       static_cast<int32_t>(span.at(1).get_int64().value()), 0, 0});
                      own.insert(own.end(), logits + i * c.shape(2), logits + (i + 1) * c.shape(2));
                    }
                    Spans spans;
                    FindAmong(given, own.data(), c.shape(2), static_cast<int32_t>(c.names().size()),
                              c.threshold(), spans);
                    c.Expect(std::move(spans));
                  });
  EXPECT_EQ(count, 12);
}

// --- Examples of the specification (7.5) ---

TEST(FindTokenSpans, AcceptsAnInsideThatEqualsTheThreshold) {
  // start, end, inside of three words.
  const float logits[] = {3, 1, 0, -5, -5, 0, -5, 2, 0};
  Spans spans;
  FindTokenSpans({logits, 3, 1}, 0.5, nullptr, spans);
  EXPECT_EQ(spans, (Spans{{0, 0, 0, .5f}, {0, 2, 0, .5f}}));
}

TEST(FindTokenSpans, ComparesTheInsideInDouble) {
  // The logit whose probability is 0.7f, which is less than 0.7.
  float logit = 0.847297f;
  while (Probability(logit) > 0.7f) logit = std::nextafter(logit, -kInf);
  while (Probability(logit) < 0.7f) logit = std::nextafter(logit, kInf);
  ASSERT_EQ(Probability(logit), 0.7f);
  const float logits[] = {3, 3, logit};
  Spans spans;
  FindTokenSpans({logits, 1, 1}, 0.7, nullptr, spans);
  EXPECT_TRUE(spans.empty());
  FindTokenSpans({logits, 1, 1}, static_cast<double>(0.7f), nullptr, spans);
  EXPECT_EQ(spans.size(), 1U);
}

TEST(ProposeTokenSpans, ListsASpanOnceHoweverManyLabelsProposeIt) {
  // Two words, two labels: both propose (0, 1), the second also (0, 0).
  const float logits[] = {3, -3, 3, 3, 3, 3, -3, 3, 3, -3, 3, 3};
  Spans spans;
  ProposeTokenSpans({logits, 2, 2}, 0.5f, nullptr, spans);
  ASSERT_EQ(spans.size(), 2U);
  EXPECT_EQ(std::tie(spans[0].start, spans[0].end), std::tuple(0, 1));
  EXPECT_EQ(std::tie(spans[1].start, spans[1].end), std::tuple(0, 0));
}

// --- Properties ---

struct Scores {
  std::vector<float> logits;
  TokenScoresView view;
  Pairs allowed;
  float threshold = 0;
};

Scores AnyScores() {
  Scores scores;
  const auto any = [](int32_t low, int32_t high) { return *rc::gen::inRange(low, high); };
  const int32_t labels = any(0, 4);
  const int32_t stride = labels + any(0, 3);
  scores.view = {nullptr, any(0, 9), labels, stride};
  // Few values, so that ties and thresholds that equal a probability are common.
  static const std::vector<float> kLogits = {0,    1,    2,    -0.5f, kInf,  -kInf, -90.f,
                                             88.f, 17.f, 16.f, -.0f,  1e-7f, -20.f, 3.f,
                                             2.5f, 1.5f, 0.5f, 4.f,   5.f};
  const auto size = static_cast<size_t>(scores.view.words * stride * 3);
  const auto picks =
      *rc::gen::container<std::vector<size_t>>(size, rc::gen::inRange<size_t>(0, kLogits.size()));
  for (const size_t pick : picks) scores.logits.push_back(kLogits[pick]);
  scores.view.logits = scores.logits.data();
  scores.threshold = *rc::gen::element(0.5f, 0.3f, 0.0f, 1.0f, -0.5f, 1.5f, kNan, kInf, -kInf,
                                       Probability(1), Probability(2), 0.9999999f, 1e-40f,
                                       Probability(-20), std::nextafter(Probability(2), 0.0f));
  for (int32_t i = any(0, 10); i > 0; --i) scores.allowed.emplace_back(any(-2, 11), any(-2, 11));
  return scores;
}

RC_GTEST_PROP(FindTokenSpans, FindsWhatTheSpecificationDoes, ()) {
  const Scores scores = AnyScores();
  for (const Pairs* allowed : {static_cast<const Pairs*>(nullptr), &scores.allowed}) {
    Spans found;
    FindTokenSpans(scores.view, scores.threshold, allowed, found);
    RC_ASSERT(found == OracleSpans(scores.view, scores.threshold, allowed,
                                   [&](float p) { return !(p < scores.threshold); }));
  }
}

RC_GTEST_PROP(ProposeTokenSpans, ListsTheRunsOfTheSpecificationOnce, ()) {
  const Scores scores = AnyScores();
  for (const Pairs* allowed : {static_cast<const Pairs*>(nullptr), &scores.allowed}) {
    Spans found;
    ProposeTokenSpans(scores.view, scores.threshold, allowed, found);
    std::vector<std::pair<int32_t, int32_t>> expected, got;
    for (const Span& span : OracleSpans(scores.view, scores.threshold, allowed,
                                        [&](float p) { return p > scores.threshold; })) {
      const std::pair words(span.start, span.end);
      if (std::find(expected.begin(), expected.end(), words) == expected.end()) {
        expected.push_back(words);
      }
    }
    for (const Span& span : found) got.emplace_back(span.start, span.end);
    RC_ASSERT(got == expected);
  }
}

TEST(FindTokenSpans, AllocatesFromTheResourceOfTheCandidatesOnly) {
  Budget budget(1 << 20);
  BudgetResource resource(budget, Use::kStaging);
  const std::vector<float> logits(3 * 40, 3.f);
  const Pairs allowed = {{3, 7}, {0, 39}, {7, 3}};
  std::pmr::memory_resource* before =
      std::pmr::set_default_resource(std::pmr::null_memory_resource());
  {
    Spans spans(&resource);
    FindTokenSpans({logits.data(), 40, 1}, 0.5, nullptr, spans);
    EXPECT_EQ(spans.size(), 40U * 41 / 2);
    spans.clear();
    ProposeTokenSpans({logits.data(), 40, 1}, 0.5f, &allowed, spans);
    EXPECT_EQ(spans.size(), 2U);
  }
  std::pmr::set_default_resource(before);
  EXPECT_EQ(budget.in_use(), 0U);
}

}  // namespace
}  // namespace waterline
