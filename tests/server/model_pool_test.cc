// SPDX-License-Identifier: Apache-2.0
#include "model_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

namespace waterline::server {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

std::string GoldenModel(const std::string& name) {
  return std::string(WATERLINE_GOLDEN_DIR) + "/models/" + name + "/checkpoint";
}

ModelPoolOptions TwoModels(size_t budget) {
  ModelPoolOptions options;
  options.models = {{"one", GoldenModel("us_markerV0")}, {"other", GoldenModel("bb_bert")}};
  options.engine.memory_budget = budget;
  options.engine.threads = 1;
  return options;
}

// Too little for both, and enough for each.
size_t RoomForOne() {
  size_t sum = 0;
  for (const ModelSource& model : TwoModels(0).models) {
    sum += Inspect(model.path, {.threads = 1})->smallest_budget;
  }
  return sum - kMiB / 2;
}

std::shared_ptr<Job> Ask(Batcher& batcher, std::binary_semaphore& ended) {
  auto job = std::make_shared<Job>();
  job->body = "Ada Lovelace lived in London .";
  job->texts.resize(1);
  job->texts[0].text = job->body;
  job->texts[0].labels =
      std::make_shared<const std::vector<Label>>(std::vector<Label>{{.name = "person"}});
  job->done = [&ended] { ended.release(); };
  batcher.Submit(job);
  return job;
}

// The error of a text that `model` is asked about; "" for none.
std::string Outcome(ModelPool& pool, const std::string& model) {
  std::binary_semaphore ended(0);
  const auto job = Ask(*pool.Find(model), ended);
  ended.acquire();
  return job->results[0].error ? job->results[0].error->message : "";
}

ModelStatus StatusOf(const ModelPool& pool, const std::string& name) {
  for (const ModelState& state : pool.States()) {
    if (state.name == name) return state.status;
  }
  return ModelStatus::kFailed;
}

TEST(ModelPool, ModelsShareOneBudget) {
  const auto pool = ModelPool::Open(TwoModels(48 * kMiB));
  ASSERT_TRUE(pool.ok()) << pool.error().message;
  EXPECT_EQ(Outcome(**pool, "one"), "");
  EXPECT_EQ(Outcome(**pool, "other"), "");
  EXPECT_EQ(Outcome(**pool, ""), "");
  EXPECT_EQ((*pool)->Find("third"), nullptr);
  EXPECT_LE((*pool)->budget().peak(), 48 * kMiB);
}

TEST(ModelPool, ModelsThatDoNotFitTogetherAreRefused) {
  const auto pool = ModelPool::Open(TwoModels(RoomForOne()));
  ASSERT_FALSE(pool.ok());
  EXPECT_EQ(pool.error().code, Code::kOverBudget);
}

TEST(ModelPool, TwoModelsOfOneNameAreRefused) {
  ModelPoolOptions options = TwoModels(48 * kMiB);
  options.models[1].name = "one";
  EXPECT_EQ(ModelPool::Open(options).error().code, Code::kInvalidArgument);
}

TEST(ModelPool, OnDemandTheLeastRecentlyUsedMakesRoom) {
  ModelPoolOptions options = TwoModels(RoomForOne());
  options.on_demand = true;
  const auto pool = ModelPool::Open(options);
  ASSERT_TRUE(pool.ok()) << pool.error().message;
  EXPECT_EQ(StatusOf(**pool, "one"), ModelStatus::kUnloaded);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Outcome(**pool, "one"), "");
    EXPECT_EQ(StatusOf(**pool, "one"), ModelStatus::kLoaded);
    EXPECT_EQ(Outcome(**pool, "other"), "");
    EXPECT_EQ(StatusOf(**pool, "other"), ModelStatus::kLoaded);
    EXPECT_EQ(StatusOf(**pool, "one"), ModelStatus::kUnloaded);
  }
  EXPECT_LE((*pool)->budget().peak(), RoomForOne());
}

TEST(ModelPool, AModelThatCannotBeLoadedFailsItsRequestsAlone) {
  ModelPoolOptions options = TwoModels(24 * kMiB);
  options.on_demand = true;
  options.models[1].path = "/no/such/model";
  const auto pool = ModelPool::Open(options);
  ASSERT_TRUE(pool.ok());
  EXPECT_NE(Outcome(**pool, "other"), "");
  EXPECT_EQ(StatusOf(**pool, "other"), ModelStatus::kFailed);
  EXPECT_EQ(Outcome(**pool, "one"), "");
}

TEST(ModelPool, ReloadingDropsNoRequest) {
  const auto pool = ModelPool::Open(TwoModels(48 * kMiB));
  ASSERT_TRUE(pool.ok());
  std::atomic<bool> stop = false;
  std::atomic<int> failed = 0;
  std::vector<std::thread> clients;
  for (const char* model : {"one", "other", "one"}) {
    clients.emplace_back([&, model] {
      while (!stop) failed += Outcome(**pool, model).empty() ? 0 : 1;
    });
  }
  for (int i = 0; i < 3; ++i) (*pool)->Reload();
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failed, 0);
  EXPECT_LE((*pool)->budget().peak(), 48 * kMiB);
}

TEST(ModelPool, WhatIsSetAsideCounts) {
  ModelPoolOptions options = TwoModels(48 * kMiB);
  options.reserved = 8 * kMiB;
  const auto pool = ModelPool::Open(options);
  ASSERT_TRUE(pool.ok()) << pool.error().message;
  size_t models = 0;
  for (const ModelState& state : (*pool)->States()) models += state.stats->in_use;
  EXPECT_EQ((*pool)->budget().in_use(), models + 8 * kMiB);
  options.reserved = 64 * kMiB;
  EXPECT_EQ(ModelPool::Open(options).error().code, Code::kOverBudget);
}

}  // namespace
}  // namespace waterline::server
