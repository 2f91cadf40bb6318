// SPDX-License-Identifier: Apache-2.0
#include "doctor/published_answers.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>
#include <system_error>
#include <vector>

#include "checkpoint/locate.h"

namespace waterline {
namespace {

namespace dom = simdjson::dom;
namespace fs = std::filesystem;

struct ExpectedEntity {
  uint64_t start = 0;
  uint64_t end = 0;
  std::string_view label;
  double score = 0;
};

struct ExpectedAnswer {
  std::string_view text;
  std::vector<Label> labels;
  double threshold = 0;
  std::vector<ExpectedEntity> entities;
};

// Throws simdjson_error when `line` is not such an object.
ExpectedAnswer Read(dom::element line) {
  ExpectedAnswer answer;
  answer.text = line["text"];
  for (const dom::element label : line["labels"].get_array()) {
    answer.labels.push_back({std::string(std::string_view(label))});
  }
  answer.threshold = line["threshold"];
  for (const dom::element entity : line["entities"].get_array()) {
    answer.entities.push_back({.start = uint64_t(entity["start"]),
                               .end = uint64_t(entity["end"]),
                               .label = std::string_view(entity["label"]),
                               .score = double(entity["score"])});
  }
  return answer;
}

void Compare(const Engine& engine, const ExpectedAnswer& expected, double tolerance, CaseLog& log) {
  const std::string_view texts[] = {expected.text};
  const auto result =
      engine.Extract(std::span<const std::string_view>(texts), expected.labels,
                     {.threshold = static_cast<float>(expected.threshold), .truncate = true});
  if (!result.ok()) return log.Expect(false, result.error().message);
  const Extraction& got = result->front();
  if (got.error) return log.Expect(false, got.error->message);
  const size_t count = expected.entities.size();
  if (got.entities.size() != count) {
    return log.Expect(false, fmt::format("{} entities, expected {}, in \"{}\"", got.entities.size(),
                                         count, expected.text));
  }
  double most = 0;
  for (size_t i = 0; i < count; ++i) {
    const Entity& entity = got.entities[i];
    const ExpectedEntity& other = expected.entities[i];
    const std::string& label = expected.labels[static_cast<size_t>(entity.label)].name;
    if (entity.start != other.start || entity.end != other.end || label != other.label) {
      return log.Expect(false, fmt::format("entity {} is {} at {} to {}, expected {} at {} to {}, "
                                           "in \"{}\"",
                                           i, label, entity.start, entity.end, other.label,
                                           other.start, other.end, expected.text));
    }
    most = std::max(most, std::abs(entity.score - other.score));
  }
  log.Measure(fmt::format("scores of \"{}\"", expected.text), most, tolerance);
}

}  // namespace

std::optional<fs::path> PublishedAnswers(const std::string& model) {
  const Result<fs::path> directory = model.empty() ? LocateDefaultModel() : LocateModel(model);
  if (!directory.ok()) return std::nullopt;
  const fs::path file = *directory / "expected.jsonl";
  std::error_code ignored;
  return fs::exists(file, ignored) ? std::optional(file) : std::nullopt;
}

CheckResult CheckPublishedAnswers(const Engine& engine, const fs::path& file, double tolerance) {
  CaseLog log("f32 as the Python package");
  try {
    dom::parser parser;
    for (const dom::element line : parser.load_many(file.string())) {
      const ExpectedAnswer answer = Read(line);
      Compare(engine, answer, tolerance, log);
    }
  } catch (const simdjson::simdjson_error& error) {
    log.Expect(false, fmt::format("{}: {}", file.string(), error.what()));
  }
  return log.result();
}

}  // namespace waterline
