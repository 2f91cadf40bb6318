// The linear map for CUDA, emulated, against double sums, and its promise of same answers.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/linear.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "fake_cuda.h"
#include "kernels/cuda/device_arrays.h"
#include "kernels/linear_cases.h"
#include "support/kernel_sets.h"
#include "support/reference_kernels.h"

namespace waterline {
namespace {

constexpr WeightType kTypes[] = {WeightType::kF32, WeightType::kTf32, WeightType::kBf16,
                                 WeightType::kF16, WeightType::kInt8};

// The same numbers are multiplied as by the kernels under test, and summed in double.
class LinearTwin : public ReferenceKernels {
 public:
  Rounding InputRounding(WeightType type) const override { return cuda::LinearInputRounding(type); }
};

// A weight in the device's memory and its twin on the host.
class DeviceWeight {
 public:
  DeviceWeight(const std::vector<float>& from, int64_t out, int64_t in, bool has_bias,
               WeightType type)
      : twin_(LinearTwin(), from, out, in, has_bias, type),
        packed_(Pack(from, out, in, type)),
        bias_(std::max<size_t>(twin_.bias.size(), 1)) {
    if (has_bias) bias_.Put(twin_.bias.data());
    weight_ = {out, in, type, packed_.data(), has_bias ? bias_.data() : nullptr};
  }
  const Weight& twin() const { return twin_.weight; }
  operator const Weight&() const { return weight_; }  // NOLINT(google-explicit-constructor)

 private:
  static std::vector<std::byte> Pack(const std::vector<float>& from, int64_t out, int64_t in,
                                     WeightType type) {
    std::vector<std::byte> packed(cuda::PackedLinearBytes(type, out, in), std::byte{0xff});
    const Weight w = {.out = out, .in = in, .type = type};
    const int64_t part = out / 2;  // In two parts, as a loader that reads piece by piece does.
    cuda::PackLinear(from.data(), 0, part, w, packed.data());
    cuda::PackLinear(from.data() + part * in, part, out - part, w, packed.data());
    return packed;
  }

  OwnedWeight twin_;
  DeviceArray<std::byte> packed_;
  DeviceArray<float> bias_;
  Weight weight_;
};

void Run(MatView x, const Weight& w, Act act, MatView out, const cuda::LinearTile* tile = nullptr) {
  DeviceArray<std::byte> scratch(cuda::LinearScratchBytes(x.rows, w));
  const cudaError_t e = tile == nullptr
                            ? cuda::Linear(x, w, act, scratch.span(), out, nullptr)
                            : cuda::LinearInTiles(*tile, x, w, act, scratch.span(), out, nullptr);
  ASSERT_EQ(e, cudaSuccess);
}

OwnedMat RunOnHost(MatView x, const Weight& w, Act act, const cuda::LinearTile* tile = nullptr) {
  const DeviceMat dx(x);
  const DeviceMat out(x.rows, w.out);
  Run(dx, w, act, out, tile);
  return out.ToHost();
}

OwnedMat Expected(MatView x, const DeviceWeight& w, Act act) {
  OwnedMat out(x.rows, w.twin().out);
  LinearTwin().Linear(x, w.twin(), act, {}, out);
  return out;
}

// n terms of size 1 / sqrt(n), summed in f32 one after another: the error grows as sqrt(n) half
// units in the last place of a sum of size 1, here with a factor of 8 for the tails. Activations
// add a few units, and so does what f32 drops of each product.
double Tolerance(int64_t terms) { return 6e-8 * 8 * std::sqrt(static_cast<double>(terms)) + 1e-6; }

class CudaLinearTest : public testing::TestWithParam<WeightType> {
 protected:
  void SetUp() override {
    emu::config = {};
    fake_cuda::Reset({});
    ASSERT_EQ(cuda::PrepareLinear(), cudaSuccess);
  }
  void TearDown() override { emu::config = {}; }
  static WeightType type() { return GetParam(); }
};

TEST_P(CudaLinearTest, MatchesDoubleSums) {
  for (const LinearCase& test : kLinearCases) {
    SCOPED_TRACE(testing::Message() << test.rows << " x " << test.in << " x " << test.out);
    const OwnedMat x = RandomMat(test.rows, test.in, 1);
    const DeviceWeight w(OwnedWeight::Rows(test.out, test.in, 2), test.out, test.in, test.has_bias,
                         type());
    const OwnedMat out = RunOnHost(x.view(), w, test.act);
    EXPECT_LE(LargestDifference(out.view(), Expected(x.view(), w, test.act).view()),
              Tolerance(test.in));
    EXPECT_TRUE(out.PaddingUntouched());
  }
}

TEST_P(CudaLinearTest, AllTilesHaveTheSameBits) {
  constexpr int64_t kRows = 131, kIn = 100, kOut = 259;
  const OwnedMat x = RandomMat(kRows, kIn, 1);
  const DeviceWeight w(OwnedWeight::Rows(kOut, kIn, 2), kOut, kIn, true, type());
  const OwnedMat expected = Expected(x.view(), w, Act::kNone);
  const cuda::LinearTile first = cuda::LinearTiles(type()).front();
  const OwnedMat one = RunOnHost(x.view(), w, Act::kNone, &first);
  EXPECT_LE(LargestDifference(one.view(), expected.view()), Tolerance(kIn));
  for (const cuda::LinearTile tile : cuda::LinearTiles(type())) {
    const OwnedMat other = RunOnHost(x.view(), w, Act::kNone, &tile);
    EXPECT_TRUE(SameBits(one.view(), other.view())) << static_cast<int>(tile);
    EXPECT_TRUE(other.PaddingUntouched());
  }
}

INSTANTIATE_TEST_SUITE_P(Type, CudaLinearTest, testing::ValuesIn(kTypes),
                         [](const auto& type) { return WeightTypeName(type.param); });

}  // namespace
}  // namespace waterline
