// Convolutions along sequences, emulated, against the reference twins.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/convolution.h"

#include <fake_cuda.h>
#include <gtest/gtest.h>

#include "doctor/reference_kernels.h"
#include "kernels/cuda/device_slice.h"

namespace waterline {
namespace {

const ReferenceKernels reference;

TEST(CudaUnfoldTest, StopsAtTheEndsOfSequences) {
  const std::vector<int32_t> begins = BeginsOf({0, 3, 1, 0, 0, 516, 7, 0});
  const DeviceArray<int32_t> device_begins(begins);
  for (const int64_t width : {1, 19, 64, 300}) {
    OwnedMat x = RandomMat(527, width, 1);
    const DeviceSlice dx(x.view(), width % 3);
    for (const int64_t kernel : {1, 3, 5, 9}) {
      for (const auto& [first, rows] : {std::pair<int64_t, int64_t>{0, 527}, {2, 5}, {526, 1}}) {
        OwnedMat expected(rows, width * kernel);
        reference.Unfold(x, begins, kernel, first, expected);
        const DeviceSlice out(rows, width * kernel, 1);
        ASSERT_EQ(cuda::Unfold(dx, device_begins.span(), kernel, first, out, nullptr), cudaSuccess);
        EXPECT_TRUE(SameBits(out.ToHost().view(), expected.view())) << kernel << " from " << first;
      }
    }
  }
}

TEST(CudaGatedConvTest, StaysInItsSequence) {
  const std::vector<int32_t> begins = BeginsOf({5, 1, 0, 514, 0});
  const DeviceArray<int32_t> device_begins(begins);
  for (const int64_t width : {1, 21, 64, 515}) {
    OwnedMat x = RandomMat(520, 3 * width, 1);
    const DeviceSlice dx(x.view(), width % 4);
    for (const int64_t kernel : {1, 3, 4}) {
      for (const bool has_bias : {false, true}) {
        SCOPED_TRACE(testing::Message() << width << " " << kernel << " taps, bias " << has_bias);
        const std::vector<float> taps = RandomFloats(kernel * width, 2),
                                 bias = RandomFloats(width, 3);
        const DeviceArray<float> device_taps(taps), device_bias(bias);
        OwnedMat expected(520, width);
        reference.GatedConv({.x = x,
                             .begins = begins,
                             .kernel = kernel,
                             .taps = taps.data(),
                             .bias = has_bias ? bias.data() : nullptr},
                            expected);
        const DeviceSlice out(520, width, width % 3);
        const GatedConvArgs args{.x = dx,
                                 .begins = device_begins.span(),
                                 .kernel = kernel,
                                 .taps = device_taps.data(),
                                 .bias = has_bias ? device_bias.data() : nullptr};
        ASSERT_EQ(cuda::GatedConv(args, out, nullptr), cudaSuccess);
        // Products of four normal numbers are up to some 100 in size, of 4 roundings each.
        EXPECT_LE(LargestDifference(out.ToHost().view(), expected.view()), 4e-5);
      }
    }
  }
}

TEST(CudaGatedConvTest, ASequenceAloneHasTheBitsItHasAmongOthers) {
  const std::vector<int32_t> begins = BeginsOf({5, 1, 30}), alone_begins{0, 30};
  const DeviceArray<int32_t> device_begins(begins), device_alone(alone_begins);
  const std::vector<float> taps = RandomFloats(3 * 21, 2);
  const DeviceArray<float> device_taps(taps);
  const DeviceMat x(RandomMat(36, 63, 1).view()), all(36, 21), alone(30, 21);
  GatedConvArgs args{
      .x = x, .begins = device_begins.span(), .kernel = 3, .taps = device_taps.data()};
  ASSERT_EQ(cuda::GatedConv(args, all, nullptr), cudaSuccess);
  args.x = x.view().Rows(6, 36);
  args.begins = device_alone.span();
  ASSERT_EQ(cuda::GatedConv(args, alone, nullptr), cudaSuccess);
  EXPECT_TRUE(SameBits(all.ToHost().view().Rows(6, 36), alone.ToHost().view()));
}

TEST(CudaConvolutionTest, NoRowsAreNoLaunch) {
  ASSERT_EQ(cuda::PrepareConvolution(), cudaSuccess);
  const long launches = fake_cuda::Now().launches;
  const MatView none{nullptr, 0, 8, 16};
  EXPECT_EQ(cuda::Unfold(none, {}, 3, 0, none, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::GatedConv({}, none, nullptr), cudaSuccess);
  EXPECT_EQ(fake_cuda::Now().launches, launches);
}

}  // namespace
}  // namespace waterline
