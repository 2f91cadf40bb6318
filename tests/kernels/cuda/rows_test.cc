// Operations on rows, emulated, against the reference twins.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/rows.h"

#include <gtest/gtest.h>

#include "kernels/cuda/device_arrays.h"
#include "support/kernel_sets.h"

namespace waterline {
namespace {

TEST(CudaRowsTest, ScalesColumns) {
  const OwnedMat x = RandomMat(5, 300, 1);
  const std::vector<float> by = RandomFloats(300, 2);
  DeviceMat dx(x.view()), out(5, 300);
  DeviceArray<float> dby(by);
  ASSERT_EQ(cuda::Scale(dx, dby.data(), out, nullptr), cudaSuccess);
  const OwnedMat got = out.ToHost();
  for (int64_t r = 0; r < 5; ++r) {
    for (int64_t c = 0; c < 300; ++c) {
      EXPECT_EQ(got.view().row(r)[c], x.view().row(r)[c] * by[static_cast<size_t>(c)]);
    }
  }
}

}  // namespace
}  // namespace waterline
