// SPDX-License-Identifier: Apache-2.0
#include "doctor/model_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <tuple>

#include "doctor/published_answers.h"

namespace waterline {
namespace {

constexpr std::string_view kTexts[] = {
    "Ada Lovelace was born in London on 10 December 1815 and worked with Charles Babbage.",
    "Marie Curie received the Nobel Prize in Physics in 1903 together with Pierre Curie.",
    "Siemens moved its headquarters from Berlin to Munich after the war.",
    "Please ship the order to Anna Schmidt, 12 Rose Street, Edinburgh, and call +44 131 555 0199.",
    "The United Nations met in Geneva on Monday; António Guterres spoke first.",
    "Toyota said on 3 May 2021 that Akio Toyoda would travel to Nagoya and Tokyo.",
    "Miles Davis recorded Kind of Blue for Columbia Records in New York in 1959.",
    "Barcelona beat Real Madrid 3-1 at the Camp Nou, Lionel Messi scored twice.",
    "The Danube flows through Vienna, Bratislava, Budapest and Belgrade to the Black Sea.",
    "In 1969 Neil Armstrong and Buzz Aldrin of NASA walked on the Moon.",
    "Angela Merkel met Emmanuel Macron in Paris to speak about the European Union and Airbus.",
    "Nothing in this sentence has a name, a place or a date.",
};
constexpr float kThreshold = 0.3f;
constexpr size_t kRoomForPasses = size_t{512} << 20;

using Answers = std::vector<Extraction>;

ExtractOptions Options() {
  // Every span is decided alone, so that one that changes does not change others.
  return {.threshold = kThreshold, .nested = true, .multi_label = true};
}

Result<Answers> Extract(const Engine& engine, std::span<const std::string_view> texts) {
  const std::vector<Label> labels = CheckLabels();
  Result<Answers> answers = engine.Extract(texts, labels, Options());
  if (!answers.ok()) return answers;
  for (const Extraction& answer : *answers) {
    if (answer.error) return *answer.error;
  }
  return answers;
}

Result<Answers> LoadAndExtract(const std::string& model, const EngineOptions& options,
                               std::span<const std::string_view> texts) {
  const Result<Engine> engine = Engine::Load(model, options);
  if (!engine.ok()) return engine.error();
  return Extract(*engine, texts);
}

bool SameBits(const Extraction& a, const Extraction& b) {
  const auto same = [](const Entity& x, const Entity& y) {
    return x.start == y.start && x.end == y.end && x.label == y.label &&
           std::memcmp(&x.score, &y.score, sizeof x.score) == 0;
  };
  return std::equal(a.entities.begin(), a.entities.end(), b.entities.begin(), b.entities.end(),
                    same);
}

// Differences of scores to the log; the number of entities that both have.
size_t CompareAnswers(const Answers& got, const Answers& expected,
                      std::span<const std::string_view> texts, Precision dtype, CaseLog& log) {
  using Place = std::tuple<size_t, size_t, int32_t>;
  const double tolerance = ScoreTolerance(dtype);
  const std::vector<Label> labels = CheckLabels();
  size_t both = 0, all = 0;
  double sum = 0;
  for (size_t t = 0; t < texts.size(); ++t) {
    std::map<Place, std::pair<std::optional<float>, std::optional<float>>> scores;
    for (const Entity& e : got[t].entities) {
      scores[{e.byte_start, e.byte_end, e.label}].first = e.score;
    }
    for (const Entity& e : expected[t].entities) {
      scores[{e.byte_start, e.byte_end, e.label}].second = e.score;
    }
    for (const auto& [place, pair] : scores) {
      // One that is missing had at most the threshold.
      const double difference =
          std::abs(pair.first.value_or(kThreshold) - pair.second.value_or(kThreshold));
      both += pair.first && pair.second ? 1 : 0;
      ++all;
      sum += difference;
      if (dtype != Precision::kF32) continue;
      const auto& [start, end, label] = place;
      log.Measure(fmt::format("text {}: \"{}\" as {}{}", t + 1, texts[t].substr(start, end - start),
                              labels[static_cast<size_t>(label)].name,
                              !pair.first    ? ", which is missing"
                              : !pair.second ? ", which the CPU has not"
                                             : ""),
                  difference, tolerance);
    }
  }
  if (dtype != Precision::kF32) {
    log.Measure(fmt::format("mean of {} probabilities", all),
                all == 0 ? 0 : sum / static_cast<double>(all), tolerance);
  }
  return both;
}

Result<Engine> LoadForCheck(const ModelCheckOptions& options, Precision dtype) {
  EngineOptions engine_options{.dtype = dtype, .device = options.device};
  if (options.device != "cpu") {
    engine_options.device_memory_budget = options.device_memory_budget;
    if (options.device_memory_budget == 0) {
      const Result<ModelReport> report = Inspect(options.model, engine_options);
      if (!report.ok()) return report.error();
      engine_options.device_memory_budget = report->smallest_device_budget + kRoomForPasses;
    }
  }
  return Engine::Load(options.model, engine_options);
}

// The checks of one dtype, at the end of `results`.
void CheckDtype(const ModelCheckOptions& options, Precision dtype,
                std::span<const std::string_view> texts, const Answers& expected,
                std::vector<CheckResult>& results) {
  CaseLog log(PrecisionName(dtype));
  const auto fail = [&](const Error& error) {
    log.Expect(false, error.message);
    results.push_back(log.result());
  };
  const Result<Engine> engine = LoadForCheck(options, dtype);
  if (!engine.ok()) {
    if (engine.error().code != Code::kUnsupported || dtype == Precision::kF32) {
      return fail(engine.error());
    }
    log.SetDetail("not run: " + engine.error().message);
    results.push_back(log.result());
    return;
  }
  const Result<Answers> got = Extract(*engine, texts);
  if (!got.ok()) return fail(got.error());
  const size_t both = CompareAnswers(*got, expected, texts, dtype, log);
  size_t found = 0;
  for (size_t t = 0; t < texts.size(); ++t) {
    found += (*got)[t].entities.size();
    const Result<Answers> alone = Extract(*engine, texts.subspan(t, 1));
    log.Expect(alone.ok() && SameBits(alone->front(), (*got)[t]),
               alone.ok() ? fmt::format("text {} alone has not the bits it has among others", t + 1)
                          : alone.error().message);
  }
  log.SetDetail(fmt::format("{} entities, {} of them the CPU's in f32", found, both));
  results.push_back(log.result());
  if (dtype != Precision::kF32) return;
  if (const auto file = PublishedAnswers(options.model)) {
    results.push_back(CheckPublishedAnswers(*engine, *file, ScoreTolerance(dtype)));
  }
}

}  // namespace

std::vector<std::string_view> CheckTexts() { return {std::begin(kTexts), std::end(kTexts)}; }

std::vector<Label> CheckLabels() { return {{"person"}, {"location"}, {"organization"}, {"date"}}; }

double ScoreTolerance(Precision dtype) {
  switch (dtype) {
    case Precision::kTf32:
    case Precision::kF16:
      return 0.01;
    case Precision::kBf16:
      return 0.04;
    case Precision::kInt8:
      return 0.08;
    default:
      return 1e-4;
  }
}

std::vector<CheckResult> CheckModel(const ModelCheckOptions& options) {
  const std::vector<std::string_view> all = CheckTexts();
  const std::span texts = std::span(all).first(std::min(options.texts, all.size()));
  const auto tell = [&](std::string_view what) {
    if (options.progress) options.progress(what);
  };
  tell("model on the CPU");
  const Result<Answers> expected =
      LoadAndExtract(options.model, {.dtype = Precision::kF32, .isa = "portable"}, texts);
  if (!expected.ok()) {
    CaseLog log("f32 of the CPU");
    log.Expect(false, expected.error().message);
    return {log.result()};
  }
  std::vector<CheckResult> results;
  for (const Precision dtype : options.dtypes) {
    tell(fmt::format("model in {}", PrecisionName(dtype)));
    CheckDtype(options, dtype, texts, *expected, results);
  }
  return results;
}

}  // namespace waterline
