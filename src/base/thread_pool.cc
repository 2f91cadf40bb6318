// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/team.h"

namespace waterline {

ThreadPool::ThreadPool(int threads, std::function<void()> prepare) {
  workers_.reserve(static_cast<size_t>(threads));
  try {
    for (int i = 0; i < threads; ++i) {
      workers_.emplace_back([this, prepare] { Work(prepare); });
    }
  } catch (...) {
    Stop();  // A thread that is destroyed while it can be joined ends the program.
    throw;
  }
}

ThreadPool::~ThreadPool() { Stop(); }

void ThreadPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::For(int64_t count, FunctionRef<void(int64_t)> item) {
  if (count <= 0) return;
  Loop loop{item, count};
  std::unique_lock lock(mutex_);
  (first_ == nullptr ? first_ : last_->behind) = &loop;
  last_ = &loop;
  wanted_.store(true, std::memory_order_relaxed);
  work_.notify_all();
  done_.wait(lock, [&loop] { return loop.next == loop.count && loop.running == 0; });
}

void ThreadPool::Work(const std::function<void()>& prepare) {
  if (prepare) prepare();
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopping_ || first_ != nullptr || Inviting() != nullptr; });
    if (first_ == nullptr) {
      if (stopping_) return;
      Help(lock);
      continue;
    }
    Loop* loop = first_;
    const int64_t index = loop->next++;
    ++loop->running;
    if (loop->next == loop->count) {
      first_ = loop->behind;  // The first is the only one handed out.
      wanted_.store(first_ != nullptr, std::memory_order_relaxed);
    }
    lock.unlock();
    loop->item(index);
    lock.lock();
    --loop->running;
    if (loop->next == loop->count && loop->running == 0) done_.notify_all();
  }
}

void ThreadPool::Open(Team& team) {
  {
    const std::lock_guard lock(mutex_);
    team.invited_ = (uint32_t{1} << team.size_) - 2;  // All but member 0.
    team.behind_ = std::exchange(teams_, &team);
  }
  for (int member = 1; member < team.size_; ++member) work_.notify_one();
}

void ThreadPool::Recall(Team& team) {
  int bored = 0;
  {
    const std::lock_guard lock(mutex_);
    const uint32_t members = team.bored_.exchange(0);
    team.invited_ |= members;
    bored = std::popcount(members);
  }
  for (int member = 0; member < bored; ++member) work_.notify_one();
}

void ThreadPool::Leave(Team& team) {
  const std::lock_guard lock(mutex_);
  Team** place = &teams_;
  while (*place != &team) place = &(*place)->behind_;
  *place = team.behind_;
  team.ending_.store(true, std::memory_order_relaxed);
}

void ThreadPool::Close(Team& team) {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&team] { return team.helpers_.load(std::memory_order_relaxed) == 0; });
}

Team* ThreadPool::Inviting() const {
  Team* best = nullptr;
  int most = 0;
  for (Team* team = teams_; team != nullptr; team = team->behind_) {
    const int invited = std::popcount(team->invited_);
    if (invited > most) best = team;
    most = std::max(most, invited);
  }
  return best;
}

void ThreadPool::Help(std::unique_lock<std::mutex>& lock) {
  Team& team = *Inviting();
  const int member = std::countr_zero(team.invited_);
  const uint32_t bit = uint32_t{1} << member;
  team.invited_ &= ~bit;
  team.helpers_.fetch_add(1, std::memory_order_relaxed);
  lock.unlock();
  bool bored = team.Help(member, wanted_);
  lock.lock();
  if (bored) {
    team.bored_.fetch_or(bit);
    bored = !team.HasParts();
    if (!bored) team.bored_.fetch_and(~bit);
  }
  if (!bored) team.invited_ |= bit;
  team.helpers_.fetch_sub(1, std::memory_order_relaxed);
  if (team.ending_.load(std::memory_order_relaxed)) done_.notify_all();
}

}  // namespace waterline
