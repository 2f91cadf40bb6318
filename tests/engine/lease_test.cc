// Leases, waiting, trimming and watching.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "engine/models.h"
#include "engine/random_texts.h"
#include "memory/machine.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;

class LeaseTest : public testing::Test {
 protected:
  Engine Load(EngineOptions options = {}) const {
    options.memory_budget = size_t{64} << 20;
    options.threads = 2;
    return MustLoad(GoldenModel("us_markerV0"), options);
  }
  std::vector<Extraction> Extract(const Engine& engine, const ExtractOptions& options = {}) const {
    ExtractOptions with = options;
    with.threshold = 0.3f;
    return MustExtract(engine, texts_, labels_, with);
  }

  RandomTexts random_{17};
  const std::vector<std::string> texts_ = random_.Texts(30, 60);
  const std::vector<Label> labels_ = random_.Labels(3);
};

TEST_F(LeaseTest, GivesMemoryInsideTheBudgetAndTakesItBack) {
  const Engine engine = Load();
  const size_t in_use = engine.Stats().in_use;
  {
    const auto lease = engine.Lease(5 << 20);
    ASSERT_TRUE(lease.ok()) << lease.error().message;
    EXPECT_EQ(lease->bytes(), size_t{5} << 20);
    std::memset(lease->memory().data(), 7, lease->memory().size());
    EXPECT_EQ(engine.Stats().leased, size_t{5} << 20);
    EXPECT_EQ(engine.Stats().workspace_in_use, size_t{5} << 20);
    EXPECT_EQ(engine.Stats().in_use, in_use);  // It was the workspace's before.
  }
  EXPECT_EQ(engine.Stats().leased, 0u);
}

TEST_F(LeaseTest, AnswersAreTheSameBesideOneAndInOne) {
  const Engine engine = Load();
  const std::vector<Extraction> expected = Extract(engine);
  const size_t workspace = engine.Stats().workspace;
  const auto most = engine.Lease(workspace - (2 << 20));
  ASSERT_TRUE(most.ok()) << most.error().message;
  EXPECT_TRUE(SameAnswers(Extract(engine), expected));  // In what is left.
  EXPECT_TRUE(SameAnswers(Extract(engine, {.lease = &*most}), expected));
}

TEST_F(LeaseTest, IsRefusedWhenItCannotBe) {
  const Engine engine = Load();
  const size_t workspace = engine.Stats().workspace;
  EXPECT_EQ(engine.Lease(0).error().code, Code::kInvalidArgument);
  for (const size_t bytes : {workspace + 1, size_t{64} << 20, SIZE_MAX}) {
    const auto lease = engine.Lease(bytes);
    ASSERT_FALSE(lease.ok());
    EXPECT_EQ(lease.error().code, Code::kOverBudget);
    EXPECT_THAT(lease.error().message, HasSubstr(std::to_string(workspace)));
  }
  const auto all = engine.Lease(workspace);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(engine.Lease(1).error().code, Code::kOverBudget);
  // Nothing is left for passes: texts are refused, not kept waiting.
  const std::vector<Extraction> found = Extract(engine);
  const auto refused =
      std::find_if(found.begin(), found.end(), [](const Extraction& e) { return e.words > 0; });
  ASSERT_NE(refused, found.end());
  ASSERT_TRUE(refused->error);
  EXPECT_EQ(refused->error->code, Code::kOverBudget);
}

TEST_F(LeaseTest, EndsOnEveryPath) {
  const Engine engine = Load();
  EXPECT_THROW(
      {
        const auto lease = engine.Lease(1 << 20);
        ASSERT_TRUE(lease.ok());
        throw std::runtime_error("a caller's own");
      },
      std::runtime_error);
  EXPECT_EQ(engine.Stats().leased, 0u);
  MemoryLease lease = *engine.Lease(1 << 20);
  MemoryLease moved = std::move(lease);
  EXPECT_EQ(engine.Stats().leased, size_t{1} << 20);
  lease = *engine.Lease(1 << 20);
  moved = std::move(lease);  // Ends the first.
  EXPECT_EQ(engine.Stats().leased, size_t{1} << 20);
  moved.Release();
  moved.Release();
  EXPECT_EQ(moved.bytes(), 0u);
  EXPECT_EQ(engine.Stats().leased, 0u);
}

TEST_F(LeaseTest, KeepsItsEngineAlive) {
  MemoryLease lease;
  { lease = *Load().Lease(1 << 20); }
  lease.memory()[100] = std::byte{1};
}

TEST_F(LeaseTest, OfABudgetHasNoMemory) {
  const MemoryBudget budget(1000);
  const auto lease = budget.Lease(600);
  ASSERT_TRUE(lease.ok());
  EXPECT_EQ(budget.in_use(), 600u);
  EXPECT_TRUE(lease->memory().empty());
  EXPECT_EQ(budget.Lease(401).error().code, Code::kOverBudget);
  EXPECT_EQ(budget.Lease(0).error().code, Code::kInvalidArgument);
  const Engine engine = Load();
  const std::string_view texts[] = {"a text"};
  const auto found = engine.Extract(std::span(texts), labels_, {.lease = &*lease});
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, Code::kInvalidArgument);
}

