// What the emulation makes of the instructions is what their documents say.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/probes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "fake_cuda.h"
#include "kernels/cuda/device_arrays.h"

namespace waterline {
namespace {

class CudaProbesTest : public testing::Test {
 protected:
  void SetUp() override {
    fake_cuda::Reset({});
    ASSERT_EQ(cuda::PrepareProbes(), cudaSuccess);
  }
  void TearDown() override { emu::config = {}; }
};

void ExpectAsDocumented(const cuda::Probe& probe) {
  SCOPED_TRACE(probe.name);
  const DeviceArray<float> out(std::vector<float>(probe.count, 0.0f));
  ASSERT_EQ(probe.run(out.data(), nullptr), cudaSuccess);
  const std::vector<float> got = out.ToHost();
  std::vector<float> expected(probe.count, std::nanf(""));
  probe.expected(expected.data());
  for (size_t i = 0; i < probe.count; ++i) {
    ASSERT_FALSE(std::isnan(expected[i])) << "not written at " << i;
    if (got[i] == expected[i]) {
      EXPECT_EQ(std::signbit(got[i]), std::signbit(expected[i])) << "at " << i;
      continue;
    }
    EXPECT_LE(std::abs(got[i] - expected[i]), probe.tolerance * std::abs(expected[i]))
        << "at " << i << ": " << got[i] << " for " << expected[i];
  }
}

TEST_F(CudaProbesTest, InstructionsDoAsDocumented) {
  for (const bool eager : {false, true}) {
    emu::config.eager_copies = eager;
    for (const emu::Order order :
         {emu::Order::kForward, emu::Order::kReverse, emu::Order::kRandom}) {
      emu::config.order = order;
      for (const cuda::Probe& probe : cuda::Probes()) ExpectAsDocumented(probe);
    }
  }
}

// A probe that cannot fail shows nothing: no two elements that could be mistaken for each other are
// equal everywhere.
TEST_F(CudaProbesTest, ProductsTellRowsAndColumnsApart) {
  for (const cuda::Probe& probe : cuda::Probes().first(4)) {
    std::vector<float> d(probe.count);
    probe.expected(d.data());
    for (int i = 0; i < 16; ++i) {
      for (int k = 0; k < i; ++k) {
        EXPECT_FALSE(std::equal(d.begin() + i * 8, d.begin() + i * 8 + 8, d.begin() + k * 8))
            << probe.name << ": rows " << k << " and " << i;
      }
    }
  }
}

}  // namespace
}  // namespace waterline
