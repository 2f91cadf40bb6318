// SPDX-License-Identifier: Apache-2.0
#include "engine/label_pass.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <numeric>
#include <optional>
#include <utility>

#include "kernels/dry.h"
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
    if (ops.dry()) return;
    for (int64_t r = 0; r < rows.rows(); ++r) {
      std::copy_n(rows.view().row(r), width, to + (first + r) * width);
    }
  };
  Mat vectors = network.labels->Forward(ops, batch);
  if (output.encoded != nullptr) copy(vectors, output.encoded);
  if (output.prepared == nullptr) return;
  const Mat prepared = network.head->PrepareLabels(ops, std::move(vectors));
  copy(prepared, output.prepared);
}

// Tells the observer of a pass that has run.
void Report(const PassSetup& setup, const Batch& batch, const Plan& plan,
            std::chrono::steady_clock::duration time) {
  if (!*setup.observer) return;
  const auto labels = static_cast<int64_t>(batch.words.size());
  (*setup.observer)({.sequences = labels,
                     .tokens = batch.tokens(),
                     .labels = labels,
                     .planned = plan.bytes,
                     .workspace_in_use = setup.workspace->in_use(),
                     .in_use = setup.budget->in_use(),
                     .seconds = std::chrono::duration<double>(time).count()});
}

Result<void> RunOne(const PassSetup& setup, const LabelTokens& labels, size_t begin, size_t end,
                    const LabelOutput& output) {
  const Network& network = *setup.network;
  const Batch batch = MakeLabelBatch(labels, begin, end, setup.staging);
  const auto first = static_cast<int64_t>(begin);
  const DryKernels dry(*setup.kernels);
  Arena planning(setup.staging);
  {
    Ops ops(dry, planning);
    Forward(network, ops, batch, first, output);
  }
  const Plan plan = std::move(planning).MakePlan();
  const auto halves = [&]() -> Result<void> {
    const size_t middle = begin + (end - begin) / 2;
    Result<void> done = RunOne(setup, labels, begin, middle, output);
    return done.ok() ? RunOne(setup, labels, middle, end, output) : done;
  };
  if (plan.bytes > setup.workspace->share() && end - begin > 1) return halves();
  if (const size_t capacity = setup.workspace->capacity(); plan.bytes > capacity) {
    return Error{Code::kOverBudget,
                 fmt::format("a label of {} tokens needs {} bytes of workspace, the memory budget "
                             "leaves {}",
                             batch.tokens(), plan.bytes, capacity)};
  }
  if (setup.plan != nullptr) {
    setup.plan->tokens += batch.tokens();
    setup.plan->batches.push_back({.sequences = static_cast<int64_t>(end - begin),
                                   .tokens = batch.tokens(),
                                   .labels = static_cast<int64_t>(end - begin),
                                   .bytes = plan.bytes,
                                   .buffers = {}});
    return {};
  }
  const Result<Workspace::Part> part = setup.workspace->Acquire(plan.bytes, *setup.wait);
  if (!part.ok()) {
    if (part.error().code == Code::kOverBudget && end - begin > 1) return halves();
    return part.error();
  }
  const auto start = std::chrono::steady_clock::now();
  Arena arena(part->bytes(), plan);
  Ops ops(*setup.kernels, arena);
  Forward(network, ops, batch, first, output);
  setup.counters->tokens += batch.tokens();
  ++setup.counters->batches;
  Report(setup, batch, plan, std::chrono::steady_clock::now() - start);
  if (ops.error()) return *ops.error();
  return {};
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
                               text.substr(0, 80), tokens, longest)};
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
                        over.wanted(), over.available())});
    } catch (const std::bad_alloc&) {
      note({Code::kIo, "out of memory"});
    }
  });
  if (first_error) return *first_error;
  return {};
}

Result<void> PrepareLabels(const Network& network, const Kernels& kernels, const float* encoded,
                           int64_t count, float* prepared, std::pmr::memory_resource* memory) {
  const int64_t width = network.head->vector_width();
  for (int64_t begin = 0; begin < count; begin += kPrepareRows) {
    const int64_t rows = std::min(kPrepareRows, count - begin);
    const Result<void> done = RunStage(kernels, memory, [&](Ops& ops) {
      Mat from(ops.arena(), rows, width, "label vectors");
      if (!ops.dry()) {
        for (int64_t r = 0; r < rows; ++r) {
          std::copy_n(encoded + (begin + r) * width, width, from.view().row(r));
        }
      }
      const Mat to = network.head->PrepareLabels(ops, std::move(from));
      if (ops.dry()) return;
      for (int64_t r = 0; r < rows; ++r) {
        std::copy_n(to.view().row(r), width, prepared + (begin + r) * width);
      }
    });
    if (!done.ok()) return done;
  }
  return {};
}

}  // namespace waterline
