// The choice of instruction set, the dry kernels, and denormals.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <thread>

#include "kernels/cpu/bf16_probe.h"
#include "kernels/denormals.h"
#include "kernels/dry.h"
#include "kernels/kernels.h"

namespace waterline {

namespace {

TEST(CpuKernels, PortableRunsAnywhere) {
  ASSERT_NE(CpuKernels("portable"), nullptr);
  EXPECT_STREQ(CpuKernels("portable")->name(), "portable");
}

TEST(CpuKernels, UnknownNamesAreNull) { EXPECT_EQ(CpuKernels("mmx"), nullptr); }

TEST(CpuKernels, TheDefaultIsTheFastestThatRuns) {
  unsetenv("WATERLINE_ISA");
  for (const char* isa : CpuIsaNames()) {
    const Kernels* kernels = CpuKernels(isa);
    if (kernels == nullptr) continue;
    // Where bf16 products are slow, the next one.
    if (std::strcmp(isa, "avx512bf16") == 0 && CpuKernels() != kernels) continue;
    EXPECT_EQ(CpuKernels(), kernels);
    break;
  }
}

TEST(CpuKernels, ForcedOnesAreThoseOfTheirName) {
  for (const char* isa : CpuIsaNames()) {
    const Kernels* kernels = CpuKernels(isa);
    if (kernels == nullptr) continue;
    EXPECT_STREQ(kernels->name(), isa);
  }
}

TEST(IsFasterWithBf16, TellsAFastOneFromASlowOne) {
  const Kernels* fast = CpuKernels("avx2");
  if (fast == nullptr) GTEST_SKIP() << "this machine lacks avx2";
  EXPECT_TRUE(IsFasterWithBf16(*fast, *CpuKernels("portable")));
  EXPECT_FALSE(IsFasterWithBf16(*CpuKernels("portable"), *fast));
}

TEST(CpuKernels, TheEnvironmentNamesTheDefault) {
  setenv("WATERLINE_ISA", "portable", 1);
  EXPECT_EQ(CpuKernels(), CpuKernels("portable"));
  EXPECT_EQ(CpuKernels(""), CpuKernels("portable"));
  setenv("WATERLINE_ISA", "mmx", 1);
  EXPECT_EQ(CpuKernels(), nullptr);
  unsetenv("WATERLINE_ISA");
}

TEST(DryKernels, ReportTheSizesOfTheKernelsTheyStandFor) {
  const Kernels& real = *CpuKernels("portable");
  const DryKernels dry(real);
  for (const WeightType type : {WeightType::kF32, WeightType::kBf16, WeightType::kInt8}) {
    const Weight w{.out = 17, .in = 5, .type = type};
    EXPECT_EQ(dry.PackedBytes(type, 17, 5), real.PackedBytes(type, 17, 5));
    EXPECT_EQ(dry.LinearScratchBytes(7, w), real.LinearScratchBytes(7, w));
    EXPECT_EQ(dry.PartsOfLinear(7, w).rounded, real.PartsOfLinear(7, w).rounded);
    EXPECT_EQ(dry.PartsOfLinear(7, w).scratch, real.PartsOfLinear(7, w).scratch);
    EXPECT_EQ(dry.InputRounding(type).levels, real.InputRounding(type).levels);
  }
  EXPECT_EQ(dry.PackedLstmFloats(9), real.PackedLstmFloats(9));
  EXPECT_EQ(dry.AttentionScratchBytes(70, 32, nullptr),
            real.AttentionScratchBytes(70, 32, nullptr));
  EXPECT_EQ(dry.LstmScratchBytes(9, 4), real.LstmScratchBytes(9, 4));
  EXPECT_EQ(dry.SpanScoreScratchBytes(64, 12, 10), real.SpanScoreScratchBytes(64, 12, 10));
}

TEST(SetFlushDenormals, ChangesItsThreadOnly) {
  const auto denormal = [] {
    volatile float smallest = std::numeric_limits<float>::min();
    volatile float half = smallest * 0.5f;
    return half;
  };
  float there = 1;
  std::thread([&] {
    SetFlushDenormals();
    there = denormal();
  }).join();
  EXPECT_EQ(there, 0);
  EXPECT_GT(denormal(), 0);
}

}  // namespace

}  // namespace waterline
