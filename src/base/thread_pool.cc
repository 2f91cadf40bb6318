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

void ThreadPool::For(int64_t count, const std::function<void(int64_t)>& item) {
  if (count <= 0) return;
  Loop loop{&item, count};
  std::unique_lock lock(mutex_);
  loops_.push_back(&loop);
  work_.notify_all();
  done_.wait(lock, [&loop] { return loop.next == loop.count && loop.running == 0; });
}

void ThreadPool::Work(const std::function<void()>& prepare) {
  if (prepare) prepare();
  std::unique_lock lock(mutex_);
  while (true) {
    work_.wait(lock, [this] { return stopping_ || !loops_.empty(); });
    if (loops_.empty()) return;
    Loop* loop = loops_.front();
    const int64_t index = loop->next++;
    ++loop->running;
    if (loop->next == loop->count) loops_.remove(loop);
    lock.unlock();
    (*loop->item)(index);
    lock.lock();
    --loop->running;
    if (loop->next == loop->count && loop->running == 0) done_.notify_all();
  }
}

}  // namespace waterline
