// One batch through the network: plan, run, read out the entities.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory_resource>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/thread_pool.h"
#include "batch/batch.h"
#include "engine/model.h"
#include "engine/site.h"
#include "entities/spans.h"
#include "memory/workspace.h"
#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline {

// What is asked of one sequence. Word indices are those of its text.
struct Query {
  float threshold = 0.5f;
  OverlapRule rule;
  // false: labels of one text are read in several passes; overlaps are resolved when all are there.
  bool resolve = true;
  float relation_threshold = 0.5f;
  float adjacency_threshold = 0.5f;
  // Word spans that may be found; nullptr: all.
  const std::pmr::vector<std::pair<int32_t, int32_t>>* allowed = nullptr;
  bool class_scores = false;
  bool vectors = false;
};

// The (at most kTopClasses) likeliest labels of a span, best first.
struct TopLabels {
  std::array<LabelScore, kTopClasses> scores;
  size_t count = 0;
};

// A relation between two runs of words of one text; those runs are entities of it.
struct FoundRelation {
  std::pair<int32_t, int32_t> head;  // First and last word.
  std::pair<int32_t, int32_t> tail;
  int32_t relation = 0;  // Index into the relations of the sequence.
  float score = 0;
};

// What was found in one sequence, and what was asked for beside it.
struct SequenceResult {
  std::optional<Error> error;
  bool starved = false;  // The error is a lack of staging beside other texts: alone it may do.
  std::pmr::vector<Span> spans;
  std::pmr::vector<TopLabels> top;  // [spans], or empty.
  std::pmr::vector<float>
      vectors;  // [spans, 2, vector width]: of the span, of its label; or empty.

  // Those whose head the sequence owns, in the order of the reference: of heads, tails, relations.
  std::pmr::vector<FoundRelation> relations;

  explicit SequenceResult(std::pmr::memory_resource* memory)
      : spans(memory), top(memory), vectors(memory), relations(memory) {}
  void Clear();
};

// A sequence, what is asked of it, and where the answer goes.
struct PassItem {
  Sequence sequence;
  const Query* query = nullptr;
  SequenceResult* result = nullptr;
  std::span<const float> label_thresholds = {};  // Thresholds::of_labels
};

struct PassCounters {
  std::atomic<int64_t> batches{0};
  std::atomic<int64_t> tokens{0};
  std::atomic<int64_t> plans{0};
  std::atomic<int64_t> splits{0};
  std::atomic<size_t> last_plan{0};
  std::atomic<size_t> largest_plan{0};
};

// Everything the passes of one call need. Views.
struct PassSetup {
  Sites* sites;
  SequenceTemplate around;
  PassCounters* counters;
  std::pmr::memory_resource* staging;
  const WaitLimit* wait;
  const Budget* budget;                                     // For reports.
  const std::function<void(const BatchReport&)>* observer;  // May be empty.
  ThreadPool* pool = nullptr;  // Whose workers may help, where the pass runs on one of them.
  RunPlan* plan = nullptr;  // Not nullptr: passes are noted here instead of being run or counted.
  Workspace* leased = nullptr;  // Not nullptr: passes run in this, memory of the first site.

  // Where a pass of this setup runs: held until it has run.
  struct Place {
    Sites::Hold hold;
    Workspace* workspace;
    Lane& lane() const { return hold.lane(); }
    const Network& network() const { return *hold.site().network; }
  };
  // Errors: as Sites::Acquire.
  Result<Place> TakePlace() const;
};

// Runs `items` as one pass, or as several when its plan is larger than a worker's share of the
// workspace; a sequence that alone is larger than the share takes more of it, and one that is
// larger than all of it is refused with an error of its own. Up to `members` workers compute a pass
// where their scratch fits a worker's share too, else one does. Safe from any thread (a setup with
// a plan: from one at a time).
void RunPass(const PassSetup& setup, std::span<const PassItem* const> items, int members);

}  // namespace waterline
