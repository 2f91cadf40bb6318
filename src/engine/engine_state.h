// What an engine is made of.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "base/thread_pool.h"
#include "engine/loaded_model.h"
#include "engine/pass.h"
#include "engine/site.h"
#include "engine/sizing.h"
#include "memory/block.h"
#include "memory/block_heap.h"
#include "memory/budget.h"
#include "memory/turnstile.h"
#include "memory/workspace.h"
#include "text/icu_words.h"
#include "waterline/engine.h"

namespace waterline {

// Members in the order in which they are made; the budget outlives all that is counted in it.
struct Engine::Impl {
  Impl(const Settings& with, const EngineOptions& options, std::shared_ptr<Budget> whole);

  const Settings settings;
  const std::function<void(const BatchReport&)> observer;
  const std::shared_ptr<Budget> whole;   // That the engine shares, or nullptr.
  const std::shared_ptr<Budget> budget;  // Its own, a part of the whole.
  std::optional<ModelShare> model;
  std::unique_ptr<IcuSplitter> splitter;  // nullptr: words are those of SplitWords.

  Block staging_block;
  std::optional<BlockHeap> staging;    // Texts in flight, on both sides of
  std::optional<Turnstile> turnstile;  // which the callers wait.
  Sites sites;
  int64_t batch_tokens = 0;

  PassCounters counters;
  std::atomic<int64_t> texts{0};
  std::atomic<int64_t> refusals{0};
  std::atomic<int64_t> trims{0};
  std::optional<ThreadPool> pool;

  // Calls that run now, and the end of the last one (Clock ticks), for idle trimming.
  using Clock = std::chrono::steady_clock;
  std::atomic<int64_t> calls{0};
  std::atomic<Clock::rep> last_call{0};
  std::jthread idle;  // Ends first.

  // Loads `name` and takes staging and workspace from what the budget leaves.
  // Errors: as Engine::Load, but kOverBudget without the numbers where the budget of the host is
  // too small. Throws OverBudget.
  Result<void> Load(const std::string& name);
  // The part of Load that is done for the host, or for each device.
  Result<std::unique_ptr<Site>> OpenHost(size_t workspace);
  Result<std::unique_ptr<Site>> OpenDevice(size_t index);
  // Passes that can run at once.
  int workers() const { return sites.lanes() > 0 ? sites.lanes() : settings.threads; }
  size_t Trim();
  // Trims whenever no call has run for `pause`.
  void TrimWhenIdle(std::chrono::milliseconds pause);
};

// Counts a call while it lives.
class RunningCall {
 public:
  explicit RunningCall(Engine::Impl& engine) : engine_(engine) { ++engine_.calls; }
  RunningCall(const RunningCall&) = delete;
  RunningCall& operator=(const RunningCall&) = delete;
  ~RunningCall() {
    engine_.last_call = Engine::Impl::Clock::now().time_since_epoch().count();
    --engine_.calls;
  }

 private:
  Engine::Impl& engine_;
};

}  // namespace waterline
