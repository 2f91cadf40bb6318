// One batch through the network: plan, run, read out the entities.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "batch/batch.h"
#include "engine/model.h"
#include "entities/spans.h"
#include "memory/workspace.h"
#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline {

// What is asked of one sequence. Word indices are those of its text.
struct Query {
  float threshold = 0.5f;
  OverlapRule rule;
  // Word spans that may be found; nullptr: all.
  const std::pmr::vector<std::pair<int32_t, int32_t>>* allowed = nullptr;
  bool class_scores = false;
  bool vectors = false;
};

// A found span with what was asked for beside it.
struct Found {
  Span span;
  std::vector<LabelScore> class_scores;
  std::vector<float> vector;
  std::vector<float> label_vector;
};

struct SequenceResult {
  std::optional<Error> error;
  bool starved = false;  // The error is a lack of staging beside other texts: alone it may do.
  std::pmr::vector<Found> found;

  explicit SequenceResult(std::pmr::memory_resource* memory) : found(memory) {}
};

// A sequence, what is asked of it, and where the answer goes.
struct PassItem {
  Sequence sequence;
  const Query* query = nullptr;
  SequenceResult* result = nullptr;
};

struct PassCounters {
  std::atomic<int64_t> batches{0};
  std::atomic<int64_t> tokens{0};
  std::atomic<int64_t> splits{0};
  std::atomic<int64_t> refusals{0};
  std::atomic<size_t> last_plan{0};
};

// Everything a pass needs that does not change. Views.
struct PassSetup {
  const Network* network;
  const Kernels* kernels;
  SequenceTemplate around;
  Workspace* workspace;
  PassCounters* counters;
  std::pmr::memory_resource* staging;
};

// Runs `items` as one pass, or as several when its plan is larger than a worker's share of the
// workspace; a sequence that alone is larger than the share takes more of it, and one that is
// larger than all of it is refused with an error of its own. Safe from any thread.
void RunPass(const PassSetup& setup, std::span<const PassItem* const> items);

}  // namespace waterline
