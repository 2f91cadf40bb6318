// Threads that share the work inside one operation: a worker of a pool, and such others of it as
// have nothing else to do.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

#include "base/function_ref.h"

namespace waterline {

class ThreadPool;

// Member 0 is the thread that makes the team and calls For. Helpers come when they are idle and
// leave for good work at once, so For never waits for one that has not begun a part. They spin for
// a fraction of a millisecond between two loops, then sleep until a loop calls them back.
//
// Belongs to one thread; allocates nothing.
class Team {
 public:
  static constexpr int kMost = 16;

  // At most `size` members (1 to kMost); alone without a pool, which must outlive the team.
  explicit Team(int size, ThreadPool* pool = nullptr);
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  // Waits until the helpers have left, which they do at once.
  ~Team();

  int size() const { return size_; }

  using Part = FunctionRef<void(int64_t begin, int64_t end, int member)>;
  // Calls `part` on ranges that cover 0 ... count - 1, each once, in any order, and returns when
  // all calls have returned. Members are 0 ... size() - 1, and each is in one call at a time. How
  // the range is cut depends on who comes: results must not. `part` must not throw, and must not
  // call For. count is less than 2^32.
  void For(int64_t count, Part part);

 private:
  friend class ThreadPool;

  // On a helper. Takes parts until the team ends, the pool wants its worker back, or nothing was
  // left to take for a while; returns true for that.
  bool Help(int member, const std::atomic<bool>& wanted);
  bool HasParts() const { return static_cast<uint32_t>(open_.load()) != 0; }
  // Takes a part, if one is left.
  bool TakePart(int member);

  // Of the loop that runs; changed while no part is open or running.
  const Part* part_ = nullptr;
  int64_t count_ = 0;
  // The number of the loop in the upper half, how many of its indices are left in the lower. The
  // number keeps a helper that looked at one loop from taking a part of the next.
  alignas(64) std::atomic<uint64_t> open_{0};
  alignas(64) std::atomic<uint32_t> done_{0};  // Indices whose calls have returned.

  // Written under the pool's mutex. A bit for each member:
  alignas(64) uint32_t invited_ = 0;  // may join,
  std::atomic<uint32_t> bored_{0};    // has left because there was nothing to do.
  std::atomic<int> helpers_{0};
  std::atomic<bool> ending_{false};
  Team* behind_ = nullptr;

  const int size_;
  ThreadPool* const pool_;
};

}  // namespace waterline