TEST_F(LeaseTest, TextsThatWaitTooLongAreRefused) {
  const Engine engine = Load();
  const auto inside = EngineInternals::Of(engine).turnstile->EnterAlone({});  // As a long call.
  const ExtractOptions options = {
      .wait = {.deadline = steady_clock::now() + milliseconds(10), .stop = {}}};
  for (const Extraction& e : Extract(engine, options)) {
    ASSERT_TRUE(e.error);
    EXPECT_EQ(e.error->code, Code::kDeadline);
  }
  std::stop_source stop;
  std::thread stopper([&] {
    std::this_thread::sleep_for(milliseconds(10));
    stop.request_stop();
  });
  for (const Extraction& e : Extract(engine, {.wait = {.stop = stop.get_token()}})) {
    ASSERT_TRUE(e.error);
    EXPECT_EQ(e.error->code, Code::kCancelled);
  }
  stopper.join();
  EXPECT_EQ(engine.Stats().staging_in_use, 0u);
}

TEST_F(LeaseTest, NothingBeginsAfterTheDeadline) {
  const Engine engine = Load();
  for (const Extraction& e :
       Extract(engine, {.wait = {.deadline = steady_clock::now(), .stop = {}}})) {
    if (e.words == 0 && !e.error) continue;  // A blank text needs no pass.
    ASSERT_TRUE(e.error);
    EXPECT_EQ(e.error->code, Code::kDeadline);
  }
  EXPECT_EQ(engine.Stats().batches, 0);
}

TEST_F(LeaseTest, TheObserverSeesEveryPass) {
  std::atomic<int64_t> passes{0}, tokens{0};
  std::atomic<bool> sane{true};
  const Engine engine = Load({.observer = [&](const BatchReport& report) {
    ++passes;
    tokens += report.tokens;
    if (report.sequences < 1 || report.planned == 0 || report.seconds <= 0 ||
        report.workspace_in_use < report.planned || report.in_use == 0) {
      sane = false;
    }
  }});
  Extract(engine);
  EXPECT_EQ(passes, engine.Stats().batches);
  EXPECT_EQ(tokens, engine.Stats().tokens);
  EXPECT_TRUE(sane);
}

TEST_F(LeaseTest, PeaksBeginAgainWhenTheyAreReset) {
  const Engine engine = Load();
  Extract(engine);
  EXPECT_GT(engine.Stats().workspace_peak, 0u);
  EXPECT_GT(engine.Stats().staging_peak, 0u);
  engine.ResetPeaks();
  EXPECT_EQ(engine.Stats().workspace_peak, 0u);
  EXPECT_EQ(engine.Stats().staging_peak, 0u);
  EXPECT_EQ(engine.Stats().recent_peak, engine.Stats().in_use);
  EXPECT_GE(engine.Stats().peak, engine.Stats().recent_peak);
}

constexpr size_t kMiB = size_t{1} << 20;

TEST(Trim, GivesResidentMemoryBack) {
  const Engine engine = MustLoad(DefaultModel(), {.memory_budget = 512 * kMiB, .threads = 2});
  RandomTexts random(3);
  const std::vector<std::string> texts = random.Texts(24, 200);
  const std::vector<Extraction> expected = MustExtract(engine, texts, random.Labels(5));
  const size_t before = ReadResidentMemory().now;
  const size_t fell = engine.Trim();
  const size_t after = ReadResidentMemory().now;
  EXPECT_GT(fell, 8 * kMiB);
  EXPECT_LT(after + 8 * kMiB, before);
  EXPECT_EQ(engine.Stats().trims, 1);
  RandomTexts again(3);
  (void)again.Texts(24, 200);
  EXPECT_TRUE(SameAnswers(MustExtract(engine, texts, again.Labels(5)), expected));
}

TEST(Trim, HappensByItselfWhenNothingIsCalled) {
  const Engine engine = MustLoad(
      DefaultModel(),
      {.memory_budget = 512 * kMiB, .threads = 2, .idle_trim = std::chrono::milliseconds(30)});
  RandomTexts random(3);
  for (int round = 1; round <= 2; ++round) {
    MustExtract(engine, random.Texts(4, 50), random.Labels(2));
    const auto give_up = steady_clock::now() + std::chrono::seconds(20);
    while (engine.Stats().trims < round && steady_clock::now() < give_up) {
      std::this_thread::sleep_for(milliseconds(5));
    }
    EXPECT_EQ(engine.Stats().trims, round);  // Once a pause.
  }
}

TEST(Unloading, ReturnsEverything) {
  (void)MustLoad(DefaultModel(), {.memory_budget = 256 * kMiB});
  const size_t before = ReadResidentMemory().now;
  {
    const Engine engine = MustLoad(DefaultModel(), {.memory_budget = 256 * kMiB});
    RandomTexts random(3);
    MustExtract(engine, random.Texts(10, 100), random.Labels(5));
    EXPECT_GT(ReadResidentMemory().now, before + 60 * kMiB);
  }
  EXPECT_LT(ReadResidentMemory().now, before + 4 * kMiB);
}

}  // namespace
}  // namespace waterline
