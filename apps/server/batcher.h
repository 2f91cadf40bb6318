// Requests become batches: a queue and the threads that hand its texts to an engine.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "fair_queue.h"
#include "job.h"

namespace waterline::server {

struct BatcherOptions {
  // Most estimated tokens of one engine call of several texts.
  int64_t batch_tokens = 4096;
  // Engine calls that run at once: while one ends, the next keeps the workers busy.
  int calls = 2;
  // While another call runs, how long a batch that is not full waits for more texts. When none runs
  // nothing waits.
  std::chrono::milliseconds max_wait{5};
};

struct BatcherState {
  size_t jobs = 0;  // That wait.
  int64_t tokens = 0;
  std::chrono::duration<double> oldest{0};  // Age of the first that waits.
  int running = 0;                          // Calls.
};

// Thread-safe. Knows nothing of sockets or of the engine.
class Batcher {
 public:
  // Answers the texts of one call: fills Job::results[index] (or plan, vectors, error) of each. On
  // a thread of the batcher, by several at once. Must not throw.
  using Run = std::function<void(const std::vector<BatchText>& batch)>;

  Batcher(const BatcherOptions& options, Run run);
  // Waits for the calls that run; jobs that wait are ended with Code::kCancelled.
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  void Submit(std::shared_ptr<Job> job);

  // Takes `job` out of the queue; what is being computed of it is dropped when it ends. Returns
  // false when it is answered already: then its `done` has been or is being called.
  bool Cancel(Job& job);

  BatcherState State() const;

 private:
  void Work();
  bool MayTake(Clock::time_point now) const;
  void Wait(std::unique_lock<std::mutex>& lock);
  void End(const std::vector<BatchText>& batch, Clock::time_point now);

  const BatcherOptions options_;
  const Run run_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  FairQueue queue_;
  int running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace waterline::server
