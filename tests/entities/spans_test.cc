// Candidates and overlap resolution against the reference's answers, and against a literal
// transcription of the specification.
// SPDX-License-Identifier: Apache-2.0
#include "entities/spans.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "memory/budget.h"

namespace waterline {

bool operator==(const Span& a, const Span& b) {
  return std::tie(a.start, a.end, a.label, a.score) == std::tie(b.start, b.end, b.label, b.score);
}

std::ostream& operator<<(std::ostream& out, const Span& span) {
  return out << "(" << span.start << ", " << span.end << ", " << span.label << ", " << span.score
             << ")";
}

namespace {

using simdjson::dom::element;
using Pairs = std::pmr::vector<std::pair<int32_t, int32_t>>;
using Spans = std::pmr::vector<Span>;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr OverlapRule kRules[] = {{false, false}, {false, true}, {true, false}, {true, true}};

// --- The specification, word for word (7.1-7.3) ---

bool Conflict(OverlapRule rule, const Span& a, const Span& b) {
  const bool disjoint = a.start > b.end || b.start > a.end;
  const bool nested =
      (a.start <= b.start && a.end >= b.end) || (b.start <= a.start && b.end >= a.end);
  if (a.start == b.start && a.end == b.end) return !rule.multi_label;
  return rule.nested ? !(disjoint || nested) : !disjoint;
}

Spans OracleResolve(OverlapRule rule, Spans order) {
  std::stable_sort(order.begin(), order.end(),
                   [](const Span& a, const Span& b) { return a.score > b.score; });
  Spans keep;
  for (const Span& x : order) {
    if (std::none_of(keep.begin(), keep.end(),
                     [&](const Span& y) { return Conflict(rule, x, y); })) {
      keep.push_back(x);
    }
  }
  std::stable_sort(keep.begin(), keep.end(),
                   [](const Span& a, const Span& b) { return a.start < b.start; });
  return keep;
}

Spans OracleCandidates(const SpanScoresView& scores, const Thresholds& thresholds,
                       const Pairs* allowed) {
  const int32_t stride = scores.stride == 0 ? scores.labels : scores.stride;
  Spans found;
  for (int32_t s = 0; s < scores.words; ++s) {
    for (int32_t k = 0; k < scores.widths; ++k) {
      for (int32_t c = 0; c < scores.labels; ++c) {
        const float p = Probability(scores.logits[(s * scores.widths + k) * stride + c]);
        if (!(p > thresholds.Of(c)) || s + k + 1 > scores.words) continue;
        const std::pair<int32_t, int32_t> words = {s, s + k};
        if (allowed != nullptr &&
            std::find(allowed->begin(), allowed->end(), words) == allowed->end()) {
          continue;
        }
        found.push_back({s, s + k, c, p});
      }
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

template <typename Check>
int ForEachCase(const char* path, Check check) {
  simdjson::dom::parser parser;
  simdjson::dom::document_stream cases;
  EXPECT_FALSE(parser.load_many(path).get(cases)) << path;
  int count = 0;
  for (auto line : cases) {
    const element item = line.value();
    const testing::ScopedTrace trace(__FILE__, __LINE__, item["id"].get_string().value());
    check(item);
    ++count;
  }
  return count;
}

void ExpectSpan(element expected, const Span& span, const std::vector<std::string>& names) {
  EXPECT_EQ(expected.at(0).get_int64().value(), span.start);
  EXPECT_EQ(expected.at(1).get_int64().value(), span.end);
  EXPECT_EQ(expected.at(2).get_string().value(), names[static_cast<size_t>(span.label)]);
  EXPECT_NEAR(expected.at(3).get_double().value(), span.score, 2e-7);
}

void ExpectClasses(simdjson::dom::object expected, const SpanScoresView& view, const Span& span,
                   const std::vector<std::string>& names) {
  std::array<ClassScore, kTopClasses> top;
  const size_t count = TopClasses(view, span.start, span.end - span.start, top);
  ASSERT_EQ(count, expected.size());
  std::map<std::string, double> found;
  for (size_t i = 0; i < count; ++i) {
    found[names[static_cast<size_t>(top[i].label)]] = top[i].score;
    if (i > 0) {
      EXPECT_GE(top[i - 1].score, top[i].score);
    }
  }
  for (const auto& [name, score] : expected) {
    ASSERT_TRUE(found.contains(std::string(name))) << name;
    EXPECT_NEAR(found[std::string(name)], score.get_double().value(), 2e-7) << name;
  }
}

void ExpectText(element item, size_t text, const std::vector<float>& logits) {
  const auto shape = [&](size_t i) {
    return static_cast<int32_t>(item["shape"].at(i).get_int64().value());
  };
  const simdjson::dom::array classes = item["classes"];
  const std::vector<std::string> names = Strings(classes.at(classes.size() == 1 ? 0 : text));
  const SpanScoresView view = {
      .logits = logits.data() + text * static_cast<size_t>(shape(1) * shape(2) * shape(3)),
      .words = static_cast<int32_t>(item["lengths"].at(text).get_int64().value()),
      .widths = shape(2),
      .labels = static_cast<int32_t>(names.size()),
      .stride = shape(3)};
  const element threshold = item["threshold"];
  const double value =
      threshold.is_array() ? threshold.at(text).get_double() : threshold.get_double();
  Pairs allowed;
  const bool given = !item["input_spans"].is_null();
  if (given) {
    for (element pair : item["input_spans"].at(text)) {
      allowed.emplace_back(pair.at(0).get_int64().value(), pair.at(1).get_int64().value());
    }
  }
  const OverlapRule rule = {.nested = !item["flat_ner"].get_bool().value(),
                            .multi_label = item["multi_label"].get_bool()};
  Spans spans;
  FindCandidates(view, static_cast<float>(value), given ? &allowed : nullptr, spans);
  ResolveOverlaps(rule, spans);

  const simdjson::dom::array expected = item["expected"].at(text);
  ASSERT_EQ(spans.size(), expected.size());
  size_t i = 0;
  for (element entry : expected) {
    ExpectSpan(entry, spans[i], names);
    if (item["return_class_probs"].get_bool().value()) {
      ExpectClasses(entry.at(4), view, spans[i], names);
    }
    ++i;
  }
}

TEST(SpanDecoding, GivesTheSpansOfTheReference) {
  const int count = ForEachCase(WATERLINE_GOLDEN_DIR "/decoding/span.jsonl", [](element item) {
    std::vector<float> logits;
    for (element logit : item["logits"]) {
      logits.push_back(logit.is_null() ? kNan : static_cast<float>(logit.get_double().value()));
    }
    const size_t texts = item["shape"].at(0).get_uint64().value();
    for (size_t text = 0; text < texts; ++text) ExpectText(item, text, logits);
  });
  EXPECT_EQ(count, 49);
}

TEST(ResolveOverlaps, KeepsTheSpansOfTheReference) {
  const std::vector<std::string> names = {"A", "B", "C", "D", "E", "F", "G"};
  const int count = ForEachCase(WATERLINE_GOLDEN_DIR "/decoding/greedy.jsonl", [&](element item) {
    Spans spans;
    for (element entry : item["candidates"]) {
      spans.push_back({static_cast<int32_t>(entry.at(0).get_int64().value()),
                       static_cast<int32_t>(entry.at(1).get_int64().value()),
                       entry.at(2).get_string().value()[0] - 'A',
                       static_cast<float>(entry.at(3).get_double().value())});
    }
    ResolveOverlaps({.nested = !item["flat_ner"].get_bool().value(),
                     .multi_label = item["multi_label"].get_bool()},
                    spans);
    const simdjson::dom::array expected = item["expected"];
    ASSERT_EQ(spans.size(), expected.size());
    size_t i = 0;
    for (element entry : expected) ExpectSpan(entry, spans[i++], names);
  });
  EXPECT_EQ(count, 40);
}

// --- Examples of the specification (7.5) ---

TEST(ResolveOverlaps, FollowsTheExamplesOfTheSpecification) {
  const auto resolve = [](OverlapRule rule, Spans spans) {
    ResolveOverlaps(rule, spans);
    return spans;
  };
  const Spans mixed = {{0, 2, 0, .9f}, {1, 3, 1, .8f}, {2, 2, 2, .7f}, {5, 5, 3, .95f}};
  EXPECT_EQ(resolve({.nested = true}, mixed),
            (Spans{{0, 2, 0, .9f}, {2, 2, 2, .7f}, {5, 5, 3, .95f}}));
  const Spans same = {{0, 2, 0, .9f}, {0, 2, 1, .8f}, {0, 1, 2, .85f}};
  EXPECT_EQ(resolve({.multi_label = true}, same), (Spans{{0, 2, 0, .9f}, {0, 2, 1, .8f}}));
  Spans crossed = same;
  crossed.push_back({1, 3, 3, .99f});
  EXPECT_EQ(resolve({.nested = true, .multi_label = true}, crossed), (Spans{{1, 3, 3, .99f}}));
  EXPECT_EQ(resolve({.nested = true, .multi_label = true},
                    {{0, 2, 0, .7f}, {0, 2, 1, .9f}, {0, 1, 2, .8f}}),
            (Spans{{0, 2, 1, .9f}, {0, 1, 2, .8f}, {0, 2, 0, .7f}}));
}

TEST(ResolveOverlaps, KeepsNothingOfNothing) {
  for (const OverlapRule rule : kRules) {
    Spans spans;
    ResolveOverlaps(rule, spans);
    EXPECT_TRUE(spans.empty());
  }
}

TEST(ResolveOverlaps, TreatsBothZerosAsATie) {
  Spans spans = {{0, 0, 0, -0.0f}, {0, 0, 1, 0.0f}};
  ResolveOverlaps({}, spans);
  ASSERT_EQ(spans.size(), 1U);
  EXPECT_EQ(spans[0].label, 0);
}

TEST(ResolveOverlaps, AllocatesFromTheResourceOfTheSpansOnly) {
  Budget budget(1 << 20);
  BudgetResource resource(budget, Use::kStaging);
  std::pmr::memory_resource* before =
      std::pmr::set_default_resource(std::pmr::null_memory_resource());
  for (const OverlapRule rule : kRules) {
    Spans spans(&resource);
    for (int32_t i = 0; i < 1000; ++i) spans.push_back({i, i + i % 7, 0, .5f});
    ResolveOverlaps(rule, spans);
    EXPECT_FALSE(spans.empty());
  }
  std::pmr::set_default_resource(before);
  EXPECT_EQ(budget.in_use(), 0U);
}

TEST(ResolveOverlaps, TakesAQuarterMillionCandidatesInTime) {
  Spans candidates;
  uint32_t state = 1;
  for (int32_t s = 0; s < 20000; ++s) {
    for (int32_t k = 0; k < 12; ++k) {
      state = state * 1664525 + 1013904223;
      candidates.push_back({s, s + k, 0, static_cast<float>(state >> 8) / (1 << 24)});
    }
  }
  for (const OverlapRule rule : kRules) {
    Spans spans = candidates;
    const auto start = std::chrono::steady_clock::now();
    ResolveOverlaps(rule, spans);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
    EXPECT_FALSE(spans.empty());
  }
}

// --- Properties ---

struct Scores {
  std::vector<float> logits;
  SpanScoresView view;
  Pairs allowed;
  float threshold = 0;
};

Scores AnyScores() {
  Scores scores;
  const auto any = [](int32_t low, int32_t high) { return *rc::gen::inRange(low, high); };
  const int32_t labels = any(0, 6);
  const int32_t stride = labels + any(0, 3);
  scores.view = {nullptr, any(0, 12), any(1, 6), labels, stride};
  // Few values, so that ties and thresholds that equal a probability are common.
  static const std::vector<float> kLogits = {0,    -5,   1,     1,     2,    -0.5f,
                                             kNan, kInf, -kInf, -90.f, 88.f, 17.f,
                                             16.f, -.0f, 1e-7f, -20.f, 3.f,  -1.f};
  const auto size = static_cast<size_t>(scores.view.words * scores.view.widths * stride);
  const auto picks =
      *rc::gen::container<std::vector<size_t>>(size, rc::gen::inRange<size_t>(0, kLogits.size()));
  for (const size_t pick : picks) scores.logits.push_back(kLogits[pick]);
  scores.view.logits = scores.logits.data();
  scores.threshold =
      *rc::gen::element(0.5f, 0.3f, 0.0f, 1.0f, -0.5f, 1.5f, kNan, kInf, -kInf, Probability(1),
                        Probability(2), Probability(16), 0.9999999f, std::nextafter(1.0f, 0.0f),
                        1e-40f, 1e-45f, Probability(-20), std::nextafter(Probability(2), 0.0f));
  for (int32_t i = any(0, 10); i > 0; --i) scores.allowed.emplace_back(any(-2, 14), any(-2, 14));
  return scores;
}

RC_GTEST_PROP(FindCandidates, FindsWhatTheSpecificationDoes, ()) {
  const Scores scores = AnyScores();
  for (const Pairs* allowed : {static_cast<const Pairs*>(nullptr), &scores.allowed}) {
    Spans found;
    FindCandidates(scores.view, scores.threshold, allowed, found);
    RC_ASSERT(found == OracleCandidates(scores.view, scores.threshold, allowed));
  }
}

RC_GTEST_PROP(FindCandidates, HoldsEachLabelToItsOwnThreshold, ()) {
  const Scores scores = AnyScores();
  std::vector<float> own;
  for (int32_t c = 0; c < scores.view.labels; ++c) {
    own.push_back(*rc::gen::element(kNan, 0.5f, 0.1f, 0.9f, 1.0f, -0.5f, Probability(2)));
  }
  const Thresholds thresholds(scores.threshold, own);
  for (const Pairs* allowed : {static_cast<const Pairs*>(nullptr), &scores.allowed}) {
    Spans found;
    FindCandidates(scores.view, thresholds, allowed, found);
    RC_ASSERT(found == OracleCandidates(scores.view, thresholds, allowed));
  }
}

TEST(FindCandidates, NeverMissesALogitNearTheThreshold) {
  for (float t = 1e-45f; t < 1.0f; t = std::nextafter(t * 1.7f, 2.0f)) {
    for (const float threshold : {t, 1.0f - t}) {
      // Logits around the inverse of the threshold, a few hundred steps each way.
      const double p = threshold;
      float logit = static_cast<float>(p >= 1 ? 17 : std::log(p) - std::log1p(-p));
      for (int i = 0; i < 300; ++i) logit = std::nextafter(logit, -kInf);
      std::vector<float> logits;
      for (int i = 0; i < 600; ++i) {
        logits.push_back(logit);
        logit = std::nextafter(logit, kInf);
      }
      const SpanScoresView view = {logits.data(), 1, 1, static_cast<int32_t>(logits.size()), 0};
      Spans found;
      FindCandidates(view, threshold, nullptr, found);
      EXPECT_EQ(found, OracleCandidates(view, threshold, nullptr)) << threshold;
    }
  }
}

TEST(FindCandidates, ComparesWithTheThresholdRoundedToFloat) {
  // The logit whose probability is 0.3f: 0.3f > 0.3 is false.
  float logit = -0.8472979f;
  while (Probability(logit) > 0.3f) logit = std::nextafter(logit, -kInf);
  while (Probability(logit) < 0.3f) logit = std::nextafter(logit, kInf);
  ASSERT_EQ(Probability(logit), 0.3f);
  Spans found;
  FindCandidates({&logit, 1, 1, 1}, static_cast<float>(0.3), nullptr, found);
  EXPECT_TRUE(found.empty());
  FindCandidates({&logit, 1, 1, 1}, std::nextafter(0.3f, 0.0f), nullptr, found);
  EXPECT_EQ(found.size(), 1U);
}

TEST(Probability, IsTheSigmoidInSinglePrecision) {
  const std::pair<float, float> values[] = {
      {5, 0.99330717f}, {4, 0.98201376f},   {3, 0.95257413f},   {2, 0.88079703f},
      {1, 0.73105860f}, {0.5, 0.62245935f}, {-5, 0.0066928510f}};
  for (const auto& [logit, expected] : values) EXPECT_NEAR(Probability(logit), expected, 6e-8);
  EXPECT_EQ(Probability(0), 0.5f);
  EXPECT_EQ(Probability(kInf), 1.0f);
  EXPECT_EQ(Probability(-kInf), 0.0f);
  EXPECT_TRUE(std::isnan(Probability(kNan)));
}

RC_GTEST_PROP(TopClasses, AreTheLikeliestInOrder, ()) {
  const Scores scores = AnyScores();
  const SpanScoresView& view = scores.view;
  for (int32_t s = 0; s < view.words; ++s) {
    for (int32_t k = 0; k < std::min(view.widths, view.words - s); ++k) {
      std::vector<std::pair<float, int32_t>> all;
      for (int32_t c = 0; c < view.labels; ++c) {
        const float logit = view.logits[(s * view.widths + k) * view.stride + c];
        if (!std::isnan(logit)) all.emplace_back(logit, c);
      }
      std::stable_sort(all.begin(), all.end(),
                       [](const auto& a, const auto& b) { return a.first > b.first; });
      for (const size_t room : {0, 1, 3, 5}) {
        std::vector<ClassScore> top(room);
        const size_t count = TopClasses(view, s, k, top);
        RC_ASSERT(count == std::min(room, all.size()));
        for (size_t i = 0; i < count; ++i) {
          RC_ASSERT(top[i].label == all[i].second);
          RC_ASSERT(top[i].score == Probability(all[i].first));
        }
      }
    }
  }
}

Spans AnySpans() {
  const int32_t words = *rc::gen::inRange(1, 200);
  const auto seeds = *rc::gen::container<std::vector<std::array<int32_t, 4>>>(
      rc::gen::container<std::array<int32_t, 4>>(rc::gen::inRange(0, 1000)));
  Spans spans;
  for (const auto& [start, width, label, score] : seeds) {
    const int32_t first = start % words;
    const int32_t reach = width % 10 == 0 ? words : 6;  // Some are long.
    spans.push_back({first, std::min(words - 1, first + width % reach), label % 3,
                     static_cast<float>(score % 5) / 4});
  }
  return spans;
}

RC_GTEST_PROP(ResolveOverlaps, KeepsWhatTheSpecificationDoes, ()) {
  const Spans candidates = AnySpans();
  for (const OverlapRule rule : kRules) {
    Spans spans = candidates;
    ResolveOverlaps(rule, spans);
    RC_ASSERT(spans == OracleResolve(rule, candidates));
  }
}

RC_GTEST_PROP(ResolveOverlaps, LeavesNoConflict, ()) {
  const Spans candidates = AnySpans();
  for (const OverlapRule rule : kRules) {
    Spans spans = candidates;
    ResolveOverlaps(rule, spans);
    for (size_t i = 0; i < spans.size(); ++i) {
      for (size_t j = 0; j < i; ++j) RC_ASSERT(!Conflict(rule, spans[i], spans[j]));
      if (i > 0) RC_ASSERT(spans[i - 1].start <= spans[i].start);
    }
    Spans again = spans;
    ResolveOverlaps(rule, again);
    RC_ASSERT(again == spans);
  }
}

}  // namespace
}  // namespace waterline
