// SPDX-License-Identifier: Apache-2.0
#include "batcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

namespace waterline::server {
namespace {

using std::chrono::milliseconds;

constexpr auto kLong = std::chrono::hours(1);

std::shared_ptr<Job> MakeJob(const std::string& client, size_t count, std::function<void()> done) {
  auto job = std::make_shared<Job>();
  job->client = client;
  job->body = std::string(40, 'x');
  job->texts.resize(count);
  for (JobText& text : job->texts) text.text = job->body;
  job->done = std::move(done);
  return job;
}

// Marks each text as answered.
void Answer(const std::vector<BatchText>& batch) {
  for (const BatchText& text : batch) text.job->results[text.index].words += 1;
}

TEST(Batcher, AnswersEachTextOnce) {
  std::binary_semaphore ended(0);
  Batcher batcher({.batch_tokens = 30}, Answer);
  const auto job = MakeJob("a", 10, [&] { ended.release(); });
  batcher.Submit(job);
  ended.acquire();
  ASSERT_EQ(job->results.size(), 10u);
  for (const Extraction& result : job->results) EXPECT_EQ(result.words, 1);
  EXPECT_LE(job->queued, job->started);
  EXPECT_LE(job->started, job->ended);
  EXPECT_EQ(batcher.State().jobs, 0u);
}

TEST(Batcher, ALoneRequestDoesNotWait) {
  std::binary_semaphore ended(0);
  Batcher batcher({.max_wait = kLong}, Answer);
  batcher.Submit(MakeJob("a", 1, [&] { ended.release(); }));
  EXPECT_TRUE(ended.try_acquire_for(std::chrono::seconds(30)));
}

TEST(Batcher, WhileACallRunsOthersGather) {
  std::counting_semaphore<> begun(0);
  std::counting_semaphore<> go(0);
  std::counting_semaphore<> ended(0);
  std::mutex mutex;
  std::vector<size_t> sizes;
  Batcher batcher({.batch_tokens = 1000, .calls = 2, .max_wait = kLong},
                  [&](const std::vector<BatchText>& batch) {
                    {
                      const std::lock_guard lock(mutex);
                      sizes.push_back(batch.size());
                    }
                    begun.release();
                    go.acquire();
                    Answer(batch);
                  });
  batcher.Submit(MakeJob("a", 1, [&] { ended.release(); }));
  begun.acquire();
  for (int i = 0; i < 5; ++i) batcher.Submit(MakeJob("b", 1, [&] { ended.release(); }));
  EXPECT_EQ(batcher.State().jobs, 5u);
  go.release(2);
  for (int i = 0; i < 6; ++i) ended.acquire();
  EXPECT_EQ(sizes, (std::vector<size_t>{1, 5}));
}

TEST(Batcher, AFullBatchDoesNotWaitForTheCallThatRuns) {
  std::counting_semaphore<> begun(0);
  std::counting_semaphore<> go(0);
  std::counting_semaphore<> ended(0);
  Batcher batcher({.batch_tokens = 48, .calls = 2, .max_wait = kLong},
                  [&](const std::vector<BatchText>& batch) {
                    begun.release();
                    go.acquire();
                    Answer(batch);
                  });
  batcher.Submit(MakeJob("a", 1, [&] { ended.release(); }));
  begun.acquire();
  batcher.Submit(MakeJob("b", 4, [&] { ended.release(); }));
  EXPECT_TRUE(begun.try_acquire_for(std::chrono::seconds(30)));
  go.release(2);
  ended.acquire();
  ended.acquire();
}

TEST(Batcher, ACancelledJobLeavesTheQueue) {
  std::counting_semaphore<> begun(0);
  std::counting_semaphore<> go(0);
  std::binary_semaphore ended(0);
  Batcher batcher({.max_wait = kLong}, [&](const std::vector<BatchText>& batch) {
    begun.release();
    go.acquire();
    Answer(batch);
  });
  batcher.Submit(MakeJob("a", 1, [&] { ended.release(); }));
  begun.acquire();
  const auto cancelled = MakeJob("b", 3, [] { FAIL() << "answered after its cancellation"; });
  batcher.Submit(cancelled);
  EXPECT_TRUE(batcher.Cancel(*cancelled));
  EXPECT_EQ(batcher.State().jobs, 0u);
  EXPECT_EQ(batcher.State().tokens, 0);
  go.release();
  ended.acquire();
}

TEST(Batcher, AJobThatIsCancelledWhileItRunsIsDropped) {
  std::counting_semaphore<> begun(0);
  std::counting_semaphore<> go(0);
  Batcher batcher({}, [&](const std::vector<BatchText>& batch) {
    begun.release();
    go.acquire();
    Answer(batch);
  });
  const auto job = MakeJob("a", 1, [] { FAIL() << "answered after its cancellation"; });
  batcher.Submit(job);
  begun.acquire();
  EXPECT_TRUE(batcher.Cancel(*job));
  go.release();
}

TEST(Batcher, AnAnsweredJobCannotBeCancelled) {
  std::binary_semaphore ended(0);
  Batcher batcher({}, Answer);
  const auto job = MakeJob("a", 1, [&] { ended.release(); });
  batcher.Submit(job);
  ended.acquire();
  EXPECT_FALSE(batcher.Cancel(*job));
}

TEST(Batcher, WhatWaitsAtTheEndIsToldSo) {
  std::counting_semaphore<> begun(0);
  std::counting_semaphore<> go(0);
  std::atomic<int> ended = 0;
  auto batcher = std::make_unique<Batcher>(BatcherOptions{.max_wait = kLong},
                                           [&](const std::vector<BatchText>& batch) {
                                             begun.release();
                                             go.acquire();
                                             Answer(batch);
                                           });
  batcher->Submit(MakeJob("a", 1, [&] { ++ended; }));
  begun.acquire();
  const auto waiting = MakeJob("b", 2, [&] { ++ended; });
  batcher->Submit(waiting);
  std::thread end([&] { batcher.reset(); });
  go.release(10);
  end.join();
  EXPECT_EQ(ended, 2);
  // It ran or was refused, by which thread was first; never neither.
  EXPECT_TRUE(waiting->error.has_value() || waiting->results[0].words == 1);
}

TEST(Batcher, ManyClientsComeAndGo) {
  constexpr int kThreads = 8;
  constexpr int kJobs = 300;
  std::atomic<int> answered = 0;
  std::atomic<int> cancelled = 0;
  std::atomic<int> texts = 0;
  Batcher batcher({.batch_tokens = 200, .calls = 3, .max_wait = milliseconds(1)},
                  [&](const std::vector<BatchText>& batch) {
                    texts += static_cast<int>(batch.size());
                    Answer(batch);
                  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kJobs; ++i) {
        const auto ended = std::make_shared<std::binary_semaphore>(0);
        const auto job = MakeJob(std::to_string(t % 3), 1 + static_cast<size_t>(i % 4), [&, ended] {
          ++answered;
          ended->release();
        });
        job->settings.nested = i % 5 == 0;
        batcher.Submit(job);
        if (i % 7 == 0 && batcher.Cancel(*job)) {
          ++cancelled;
        } else {
          ended->acquire();
          for (const Extraction& result : job->results) EXPECT_EQ(result.words, 1);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered + cancelled, kThreads * kJobs);
  EXPECT_EQ(batcher.State().jobs, 0u);
}

}  // namespace
}  // namespace waterline::server
