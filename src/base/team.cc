// SPDX-License-Identifier: Apache-2.0
#include "base/team.h"

#include <sched.h>

#include <algorithm>

#include "base/check.h"
#include "base/thread_pool.h"

namespace waterline {
namespace {

constexpr int kSpins = 2000;   // Tens of microseconds: the pause between two loops of a pass.
constexpr int kYields = 1000;  // After them; each lets another thread of the core run.

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Team::Team(int size, ThreadPool* pool) : size_(size), pool_(size > 1 ? pool : nullptr) {
  WATERLINE_CHECK(1 <= size && size <= kMost);
  if (pool_ != nullptr) pool_->Open(*this);
}

Team::~Team() {
  if (pool_ == nullptr) return;
  pool_->Leave(*this);
  for (int round = 0; helpers_.load(std::memory_order_relaxed) > 0 && round < kSpins; ++round) {
    Pause();
  }
  pool_->Close(*this);
}

void Team::For(int64_t count, Part part) {
  if (count <= 0) return;
  WATERLINE_CHECK(count < int64_t{1} << 32);
  if (pool_ == nullptr || count == 1) return part(0, count, 0);
  part_ = &part;
  count_ = count;
  done_.store(0, std::memory_order_relaxed);
  const uint64_t number = (open_.load(std::memory_order_relaxed) >> 32) + 1;
  open_.store(number << 32 | static_cast<uint64_t>(count));
  if (bored_.load() != 0) pool_->Recall(*this);  // Who falls asleep after this sees the loop.
  while (TakePart(0)) {
  }
  const auto all = static_cast<uint32_t>(count);
  uint32_t done = done_.load(std::memory_order_acquire);
  for (int round = 0; done != all; ++round) {
    round < kSpins ? Pause() : done_.wait(done, std::memory_order_acquire);
    done = done_.load(std::memory_order_acquire);
  }
}

bool Team::TakePart(int member) {
  uint64_t open = open_.load(std::memory_order_acquire);
  uint32_t taken = 0, left = 0;
  do {
    left = static_cast<uint32_t>(open);
    if (left == 0) return false;
    // Large parts first, small ones at the end, when everyone should be done at the same time.
    taken = std::max(1u, left / (2 * static_cast<uint32_t>(size_)));
  } while (!open_.compare_exchange_weak(open, open - taken, std::memory_order_acquire));
  const int64_t count = count_;
  const int64_t begin = count - left;
  (*part_)(begin, begin + taken, member);
  // After this the loop may end.
  const uint32_t done = done_.fetch_add(taken, std::memory_order_release) + taken;
  if (done == static_cast<uint32_t>(count) && member != 0) done_.notify_one();
  return true;
}

bool Team::Help(int member, const std::atomic<bool>& wanted) {
  for (int round = 0; round < kSpins + kYields; ++round) {
    if (ending_.load(std::memory_order_relaxed) || wanted.load(std::memory_order_relaxed)) {
      return false;
    }
    if (TakePart(member)) {
      round = 0;
    } else if (round < kSpins) {
      Pause();
    } else {
      ::sched_yield();
    }
  }
  return true;
}

}  // namespace waterline
