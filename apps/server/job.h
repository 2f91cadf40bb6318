// One admitted request on its way through a batcher, and what texts of one engine call share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/engine.h"

namespace waterline::server {

using Clock = std::chrono::steady_clock;

enum class JobKind { kExtract, kPlan, kEmbedLabels };

// Settings of an engine call as a whole: texts that share one have them in common.
struct CallSettings {
  JobKind kind = JobKind::kExtract;
  bool nested = false;
  bool multi_label = false;
  bool truncate = false;
  Offsets offsets = Offsets::kCodePoints;
  std::optional<float> relation_threshold = {};
  std::optional<float> adjacency_threshold = {};
  int64_t labels_per_pass = 0;

  bool operator==(const CallSettings&) const = default;
};

// A text with what is looked for in it.
struct JobText {
  std::string_view text;  // In Job::body.
  std::shared_ptr<const std::vector<Label>> labels;
  std::shared_ptr<const std::vector<std::string>> relations;  // nullptr: none.
  float threshold = 0.5f;
};

// Filled by its maker, then submitted to one batcher. `results`, `plan`, `vectors`, `error` and the
// times are the batcher's until `done` is called.
struct Job {
  std::string client;  // Whose share of the engine it takes.
  CallSettings settings;
  std::string body;  // What the views of `texts` lie in.
  std::vector<JobText> texts;
  // Called once, on a thread of the batcher, when all texts are answered; not after Cancel. Must
  // not throw.
  std::function<void()> done;

  std::vector<Extraction> results;      // Of kExtract: one for each text.
  std::optional<RunPlan> plan;          // Of kPlan, which has one text.
  std::optional<LabelVectors> vectors;  // Of kEmbedLabels, whose one text is empty.
  std::optional<Error> error;           // Why nothing was computed.
  Clock::time_point queued;
  Clock::time_point started;  // When the first of its texts left the queue.
  Clock::time_point ended;

 private:
  friend class Batcher;
  friend class FairQueue;
  size_t next = 0;  // First text that waits.
  size_t unanswered = 0;
  bool cancelled = false;
};

// What a text is estimated to cost, in tokens: to share out the engine and to bound a batch. The
// engine plans by the exact number.
int64_t EstimateTokens(const JobText& text);

}  // namespace waterline::server
