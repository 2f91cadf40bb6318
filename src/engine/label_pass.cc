// SPDX-License-Identifier: Apache-2.0
#include "engine/label_pass.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>

#include "ops/planned.h"
#include "ops/stage.h"

namespace waterline {
namespace {

// Labels whose vectors are prepared at once.
constexpr int64_t kPrepareRows = 256;

// Labels [begin, end) as a batch: every token is read, and a label is made of all of its tokens.
Batch MakeLabelBatch(const LabelTokens& labels, size_t begin, size_t end,
                     std::pmr::memory_resource* memory) {
  Batch batch(memory);
  const int32_t first = labels.begins[begin];
  batch.ids.assign(labels.ids.begin() + first, labels.ids.begin() + labels.begins[end]);
  batch.begins.push_back(0);
  for (size_t label = begin; label < end; ++label) {
    const int32_t from = labels.begins[label] - first, to = labels.begins[label + 1] - first;
    for (int32_t t = from; t < to; ++t) {
      batch.positions.push_back(t - from);
      batch.read.push_back({t, t + 1});
    }
    batch.words.push_back({from, to});
    batch.begins.push_back(to);
  }
  return batch;
}

// The vectors of a batch, prepared too where that is wanted, to the rows from `first` on.
void Forward(const Network& network, Ops& ops, const Batch& batch, int64_t first,
             const LabelOutput& output) {
  const int64_t width = network.head->vector_width();
  const auto copy = [&](const Mat& rows, float* to) {
    ops.CopyOut(rows, {to + first * width, rows.rows(), width, width});
  };
  Mat vectors = network.labels->Forward(ops, batch);
  if (output.encoded != nullptr) copy(vectors, output.encoded);
  if (output.prepared == nullptr) return;
  const Mat prepared = network.head->PrepareLabels(ops, std::move(vectors));
  copy(prepared, output.prepared);
}

// Tells the observer of a pass that has run.
void Report(const PassSetup& setup, const Workspace& workspace, const Batch& batch,
            const Plan& plan, std::chrono::steady_clock::duration time) {
  if (!*setup.observer) return;
  const auto labels = static_cast<int64_t>(batch.words.size());
  (*setup.observer)({.sequences = labels,
                     .tokens = batch.tokens(),
                     .labels = labels,
                     .planned = plan.bytes,
                     .workspace_in_use = workspace.in_use(),
                     .in_use = setup.budget->in_use(),
                     .seconds = std::chrono::duration<double>(time).count()});
}

// Runs labels [begin, end) as one pass; false, with nothing done, when they are too many.
Result<bool> TryOne(const PassSetup& setup, const LabelTokens& labels, size_t begin, size_t end,
                    const LabelOutput& output) {
  const Result<PassSetup::Place> place = setup.TakePlace();
  if (!place.ok()) return place.error();
  const Network& network = place->network();
  Workspace& workspace = *place->workspace;
  const Batch batch = MakeLabelBatch(labels, begin, end, setup.staging);
  const auto first = static_cast<int64_t>(begin);
  const auto forward = [&](Ops& ops) { Forward(network, ops, batch, first, output); };
  const Plan plan = PlanOn(place->lane(), setup.staging, /*members=*/1, forward);
  if (plan.bytes > workspace.share() && end - begin > 1) return false;
  if (const size_t capacity = workspace.capacity(); plan.bytes > capacity) {
    return Error{Code::kOverBudget,
                 fmt::format("a label of {} tokens needs {} bytes of workspace, the memory budget "
                             "leaves {}",
                             batch.tokens(), plan.bytes, capacity),
                 Subject::kLabels};
  }
  if (setup.plan != nullptr) {
    setup.plan->tokens += batch.tokens();
    setup.plan->batches.push_back({.sequences = static_cast<int64_t>(end - begin),
                                   .tokens = batch.tokens(),
                                   .labels = static_cast<int64_t>(end - begin),
                                   .bytes = plan.bytes,
                                   .buffers = {}});
    return true;
  }
  const Result<Workspace::Part> part = workspace.Acquire(plan.bytes, *setup.wait);
  if (!part.ok()) {
    if (part.error().code == Code::kOverBudget && end - begin > 1) return false;
    return part.error();
  }
  const auto start = std::chrono::steady_clock::now();
  const Result<void> done =
      RunPlanned(place->lane(), plan, part->bytes(), setup.staging, nullptr, forward);
  setup.counters->tokens += batch.tokens();
  ++setup.counters->batches;
  Report(setup, workspace, batch, plan, std::chrono::steady_clock::now() - start);
  if (!done.ok()) return done.error();
  return true;
}

Result<void> RunOne(const PassSetup& setup, const LabelTokens& labels, size_t begin, size_t end,
                    const LabelOutput& output) {
  const Result<bool> done = TryOne(setup, labels, begin, end, output);
  if (!done.ok()) return done.error();
  if (*done) return {};
  const size_t middle = begin + (end - begin) / 2;
  Result<void> half = RunOne(setup, labels, begin, middle, output);
  return half.ok() ? RunOne(setup, labels, middle, end, output) : half;
}

}  // namespace

Result<LabelTokens> TokenizeLabels(std::span<const std::string_view> texts,
                                   const Checkpoint& checkpoint, int64_t longest,
                                   std::pmr::memory_resource* memory) {
  const Tokenizer& tokenizer = *checkpoint.labels_tokenizer;
  LabelTokens labels(memory);
  for (const std::string_view text : texts) {
    const size_t begin = labels.ids.size();
    labels.ids.insert(labels.ids.end(), tokenizer.prefix().begin(), tokenizer.prefix().end());
    tokenizer.EncodeText(text, labels.ids);
    labels.ids.insert(labels.ids.end(), tokenizer.suffix().begin(), tokenizer.suffix().end());
    const auto tokens = static_cast<int64_t>(labels.ids.size() - begin);
    if (tokens > longest) {
      return Error{Code::kInvalidArgument,
                   fmt::format("label \"{}\" takes {} tokens, the label encoder reads {} at once",
                               text.substr(0, 80), tokens, longest),
                   Subject::kLabels};
    }
    labels.begins.push_back(static_cast<int32_t>(labels.ids.size()));
  }
  const int64_t vocabulary = checkpoint.labels_backbone.vocab_size;
  const auto foreign = std::find_if(labels.ids.begin(), labels.ids.end(),
                                    [&](int32_t id) { return id < 0 || id >= vocabulary; });
  if (foreign != labels.ids.end()) {
    return Error{Code::kBadModel,
                 fmt::format("the label tokenizer gives the token id {}, the label encoder's "
                             "vocabulary has {} tokens",
                             *foreign, vocabulary)};
  }
  return labels;
}

Result<void> EncodeLabels(const LabelPasses& passes, const LabelTokens& labels,
                          const LabelOutput& output) {
  std::pmr::vector<size_t> begins(1, 0, passes.setup.staging);
  for (size_t label = 1; label <= labels.size(); ++label) {
    const bool full = label == labels.size() ||
                      labels.begins[label + 1] - labels.begins[begins.back()] > passes.batch_tokens;
    if (full) begins.push_back(label);
  }
  std::mutex mutex;
  std::optional<Error> first_error;
  const auto note = [&](Error error) {
    const std::lock_guard lock(mutex);
    if (!first_error) first_error = std::move(error);
  };
  passes.for_each(static_cast<int64_t>(begins.size()) - 1, [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    try {
      const Result<void> done = RunOne(passes.setup, labels, begins[at], begins[at + 1], output);
      if (!done.ok()) note(done.error());
    } catch (const OverBudget& over) {
      note({Code::kOverBudget,
            fmt::format("labels need {} bytes to be encoded, the memory budget leaves {}",
                        over.wanted(), over.available()),
            Subject::kLabels});
    } catch (const std::bad_alloc&) {
      note({Code::kIo, "out of memory"});
    }
  });
  if (first_error) return *first_error;
  return {};
}

Result<void> ReadStoredLabels(Sites& sites, std::span<const int64_t> rows, float* to,
                              const WaitLimit& wait, std::pmr::memory_resource* memory) {
  const Result<Sites::Hold> place = sites.Acquire(wait);
  if (!place.ok()) return place.error();
  const Table& stored = place->site().network->stored_labels;
  const auto* const floats = reinterpret_cast<const float*>(stored.data);
  const MatView all{const_cast<float*>(floats), stored.rows, stored.cols, stored.cols};
  const auto count = static_cast<int64_t>(rows.size());
  return RunStage(place->lane(), memory, [&](Ops& ops) {
    Mat some(ops.arena(), count, stored.cols, "label vectors");
    ops.GatherRows(all, rows, some);
    ops.CopyOut(some, {to, count, stored.cols, stored.cols});
  });
}

Result<void> PrepareLabels(Sites& sites, const float* encoded, int64_t count, float* prepared,
                           const WaitLimit& wait, std::pmr::memory_resource* memory) {
  const Result<Sites::Hold> place = sites.Acquire(wait);
  if (!place.ok()) return place.error();
  const Head& head = *place->site().network->head;
  const int64_t width = head.vector_width();
  for (int64_t begin = 0; begin < count; begin += kPrepareRows) {
    const int64_t rows = std::min(kPrepareRows, count - begin);
    const Result<void> done = RunStage(place->lane(), memory, [&](Ops& ops) {
      Mat from(ops.arena(), rows, width, "label vectors");
      ops.CopyIn({const_cast<float*>(encoded) + begin * width, rows, width, width}, from);
      const Mat to = head.PrepareLabels(ops, std::move(from));
      ops.CopyOut(to, {prepared + begin * width, rows, width, width});
    });
    if (!done.ok()) return done;
  }
  return {};
}

}  // namespace waterline
