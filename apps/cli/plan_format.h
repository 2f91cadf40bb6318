// What a run would take, for people and for programs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "json_writer.h"
#include "waterline/engine.h"

namespace waterline::cli {

struct RefusedText {
  std::string place;  // "data.jsonl:17"; of a file that cannot be read to its end, the file.
  Error error;
};

// What all calls of a run would do together.
struct InputPlan {
  int64_t texts = 0;   // Refused ones included; blank lines of JSONL not.
  int64_t tokens = 0;  // Of all batches.
  int64_t splits = 0;
  std::vector<BatchPlan> batches;  // In the order in which they would begin; without buffers.
  size_t largest_index = 0;        // Of batches, when there are any: the first of the highest peak,
  BatchPlan largest;               // and the same with its buffers.
  std::vector<RefusedText> refused;  // Of texts and
  int64_t lost_files = 0;            // of this many files.

  // Adds what one more call would do, but for its texts and its refusals.
  void Add(RunPlan plan);
  int64_t RefusedTexts() const { return static_cast<int64_t>(refused.size()) - lost_files; }
  // Texts that are refused for their size: EngineStats::refusals.
  int64_t Refusals() const;
};

struct PlanReport {
  ModelReport model;               // For the memory budget and the threads of
  EngineStats engine;              // the engine as loaded.
  std::optional<InputPlan> input;  // When there is one.
};

// Tables; lines end in "\n". Of many batches it shows some, of many refusals the first.
std::string FormatPlan(const PlanReport& report);

// One JSON object with everything, and "\n"; sizes in bytes. Keys that --stats-json has too mean
// the same there.
std::string FormatPlanJson(const PlanReport& report);

// The member "buffers" of an open object: each with its name, bytes, offset, birth and death.
void WriteBuffers(const std::vector<PlannedBuffer>& buffers, JsonWriter& json);

}  // namespace waterline::cli
