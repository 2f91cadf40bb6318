// The fixture of tests that run once for each instruction set of the build.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "doctor/operands.h"
#include "doctor/reference_kernels.h"
#include "support/emulated_isas.h"

namespace waterline {

class KernelTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    kernels_ = CpuKernels(GetParam());
    if (kernels_ == nullptr) kernels_ = EmulatedKernels(GetParam());
    if (kernels_ == nullptr)
      GTEST_SKIP() << "this machine lacks, or has no need of, " << GetParam();
    reference_ = ReferenceKernels(kernels_);
  }
  const Kernels& kernels() const { return *kernels_; }
  const Kernels& reference() const { return reference_; }

 private:
  const Kernels* kernels_ = nullptr;
  ReferenceKernels reference_;
};

inline std::string TestNameOf(const char* isa) {
  std::string name = isa;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

}  // namespace waterline

// Runs the tests of `suite` for each instruction set, and those the machine lacks emulated.
#define WATERLINE_FOR_EACH_ISA(suite)                                              \
  INSTANTIATE_TEST_SUITE_P(Isa, suite, testing::ValuesIn(CpuIsaNames()),           \
                           [](const auto& isa) { return TestNameOf(isa.param); }); \
  INSTANTIATE_TEST_SUITE_P(Emulated, suite, testing::ValuesIn(EmulatedIsaNames()), \
                           [](const auto& isa) { return TestNameOf(isa.param); })
