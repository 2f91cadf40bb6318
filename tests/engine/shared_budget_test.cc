// Several engines in one number, and models that are held once.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "engine/models.h"
#include "engine/random_texts.h"
#include "memory/machine.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

using testing::HasSubstr;

constexpr size_t kMiB = size_t{1} << 20;
const std::string kOne = GoldenModel("us_markerV0");
const std::string kOther = GoldenModel("bb_bert");

TEST(SharedBudget, TheSecondModelTakesFromTheSameNumber) {
  const MemoryBudget budget(40 * kMiB);
  const Engine one =
      MustLoad(kOne, {.memory_budget = 20 * kMiB, .threads = 1, .shared_budget = budget});
  const size_t taken = budget.in_use();
  EXPECT_EQ(taken, one.Stats().in_use);
  EXPECT_LE(taken, 20 * kMiB);
  const Engine other =
      MustLoad(kOther, {.memory_budget = 20 * kMiB, .threads = 1, .shared_budget = budget});
  EXPECT_EQ(budget.in_use(), taken + other.Stats().in_use);
  EXPECT_LE(budget.peak(), budget.limit());
  RandomTexts random(5);
  const std::vector<std::string> texts = random.Texts(10, 40);
  const std::vector<Label> labels = random.Labels(3);
  EXPECT_TRUE(
      SameAnswers(MustExtract(other, texts, labels), MustExtract(MustLoad(kOther), texts, labels)));
}

TEST(SharedBudget, AModelThatDoesNotFitIsRefusedAndFitsWhenAnotherIsGone) {
  const MemoryBudget budget(24 * kMiB);
  {
    const Engine one =
        MustLoad(kOne, {.memory_budget = 23 * kMiB, .threads = 1, .shared_budget = budget});
    const auto refused = Engine::Load(kOther, {.threads = 1, .shared_budget = budget});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kOverBudget);
    EXPECT_THAT(refused.error().message, HasSubstr("the smallest that would do is"));
  }
  EXPECT_EQ(budget.in_use(), 0u);
  EXPECT_TRUE(Engine::Load(kOther, {.threads = 1, .shared_budget = budget}).ok());
  EXPECT_EQ(budget.in_use(), 0u);
}

TEST(SharedBudget, LeasesCountToo) {
  const MemoryBudget budget(24 * kMiB);
  const auto lease = budget.Lease(23 * kMiB);
  ASSERT_TRUE(lease.ok());
  const auto refused =
      Engine::Load(kOne, {.memory_budget = 20 * kMiB, .threads = 1, .shared_budget = budget});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("leaves " + std::to_string(kMiB)));
}

TEST(SharedModel, IsCountedOnceInASharedBudget) {
  const MemoryBudget budget(64 * kMiB);
  const EngineOptions options = {.memory_budget = 20 * kMiB, .threads = 1, .shared_budget = budget};
  auto first = std::make_unique<Engine>(MustLoad(kOne, options));
  const EngineStats stats = first->Stats();
  auto second = std::make_unique<Engine>(MustLoad(kOne, options));
  const EngineStats second_stats = second->Stats();
  EXPECT_EQ(second_stats.weights, stats.weights);  // Each engine's own number has all of it.
  EXPECT_EQ(second_stats.tokenizer, stats.tokenizer);
  EXPECT_EQ(budget.in_use(), stats.in_use + second_stats.in_use - stats.weights - stats.tokenizer);
  first.reset();  // What loaded it goes first.
  EXPECT_EQ(budget.in_use(), second_stats.in_use);
  EXPECT_TRUE(second->Extract({"Ada Lovelace lived in London."}, {{"person", {}}}).ok());
  second.reset();
  EXPECT_EQ(budget.in_use(), 0u);
}

TEST(SharedModel, IsHeldOnceInTheProcess) {
  const EngineOptions options = {.memory_budget = 128 * kMiB, .threads = 1};
  const Engine first = MustLoad(DefaultModel(), options);
  const size_t before = ReadResidentMemory().now;
  const Engine second = MustLoad(DefaultModel(), options);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // They take memory themselves.
  EXPECT_LT(ReadResidentMemory().now, before + 8 * kMiB);            // Its weights have 64 MiB.
#else
  EXPECT_GT(before, 0u);
#endif
  EXPECT_EQ(&*EngineInternals::Of(first).model->operator->(),
            &*EngineInternals::Of(second).model->operator->());
  EXPECT_EQ(second.Stats().weights, first.Stats().weights);
}

TEST(SharedModel, IsAnotherWhenItsFilesChangeOrTheKernelsDo) {
  const std::filesystem::path copy =
      std::filesystem::path(testing::TempDir()) / "waterline_shared_model_test";
  std::filesystem::remove_all(copy);
  std::filesystem::copy(kOne, copy, std::filesystem::copy_options::recursive);
  const Engine before = MustLoad(copy);
  const Engine portable = MustLoad(copy, {.isa = "portable"});
  std::filesystem::last_write_time(copy / "model.safetensors",
                                   std::filesystem::file_time_type::clock::now());
  const Engine after = MustLoad(copy);
  const auto model = [](const Engine& engine) {
    return EngineInternals::Of(engine).model->operator->();
  };
  EXPECT_NE(model(before), model(after));
  if (before.Stats().isa != "portable") {
    EXPECT_NE(model(before), model(portable));
  }
  std::filesystem::remove_all(copy);
}

TEST(SharedModel, MayBeOpenedByManyThreadsAtOnce) {
  std::vector<std::thread> threads;
  std::vector<const LoadedModel*> models(6);
  std::vector<Engine> engines;
  std::mutex mutex;
  for (size_t t = 0; t < models.size(); ++t) {
    threads.emplace_back([&, t] {
      Engine engine = MustLoad(kOne, {.memory_budget = 32 * kMiB, .threads = 1});
      models[t] = EngineInternals::Of(engine).model->operator->();
      const std::lock_guard lock(mutex);
      engines.push_back(std::move(engine));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const LoadedModel* model : models) EXPECT_EQ(model, models[0]);
}

}  // namespace
}  // namespace waterline
