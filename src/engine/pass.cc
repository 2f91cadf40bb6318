// SPDX-License-Identifier: Apache-2.0
#include "engine/pass.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "base/team.h"
#include "engine/read_out.h"
#include "ops/planned.h"

namespace waterline {
namespace {

void Refuse(std::span<const PassItem* const> items, const Error& error, bool starved = false) {
  for (const PassItem* item : items) {
    item->result->Clear();
    item->result->error = error;
    item->result->starved = starved;
  }
}

Error StagingFull(const OverBudget& over) {
  return {Code::kOverBudget,
          fmt::format("this text needs {} bytes for its candidates, the memory budget leaves {}; a "
                      "higher threshold or a larger budget would do",
                      over.wanted(), over.available()),
          Subject::kText};
}

// The batch as one line of a RunPlan; with its buffers when it is the largest so far.
void Note(RunPlan& run, size_t sequences, const Batch& batch, const Plan& plan) {
  BatchPlan noted{.sequences = static_cast<int64_t>(sequences),
                  .tokens = batch.tokens(),
                  .words = static_cast<int64_t>(batch.words.size()),
                  .labels = batch.label_rows(),
                  .bytes = plan.bytes,
                  .buffers = {}};
  run.tokens += noted.tokens;
  run.batches.push_back(noted);
  if (plan.bytes <= run.largest.bytes) return;
  for (const Slot& slot : plan.slots) {
    noted.buffers.push_back({slot.name, slot.bytes, slot.offset, slot.birth, slot.death});
  }
  run.largest = std::move(noted);
}

// What the logits of a pass must exceed to become answers, for a device to tell which do.
class Limits {
 public:
  // Candidates of a word: more are rare, and then all logits are fetched.
  static constexpr int64_t kMostPerWord = 4;

  Limits(std::span<const PassItem* const> items, std::pmr::memory_resource* memory)
      : limits_(memory), begins_(1, 0, memory) {
    for (const PassItem* item : items) {
      const Thresholds thresholds(item->query->threshold, item->label_thresholds);
      for (int32_t label = 0; label < item->sequence.labels(); ++label) {
        const float lowest = LowestLogit(thresholds.Of(label));
        limits_.push_back(std::nextafter(lowest, -std::numeric_limits<float>::infinity()));
      }
      begins_.push_back(static_cast<int32_t>(limits_.size()));
    }
  }

  Mat Find(Ops& ops, const Scores& scores, const Batch& batch) const {
    const MatView& logits = scores.logits.view();
    const auto words = static_cast<int64_t>(batch.words.size());
    return ops.FindCandidates(
        {.logits = std::span<const float>(logits.data, static_cast<size_t>(logits.cols)),
         .score_begins = batch.score_begins,
         .label_groups = batch.label_groups,
         .limits = limits_,
         .limit_begins = begins_},
        std::min(kMostPerWord * words, logits.cols), "candidates");
  }

 private:
  std::pmr::vector<float> limits_;
  std::pmr::vector<int32_t> begins_;
};

// Fetches what Limits::Find found, by index; empty when there is more than it has room for, or NaN.
std::optional<std::pmr::vector<Candidate>> Fetch(const Kernels& kernels, MatView found,
                                                 std::pmr::memory_resource* memory) {
  static_assert(sizeof(CandidateSet) == 2 * sizeof(float) &&
                sizeof(Candidate) == 2 * sizeof(float));
  CandidateSet set;
  kernels.CopyOut(found.Cols(0, 2), {reinterpret_cast<float*>(&set), 1, 2, 2});
  const int64_t floats = 2 * int64_t{set.count};
  if (set.nan != 0 || set.count < 0 || floats > found.cols - 2) return std::nullopt;
  std::pmr::vector<Candidate> candidates(static_cast<size_t>(set.count), memory);
  if (set.count > 0) {
    kernels.CopyOut(found.Cols(2, 2 + floats),
                    {reinterpret_cast<float*>(candidates.data()), 1, floats, floats});
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) { return a.index < b.index; });
  return candidates;
}

// One pass that is planned and has its memory.
class Pass {
 public:
  Pass(const PassSetup& setup, const PassSetup::Place& place,
       std::span<const PassItem* const> items, const Batch& batch, const Plan& plan,
       const Limits* limits, int members)
      : setup_(setup),
        place_(place),
        items_(items),
        batch_(batch),
        plan_(plan),
        limits_(limits),
        members_(members) {}

  void Run(std::span<std::byte> memory) {
    Count();
    Arena arena(memory, plan_);
    std::optional<Team> team(std::in_place, members_, setup_.pool);
    Lane& lane = place_.lane();
    Ops ops(lane.BeginRun(NotesOf(plan_, memory)), arena, setup_.staging, &*team);
    const Scores scores = place_.network().Forward(ops, batch_);
    team.reset();
    std::optional<std::pmr::vector<Candidate>> candidates;
    Mat found;
    if (limits_ != nullptr) {
      found = limits_->Find(ops, scores, batch_);
      candidates = Fetch(lane.kernels(), found, setup_.staging);
    }
    const Result<void> done = lane.Wait();
    if (ops.error()) return Refuse(items_, *ops.error());
    if (!done.ok()) return Refuse(items_, done.error());
    ScoredPass scored{place_.network(), lane, batch_, scores, setup_.staging};
    if (candidates) scored.candidates = *candidates;
    for (size_t i = 0; i < items_.size(); ++i) {
      try {
        ReadOut(scored, i, *items_[i]);
      } catch (const OverBudget& over) {  // Too many candidates: the others of the batch have room.
        Refuse(items_.subspan(i, 1), StagingFull(over), /*starved=*/true);
      }
    }
  }

