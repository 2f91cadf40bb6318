// SPDX-License-Identifier: Apache-2.0
#include "batcher.h"

#include <utility>

namespace waterline::server {

Batcher::Batcher(const BatcherOptions& options, Run run) : options_(options), run_(std::move(run)) {
  for (int i = 0; i < options_.calls; ++i) threads_.emplace_back([this] { Work(); });
}

Batcher::~Batcher() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  while (queue_.jobs() > 0) {
    const std::vector<BatchText> left = queue_.Take(INT64_MAX);
    for (const BatchText& text : left) {
      text.job->error = Error{Code::kCancelled, "the server is shutting down"};
    }
    End(left, Clock::now());
  }
}

void Batcher::Submit(std::shared_ptr<Job> job) {
  {
    const std::lock_guard lock(mutex_);
    job->queued = Clock::now();
    job->unanswered = job->texts.size();
    if (job->settings.kind == JobKind::kExtract) job->results.resize(job->texts.size());
    queue_.Push(std::move(job));
  }
  changed_.notify_one();
}

bool Batcher::Cancel(Job& job) {
  const std::lock_guard lock(mutex_);
  if (job.unanswered == 0) return false;
  job.cancelled = true;
  queue_.Remove(job);
  return true;
}

BatcherState Batcher::State() const {
  const std::lock_guard lock(mutex_);
  BatcherState state{queue_.jobs(), queue_.tokens(), {}, running_};
  if (const auto oldest = queue_.oldest()) state.oldest = Clock::now() - *oldest;
  return state;
}

bool Batcher::MayTake(Clock::time_point now) const {
  if (queue_.jobs() == 0) return false;
  return running_ == 0 || queue_.tokens() >= options_.batch_tokens ||
         now - *queue_.oldest() >= options_.max_wait;
}

// Until there is a batch to take, or the end.
void Batcher::Wait(std::unique_lock<std::mutex>& lock) {
  while (!stopping_ && !MayTake(Clock::now())) {
    if (queue_.jobs() == 0) {
      changed_.wait(lock);
    } else {
      changed_.wait_until(lock, *queue_.oldest() + options_.max_wait);
    }
  }
}

void Batcher::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    Wait(lock);
    if (stopping_) return;
    const std::vector<BatchText> batch = queue_.Take(options_.batch_tokens);
    const Clock::time_point start = Clock::now();
    for (const BatchText& text : batch) {
      if (text.job->started == Clock::time_point()) text.job->started = start;
    }
    ++running_;
    if (queue_.jobs() > 0) changed_.notify_one();  // Another thread waits for the rest.
    lock.unlock();
    run_(batch);
    End(batch, Clock::now());
    lock.lock();
    --running_;
  }
}

void Batcher::End(const std::vector<BatchText>& batch, Clock::time_point now) {
  std::vector<std::shared_ptr<Job>> ended;
  {
    const std::lock_guard lock(mutex_);
    for (const BatchText& text : batch) {
      Job& job = *text.job;
      if (--job.unanswered > 0 || job.cancelled) continue;
      job.ended = now;
      ended.push_back(text.job);
    }
  }
  for (const std::shared_ptr<Job>& job : ended) job->done();
}

}  // namespace waterline::server
