// Many threads, one engine, little memory: no deadlock, no starvation, the same answers. Built with
// the thread sanitizer too.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "engine/models.h"
#include "engine/random_texts.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kThreads = 8;
constexpr int kCalls = 12;

struct Work {
  std::vector<std::string> texts;
  std::vector<Label> labels;
  std::vector<Extraction> expected;
};

std::vector<Work> MakeWork(const Engine& engine, int count) {
  RandomTexts random(29);
  std::vector<Work> all;
  for (int i = 0; i < count; ++i) {
    Work work{.texts = random.Texts(1 + static_cast<int>(random.Below(6)),
                                    1 + static_cast<int>(random.Below(60))),
              .labels = random.Labels(1 + static_cast<int>(random.Below(5))),
              .expected = {}};
    if (i % 7 == 0) work.texts.push_back(random.Text(500));  // Several windows.
    work.expected = MustExtract(engine, work.texts, work.labels, {.threshold = 0.3f});
    all.push_back(std::move(work));
  }
  return all;
}

TEST(Concurrency, IdleWorkersHelpWithSingleTexts) {
  for (const Precision dtype : {Precision::kF32, Precision::kInt8}) {
    const std::string model = GoldenModel("us_markerV0_proj");
    const Engine alone = MustLoad(model, {.threads = 1, .dtype = dtype});
    const std::vector<Work> work = MakeWork(alone, 6);
    const Engine engine = MustLoad(model, {.threads = 4, .dtype = dtype});
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 2; ++t) {  // Callers that now and then both have a text.
      threads.emplace_back([&] {
        for (const Work& w : work) {
          for (size_t i = 0; i < w.texts.size(); ++i) {
            const std::vector<Extraction> found =
                MustExtract(engine, {w.texts[i]}, w.labels, {.threshold = 0.3f});
            wrong += !SameAnswer(found[0], w.expected[i]);
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0);
  }
}

TEST(Concurrency, ManyThreadsShareATinyBudget) {
  const std::string model = GoldenModel("us_markerV0");
  const size_t smallest = Inspect(model, {.threads = 3})->smallest_budget;
  const Engine engine = MustLoad(model, {.memory_budget = smallest, .threads = 3});
  const std::vector<Work> work = MakeWork(engine, 24);  // Some of it is refused for its size.
  const Engine roomy = MustLoad(model, {.memory_budget = size_t{64} << 20, .threads = 2});
  std::atomic<int> wrong{0}, late{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int c = 0; c < kCalls; ++c) {
        const Work& w = work[static_cast<size_t>(t * kCalls + c) % work.size()];
        ExtractOptions options{.threshold = 0.3f};
        if (c % 5 == 4) options.wait.deadline = steady_clock::now() + milliseconds(1);
        const Engine& which = t % 4 == 3 ? roomy : engine;
        MemoryLease lease;
        if (t % 4 == 3 && c % 2 == 1) lease = *which.Lease(1 << 20);
        if (c % 6 == 5) which.Trim();
        const std::vector<Extraction> found = MustExtract(which, w.texts, w.labels, options);
        for (size_t i = 0; i < found.size(); ++i) {
          const bool was_late = found[i].error && found[i].error->code == Code::kDeadline;
          late += was_late;
          if (&which == &roomy && w.expected[i].error) continue;
          wrong += !was_late && !SameAnswer(found[i], w.expected[i]);
        }
        if (engine.Stats().peak > smallest) over = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_FALSE(over);
  EXPECT_EQ(engine.Stats().staging_in_use, 0u);
  EXPECT_EQ(engine.Stats().workspace_in_use, 0u);
}

TEST(Concurrency, ALoneTextGetsItsTurnBesideManyOthers) {
  const std::string model = GoldenModel("us_markerV0");
  const Engine engine = MustLoad(
      model, {.memory_budget = Inspect(model, {.threads = 2})->smallest_budget, .threads = 2});
  RandomTexts random(2);
  const std::vector<std::string> many = random.Texts(20, 30);
  const std::vector<Label> labels = random.Labels(2);
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (!done) MustExtract(engine, many, labels);
    });
  }
  for (int i = 0; i < 10; ++i) {
    const std::vector<Extraction> found = MustExtract(engine, {random.Text(30)}, labels);
    EXPECT_FALSE(found[0].error);
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace waterline
