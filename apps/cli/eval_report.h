// What `waterline eval` found, as a table, JSON, a file of thresholds and a page of mistakes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "evaluation.h"
#include "gold_reader.h"
#include "waterline/engine.h"

namespace waterline::cli {

// One pass over the gold texts.
struct EvaluatedRun {
  std::vector<EvaluatedText> texts;  // By gold text; in code points.
  Evaluation evaluation;
  int64_t refused =
      0;  // Texts in which nothing could be looked for; their gold entities are missed.
};

struct EvalReport {
  std::string file;                 // Of the gold texts.
  std::vector<Label> labels;        // That were looked for.
  float threshold = 0;              // Of labels without their own.
  int64_t left_out = 0;             // Gold entities of other labels.
  EvaluatedRun run;                 // With these labels and this threshold.
  std::vector<float> thresholds;    // With --tune the best one for each label,
  std::optional<Evaluation> tuned;  // and what comes of all of them together.
};

// Precision, recall and F1 of each label and of all, exact and relaxed, in percent; the confusion
// table; lines end in "\n".
std::string FormatEvaluation(const EvalReport& report);

// The same as one JSON object, numbers from 0 to 1, and "\n".
std::string FormatEvaluationJson(const EvalReport& report);

// The labels with their thresholds, as --labels-file reads them.
std::string FormatThresholds(const EvalReport& report);

// A page with the table and every text in which something is wrong: right entities and mistakes in
// colours that the legend tells, and hides.
std::string FormatMistakes(const EvalReport& report, const std::vector<GoldText>& gold);

}  // namespace waterline::cli
