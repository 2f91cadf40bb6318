// A fixed set of worker threads that run the items of parallel loops.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/function_ref.h"

namespace waterline {

class Team;

// Thread-safe: loops of several callers share the workers, oldest loop first.
class ThreadPool {
 public:
  // Starts `threads` workers (>= 1). `prepare` runs once on each before its first item. Throws
  // std::system_error when the system refuses a thread; none is left running then.
  ThreadPool(int threads, std::function<void()> prepare);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  // Waits for running loops, then for the workers to end.
  ~ThreadPool();

  // Calls item(0) ... item(count - 1) on the workers, each once, in any order, at most threads() at
  // a time; returns when all have returned. `item` must not throw, and must not call For. Allocates
  // nothing.
  void For(int64_t count, FunctionRef<void(int64_t)> item);

  int threads() const { return static_cast<int>(workers_.size()); }

 private:
  friend class Team;

  struct Loop {  // On the stack of its caller.
    FunctionRef<void(int64_t)> item;
    int64_t count;
    int64_t next = 0;     // First item not handed out yet.
    int64_t running = 0;  // Items handed out and not finished.
    Loop* behind = nullptr;
  };

  // Of teams: idle workers join from Open on,
  void Open(Team& team);
  void Recall(Team& team);  // those that got bored again,
  void Leave(Team& team);   // no more join, and those that have are told to leave,
  void Close(Team& team);   // returns when they have.
  Team* Inviting() const;   // The one with the fewest helpers, nullptr when all have enough.
  void Help(std::unique_lock<std::mutex>& lock);

  void Work(const std::function<void()>& prepare);
  void Stop();  // Lets the workers end, and waits for them.

  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable done_;
  Loop* first_ = nullptr;  // Loops with items left to hand out, oldest first.
  Loop* last_ = nullptr;
  std::atomic<bool> wanted_{false};  // There are such loops: helpers of teams leave them.
  Team* teams_ = nullptr;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace waterline
