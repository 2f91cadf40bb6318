// SPDX-License-Identifier: Apache-2.0
#include "fair_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace waterline::server {
namespace {

// `count` texts of `bytes` bytes each.
std::shared_ptr<Job> MakeJob(const std::string& client, size_t count, size_t bytes = 40) {
  auto job = std::make_shared<Job>();
  job->client = client;
  job->body = std::string(bytes, 'x');
  job->texts.resize(count);
  for (JobText& text : job->texts) text.text = job->body;
  job->queued = Clock::now();
  return job;
}

std::string Clients(const std::vector<BatchText>& batch) {
  std::string clients;
  for (const BatchText& text : batch) clients += text.job->client;
  return clients;
}

TEST(FairQueue, ClientsTakeTurnsWhoeverAskedForMore) {
  FairQueue queue;
  queue.Push(MakeJob("a", 6));
  queue.Push(MakeJob("b", 2));
  queue.Push(MakeJob("c", 1));
  EXPECT_EQ(Clients(queue.Take(1000)), "abcabaaaa");
}

TEST(FairQueue, SharesAreOfTokensNotOfTexts) {
  FairQueue queue;
  queue.Push(MakeJob("a", 20, 400));
  queue.Push(MakeJob("b", 200, 40));
  int64_t tokens_a = 0;
  int64_t tokens_b = 0;
  for (int i = 0; i < 40; ++i) {
    for (const BatchText& text : queue.Take(1)) {
      (text.job->client == "a" ? tokens_a : tokens_b) +=
          EstimateTokens(text.job->texts[text.index]);
    }
  }
  EXPECT_NEAR(static_cast<double>(tokens_a), static_cast<double>(tokens_b), 110);
}

TEST(FairQueue, WhoComesLateHasNoCreditFromBefore) {
  FairQueue queue;
  queue.Push(MakeJob("a", 100));
  for (int i = 0; i < 50; ++i) queue.Take(1);
  queue.Push(MakeJob("b", 100));
  std::string clients;
  for (int i = 0; i < 20; ++i) clients += Clients(queue.Take(1));
  EXPECT_EQ(std::count(clients.begin(), clients.end(), 'a'), 10);
}

TEST(FairQueue, ABatchStaysWithinItsTokensButForOneText) {
  FairQueue queue;
  queue.Push(MakeJob("a", 10));  // 12 tokens each.
  EXPECT_EQ(queue.Take(36).size(), 3u);
  EXPECT_EQ(queue.Take(1).size(), 1u);
  EXPECT_EQ(queue.Take(1000).size(), 6u);
  EXPECT_TRUE(queue.Take(1000).empty());
}

TEST(FairQueue, ABatchHasOneSettingAndOthersComeNext) {
  FairQueue queue;
  queue.Push(MakeJob("a", 2));
  const auto nested = MakeJob("b", 2);
  nested->settings.nested = true;
  queue.Push(nested);
  queue.Push(MakeJob("c", 2));
  EXPECT_EQ(Clients(queue.Take(1000)), "acac");
  EXPECT_EQ(Clients(queue.Take(1000)), "bb");
}

TEST(FairQueue, PlansComeAlone) {
  FairQueue queue;
  for (int i = 0; i < 2; ++i) {
    const auto plan = MakeJob("a", 1);
    plan->settings.kind = JobKind::kPlan;
    queue.Push(plan);
  }
  EXPECT_EQ(queue.Take(1000).size(), 1u);
  EXPECT_EQ(queue.Take(1000).size(), 1u);
}

TEST(FairQueue, RemovedJobsLeaveNothingBehind) {
  FairQueue queue;
  const auto one = MakeJob("a", 5);
  const auto other = MakeJob("a", 5);
  queue.Push(one);
  queue.Push(other);
  queue.Take(1);
  EXPECT_TRUE(queue.Remove(*one));
  EXPECT_FALSE(queue.Remove(*one));
  EXPECT_EQ(queue.jobs(), 1u);
  EXPECT_EQ(queue.Take(1000).size(), 5u);
  EXPECT_EQ(queue.jobs(), 0u);
  EXPECT_EQ(queue.tokens(), 0);
  EXPECT_FALSE(queue.oldest().has_value());
}

TEST(FairQueue, CountsStayRightThroughRandomUse) {
  FairQueue queue;
  unsigned seed = 7;
  const auto random = [&](unsigned below) {
    return (seed = seed * 1664525 + 1013904223) / 65536 % below;
  };
  std::vector<std::shared_ptr<Job>> jobs;
  for (int step = 0; step < 20000; ++step) {
    switch (random(4)) {
      case 0:
        jobs.push_back(
            MakeJob(std::string(1, static_cast<char>('a' + random(5))), 1 + random(4), random(90)));
        jobs.back()->settings.nested = random(4) == 0;
        queue.Push(jobs.back());
        break;
      case 1:
        if (!jobs.empty()) {
          const std::shared_ptr<Job>& job = jobs[random(static_cast<unsigned>(jobs.size()))];
          const int64_t before = queue.tokens();
          if (queue.Remove(*job)) {
            EXPECT_LE(queue.tokens(), before);
          }
        }
        break;
      default:
        queue.Take(random(200));
    }
  }
  while (!queue.Take(100).empty()) {
  }
  EXPECT_EQ(queue.jobs(), 0u);
  EXPECT_EQ(queue.tokens(), 0);
}

}  // namespace
}  // namespace waterline::server
