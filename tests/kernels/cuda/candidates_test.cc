// Candidates of a pass, emulated, against a plain loop.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/candidates.h"

#include <fake_cuda.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/cuda/device_slice.h"

namespace waterline {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Pass {
  std::vector<int64_t> score_begins{0};
  std::vector<RowRange> label_groups;
  std::vector<int32_t> limit_begins;
  std::vector<float> limits, logits;

  // Sequences of {places, labels}; labels are `first_label` and on of some matrix.
  explicit Pass(const std::vector<std::pair<int64_t, int32_t>>& sequences) {
    for (const auto& [places, labels] : sequences) {
      score_begins.push_back(score_begins.back() + places * labels);
      label_groups.push_back({17, 17 + labels});
      limit_begins.push_back(static_cast<int32_t>(limits.size()));
      for (int32_t c = 0; c < labels; ++c) limits.push_back(0.5f * static_cast<float>(c % 5));
    }
    logits = RandomFloats(score_begins.back(), 1);
  }

  std::vector<std::pair<int32_t, float>> Expected() const {
    std::vector<std::pair<int32_t, float>> expected;
    for (size_t s = 0; s < label_groups.size(); ++s) {
      const int64_t labels = label_groups[s].end - label_groups[s].begin;
      for (int64_t i = score_begins[s]; i < score_begins[s + 1]; ++i) {
        const float limit =
            limits[static_cast<size_t>(limit_begins[s] + (i - score_begins[s]) % labels)];
        const float logit = logits[static_cast<size_t>(i)];
        if (logit > limit) expected.emplace_back(static_cast<int32_t>(i), logit);
      }
    }
    return expected;
  }
};

struct Found {
  CandidateSet set;
  std::vector<std::pair<int32_t, float>> candidates;  // Sorted; those that were written.
};

Found Find(const Pass& pass, int32_t capacity) {
  const DeviceArray<int64_t> score_begins(pass.score_begins);
  const DeviceArray<RowRange> label_groups(pass.label_groups);
  const DeviceArray<int32_t> limit_begins(pass.limit_begins);
  const DeviceArray<float> limits(pass.limits), logits(pass.logits);
  const DeviceArray<CandidateSet> set(1);
  // One more than may be written.
  const DeviceArray<Candidate> candidates(static_cast<size_t>(capacity) + 1);
  EXPECT_EQ(
      cuda::FindCandidates(logits.span(), score_begins.span(), label_groups.span(), limits.span(),
                           limit_begins.span(), capacity, set.data(), candidates.data(), nullptr),
      cudaSuccess);
  const std::vector<Candidate> written = candidates.ToHost();
  Found found{set.ToHost().front(), {}};
  EXPECT_EQ(written.back().index, -1) << "written beyond the capacity";
  for (int32_t i = 0; i < std::min(capacity, found.set.count); ++i) {
    found.candidates.emplace_back(written[static_cast<size_t>(i)].index,
                                  written[static_cast<size_t>(i)].logit);
  }
  std::sort(found.candidates.begin(), found.candidates.end());
  return found;
}

TEST(CudaCandidatesTest, AreThoseAboveTheLimitsOfTheirLabels) {
  const Pass passes[] = {Pass({{1, 1}}), Pass({{0, 3}, {5, 0}, {100, 7}, {0, 0}, {33, 1}, {1, 60}}),
                         Pass({{2000, 3}, {0, 5}, {17, 9}}), Pass({{1024, 1}}), Pass({{1025, 1}})};
  for (const Pass& pass : passes) {
    const auto expected = pass.Expected();
    const Found found = Find(pass, static_cast<int32_t>(pass.logits.size()));
    EXPECT_EQ(found.candidates, expected);
    EXPECT_EQ(found.set.count, static_cast<int32_t>(expected.size()));
    EXPECT_EQ(found.set.nan, 0);
  }
}

TEST(CudaCandidatesTest, AreTheSameInEveryThreadOrder) {
  const Pass pass({{700, 3}, {1, 2}});
  ForEachThreadOrder([&] { EXPECT_EQ(Find(pass, 2102).candidates, pass.Expected()); });
}

TEST(CudaCandidatesTest, BeyondTheCapacityAreCountedAndNotWritten) {
  const Pass pass({{2000, 3}});
  const auto expected = pass.Expected();
  ASSERT_GT(expected.size(), 100u);
  for (const int32_t capacity : {0, 1, 100}) {
    const Found found = Find(pass, capacity);
    EXPECT_EQ(found.set.count, static_cast<int32_t>(expected.size()));
    EXPECT_TRUE(std::includes(expected.begin(), expected.end(), found.candidates.begin(),
                              found.candidates.end()));
  }
}

TEST(CudaCandidatesTest, InfinitiesAreCompared) {
  Pass pass({{3, 2}});
  pass.limits = {-kInfinity, 0};
  pass.logits = {-kInfinity, kInfinity, -1e30f, 0, kInfinity, -kInfinity};
  const Found found = Find(pass, 6);
  const std::vector<std::pair<int32_t, float>> expected{
      {1, kInfinity}, {2, -1e30f}, {4, kInfinity}};
  EXPECT_EQ(found.candidates, expected);
}

TEST(CudaCandidatesTest, ReportNaN) {
  Pass pass({{2000, 3}});
  pass.logits[5999] = std::numeric_limits<float>::quiet_NaN();
  const Found found = Find(pass, 6000);
  EXPECT_NE(found.set.nan, 0);
  EXPECT_EQ(found.candidates, pass.Expected());
}

TEST(CudaCandidatesTest, NoLogitsAreNoCandidates) {
  ASSERT_EQ(cuda::PrepareCandidates(), cudaSuccess);
  const long launches = fake_cuda::Now().launches;
  const Found found = Find(Pass({{0, 3}}), 4);
  EXPECT_EQ(found.set.count, 0);
  EXPECT_EQ(found.set.nan, 0);
  EXPECT_EQ(fake_cuda::Now().launches, launches);
}

}  // namespace
}  // namespace waterline
