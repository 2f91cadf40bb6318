// SPDX-License-Identifier: Apache-2.0
#include "base/thread_pool.h"

#include <utility>

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
  work_.notify_all();
  done_.wait(lock, [&loop] { return loop.next == loop.count && loop.running == 0; });
}

void ThreadPool::Work(const std::function<void()>& prepare) {
  if (prepare) prepare();
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopping_ || first_ != nullptr; });
    if (first_ == nullptr) return;
    Loop* loop = first_;
    const int64_t index = loop->next++;
    ++loop->running;
    if (loop->next == loop->count) first_ = loop->behind;  // The first is the only one handed out.
    lock.unlock();
    loop->item(index);
    lock.lock();
    --loop->running;
    if (loop->next == loop->count && loop->running == 0) done_.notify_all();
  }
}

}  // namespace waterline