  void Report(double seconds, double planning_seconds) const {
    if (!*setup_.observer) return;
    (*setup_.observer)({.sequences = static_cast<int64_t>(items_.size()),
                        .tokens = batch_.tokens(),
                        .words = static_cast<int64_t>(batch_.words.size()),
                        .labels = batch_.label_rows(),
                        .planned = plan_.bytes,
                        .workspace_in_use = place_.workspace->in_use(),
                        .in_use = setup_.budget->in_use(),
                        .seconds = seconds,
                        .planning_seconds = planning_seconds});
  }

 private:
  void Count() {
    PassCounters& counters = *setup_.counters;
    ++counters.batches;
    counters.tokens += batch_.tokens();
    counters.last_plan = plan_.bytes;
    size_t largest = counters.largest_plan;
    while (largest < plan_.bytes &&
           !counters.largest_plan.compare_exchange_weak(largest, plan_.bytes)) {
    }
  }

  const PassSetup& setup_;
  const PassSetup::Place& place_;
  std::span<const PassItem* const> items_;
  const Batch& batch_;
  const Plan& plan_;
  const Limits* const limits_;  // Of devices whose heads score spans.
  const int members_;
};

// What stands against beginning a pass now.
std::optional<Error> Late(const WaitLimit& wait) {
  if (wait.stop.stop_requested()) return Error{Code::kCancelled, "stopped before it was read"};
  if (wait.deadline != wait.deadline.max() && std::chrono::steady_clock::now() >= wait.deadline) {
    return Error{Code::kDeadline, "the deadline passed before it was read"};
  }
  return std::nullopt;
}

// Runs `items` as one pass, or refuses them; false, with nothing done, when they are too many.
// Throws OverBudget when the batch or its plan do not fit staging.
bool TryPass(const PassSetup& setup, std::span<const PassItem* const> items, int members) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  std::pmr::vector<const Sequence*> sequences(setup.staging);
  sequences.reserve(items.size());
  for (const PassItem* item : items) sequences.push_back(&item->sequence);
  const Result<PassSetup::Place> place = setup.TakePlace();
  if (!place.ok()) {
    Refuse(items, place.error());
    return true;
  }
  const Network& network = place->network();
  Workspace& workspace = *place->workspace;
  const Batch batch = MakeBatch(sequences, setup.around, network.head->rules(), setup.staging);
  std::optional<Limits> limits;
  if (!place->lane().kernels().on_host() && network.head->layout() == Layout::kSpans) {
    limits.emplace(items, setup.staging);
  }
  const auto forward = [&](Ops& ops) {
    const Scores scores = network.Forward(ops, batch);
    if (limits) limits->Find(ops, scores, batch);
  };
  Plan plan = PlanOn(place->lane(), setup.staging, members, forward);
  if (members > 1 && plan.bytes > workspace.share()) {
    // Help is no reason to wait for memory, or to split the pass.
    members = 1;
    plan = Plan(setup.staging);  // Gives back the first before the second is made.
    plan = PlanOn(place->lane(), setup.staging, members, forward);
  }
  if (setup.plan == nullptr) ++setup.counters->plans;
  if (items.size() > 1 && plan.bytes > workspace.share()) return false;
  const auto too_large = [&](size_t capacity) {
    return Error{Code::kOverBudget,
                 fmt::format("this text needs {} bytes of workspace for {} words and {} labels ({} "
                             "tokens), the memory budget leaves {}",
                             plan.bytes, sequences[0]->words(), sequences[0]->labels(),
                             batch.tokens(), capacity),
                 Subject::kText};
  };
  if (const size_t capacity = workspace.capacity(); plan.bytes > capacity) {
    if (items.size() > 1) return false;
    Refuse(items, too_large(capacity));
    return true;
  }
  if (setup.plan != nullptr) {
    Note(*setup.plan, items.size(), batch, plan);
    return true;
  }

  const Clock::time_point waiting = Clock::now();
  const Result<Workspace::Part> part = workspace.Acquire(plan.bytes, *setup.wait);
  const Clock::duration waited = Clock::now() - waiting;
  if (!part.ok()) {  // A lease may have come between.
    if (part.error().code == Code::kOverBudget && items.size() > 1) return false;
    Refuse(items, part.error());
    return true;
  }
  Pass pass(setup, *place, items, batch, plan, limits ? &*limits : nullptr, members);
  pass.Run(part->bytes());
  using Seconds = std::chrono::duration<double>;
  pass.Report(Seconds(Clock::now() - start - waited).count(), Seconds(waiting - start).count());
  return true;
}

}  // namespace

Result<PassSetup::Place> PassSetup::TakePlace() const {
  Result<Sites::Hold> hold = sites->Acquire(*wait, leased == nullptr ? nullptr : &(*sites)[0]);
  if (!hold.ok()) return hold.error();
  Workspace* const own = &*hold->site().workspace;
  return Place{std::move(*hold), leased == nullptr ? own : leased};
}

void SequenceResult::Clear() {
  spans.clear();
  top.clear();
  vectors.clear();
  relations.clear();
}

void RunPass(const PassSetup& setup, std::span<const PassItem* const> items, int members) {
  if (std::optional<Error> late = Late(*setup.wait)) return Refuse(items, *late);
  try {
    if (TryPass(setup, items, members)) return;
  } catch (const OverBudget& over) {
    if (items.size() == 1) return Refuse(items, StagingFull(over), /*starved=*/true);
  } catch (const std::bad_alloc&) {
    return Refuse(items, {Code::kIo, "out of memory"});
  }
  setup.plan != nullptr ? ++setup.plan->splits : ++setup.counters->splits;
  RunPass(setup, items.first(items.size() / 2), members);
  RunPass(setup, items.subspan(items.size() / 2), members);
}

}  // namespace waterline
