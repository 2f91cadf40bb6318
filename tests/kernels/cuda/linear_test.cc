// The linear map for CUDA, emulated, against double sums, and its promise of same answers.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/linear.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "doctor/linear_cases.h"
#include "doctor/operands.h"
#include "doctor/reference_kernels.h"
#include "fake_cuda.h"
#include "kernels/cuda/device_arrays.h"
#include "kernels/rounding.h"

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

void RunOnDevice(MatView x, const Weight& w, Act act, MatView out,
                 const cuda::LinearTile* tile = nullptr) {
  DeviceArray<std::byte> scratch(cuda::LinearScratchBytes(x.rows, w));
  const cudaError_t e = tile == nullptr
                            ? cuda::Linear(x, w, act, scratch.span(), out, nullptr)
                            : cuda::LinearInTiles(*tile, x, w, act, scratch.span(), out, nullptr);
  ASSERT_EQ(e, cudaSuccess);
}

OwnedMat RunOnHost(MatView x, const Weight& w, Act act, const cuda::LinearTile* tile = nullptr) {
  const DeviceMat dx(x);
  const DeviceMat out(x.rows, w.out);
  RunOnDevice(dx, w, act, out, tile);
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

// Of every remainder of rows, in whatever tiles their number asks for, with a tail of terms.
TEST_P(CudaLinearTest, AnyNumberOfRowsMatches) {
  constexpr int64_t kMost = 70, kIn = 75, kOut = 35;
  const OwnedMat x = RandomMat(kMost, kIn, 1);
  const DeviceWeight w(OwnedWeight::Rows(kOut, kIn, 2), kOut, kIn, true, type());
  const OwnedMat expected = Expected(x.view(), w, Act::kRelu);
  const OwnedMat all = RunOnHost(x.view(), w, Act::kRelu);
  for (int64_t rows = 1; rows <= kMost; ++rows) {
    const OwnedMat out = RunOnHost(x.view().Rows(0, rows), w, Act::kRelu);
    ASSERT_LE(LargestDifference(out.view(), expected.view().Rows(0, rows)), Tolerance(kIn));
    ASSERT_TRUE(SameBits(out.view(), all.view().Rows(0, rows))) << rows;
  }
}

TEST_P(CudaLinearTest, ARowAloneHasTheBitsItHasAmongOthers) {
  constexpr int64_t kRows = 560, kIn = 100, kOut = 53;
  const OwnedMat x = RandomMat(kRows, kIn, 3);
  const DeviceWeight w(OwnedWeight::Rows(kOut, kIn, 4), kOut, kIn, true, type());
  const OwnedMat all = RunOnHost(x.view(), w, Act::kGelu);
  for (const auto& [begin, end] :
       {std::pair<int64_t, int64_t>{0, 1}, {7, 8}, {31, 34}, {555, 560}, {3, 250}}) {
    const OwnedMat part = RunOnHost(x.view().Rows(begin, end), w, Act::kGelu);
    EXPECT_TRUE(SameBits(part.view(), all.view().Rows(begin, end))) << begin << ".." << end;
  }
}

// Columns from any multiple of 4 bytes, in and out.
TEST_P(CudaLinearTest, ReadsAndWritesColumnSlices) {
  constexpr int64_t kRows = 9, kIn = 37, kOut = 21;
  const OwnedMat numbers = RandomMat(kRows, kIn, 1);
  const DeviceWeight w(OwnedWeight::Rows(kOut, kIn, 2), kOut, kIn, true, type());
  for (int64_t first = 0; first < 5; ++first) {
    // What lies beside the columns is not read: a NaN there would show.
    OwnedMat narrow(kRows, kIn), wide(kRows, 64);
    std::fill_n(wide.view().data, kRows * 64, std::nanf(""));
    for (int64_t r = 0; r < kRows; ++r) {
      std::copy_n(numbers.view().row(r), kIn, narrow.view().row(r));
      std::copy_n(numbers.view().row(r), kIn, wide.view().row(r) + first);
    }
    const DeviceMat dwide(wide.view());
    const OwnedMat alone = RunOnHost(narrow.view(), w, Act::kTanh);
    OwnedMat untouched(kRows, 48);
    std::fill_n(untouched.view().data, kRows * 48, OwnedMat::kUntouched);
    const DeviceMat dout(untouched.view());
    RunOnDevice(dwide.view().Cols(first, first + kIn), w, Act::kTanh,
                dout.view().Cols(first + 1, first + 1 + kOut));
    const OwnedMat out = dout.ToHost();
    EXPECT_TRUE(SameBits(out.view().Cols(first + 1, first + 1 + kOut), alone.view())) << first;
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t c = 0; c < 48; ++c) {
        if (c <= first || c > first + kOut) {
          EXPECT_EQ(out.view().row(r)[c], OwnedMat::kUntouched) << r << " " << c;
        }
      }
    }
  }
}

TEST_P(CudaLinearTest, FeedForwardHasTheBitsOfTwoMaps) {
  for (const int64_t middle_cols :
       {64, 75}) {  // Whole rows of operands, and with zeros at the end.
    constexpr int64_t kRows = 37, kIn = 40, kOut = 21;
    const OwnedMat x = RandomMat(kRows, kIn, 1);
    const DeviceWeight up(OwnedWeight::Rows(middle_cols, kIn, 2), middle_cols, kIn, true, type());
    const DeviceWeight down(OwnedWeight::Rows(kOut, middle_cols, 3), kOut, middle_cols, true,
                            type());
    const OwnedMat middle = RunOnHost(x.view(), up, Act::kGelu);
    const OwnedMat expected = RunOnHost(middle.view(), down, Act::kNone);
    const DeviceMat dx(x.view()), out(kRows, kOut);
    DeviceArray<std::byte> scratch(cuda::FeedForwardScratchBytes(kRows, up, down));
    ASSERT_EQ(cuda::FeedForward(dx, up, Act::kGelu, down, scratch.span(), out, nullptr),
              cudaSuccess);
    const OwnedMat got = out.ToHost();
    EXPECT_TRUE(SameBits(got.view(), expected.view())) << middle_cols;
    EXPECT_TRUE(got.PaddingUntouched());
  }
}

TEST_P(CudaLinearTest, OrderOfThreadsAndCopiesDoesNotMatter) {
  const OwnedMat x = RandomMat(70, 300, 1);
  const DeviceWeight w(OwnedWeight::Rows(67, 300, 2), 67, 300, true, type());
  for (const cuda::LinearTile tile : cuda::LinearTiles(type())) {
    emu::config = {};
    const OwnedMat first = RunOnHost(x.view(), w, Act::kSilu, &tile);
    for (const emu::Order order :
         {emu::Order::kForward, emu::Order::kReverse, emu::Order::kRandom}) {
      for (const bool eager : {false, true}) {
        emu::config.order = order;
        emu::config.eager_copies = eager;
        EXPECT_TRUE(SameBits(RunOnHost(x.view(), w, Act::kSilu, &tile).view(), first.view()))
            << static_cast<int>(tile) << " " << static_cast<int>(order) << " " << eager;
      }
    }
  }
}

TEST_P(CudaLinearTest, NoTwoRowsOfALoadShareABank) {
  const OwnedMat x = RandomMat(130, 128, 1);
  const DeviceWeight w(OwnedWeight::Rows(256, 128, 2), 256, 128, true, type());
  for (const cuda::LinearTile tile : cuda::LinearTiles(type())) {
    emu::counters = {};
    RunOnHost(x.view(), w, Act::kNone, &tile);
    EXPECT_GT(emu::counters.ldmatrix, 0u);
    EXPECT_EQ(emu::counters.ldmatrix_conflicts, 0u) << static_cast<int>(tile);
  }
}

TEST_P(CudaLinearTest, EveryTileFitsTheSmallestSharedMemory) {
  for (const int sm : {80, 86, 89, 90, 100, 120}) {
    fake_cuda::Reset({.sm = sm});
    ASSERT_EQ(cuda::PrepareLinear(), cudaSuccess);
    const OwnedMat x = RandomMat(1, 3, 1);
    const DeviceWeight w(OwnedWeight::Rows(2, 3, 2), 2, 3, true, type());
    const OwnedMat expected = Expected(x.view(), w, Act::kNone);
    for (const cuda::LinearTile tile : cuda::LinearTiles(type())) {
      EXPECT_LE(
          LargestDifference(RunOnHost(x.view(), w, Act::kNone, &tile).view(), expected.view()),
          Tolerance(3));
    }
  }
}

TEST_P(CudaLinearTest, NoRowsNeedNoLaunch) {
  const DeviceWeight w(OwnedWeight::Rows(2, 3, 2), 2, 3, true, type());
  const long launches = fake_cuda::Now().launches;
  EXPECT_EQ(cuda::Linear({nullptr, 0, 3, 16}, w, Act::kNone, {}, {nullptr, 0, 2, 16}, nullptr),
            cudaSuccess);
  EXPECT_EQ(fake_cuda::Now().launches, launches);
  EXPECT_EQ(cuda::LinearScratchBytes(0, w), 0u);
}

TEST_P(CudaLinearTest, FailingCallsAreReported) {
  const OwnedMat x = RandomMat(2, 5, 1);
  const DeviceWeight w(OwnedWeight::Rows(3, 5, 2), 3, 5, true, type());
  const DeviceMat dx(x.view()), out(2, 3);
  DeviceArray<std::byte> scratch(cuda::LinearScratchBytes(2, w));
  long before = fake_cuda::Now().calls;
  ASSERT_EQ(cuda::Linear(dx, w, Act::kNone, scratch.span(), out, nullptr), cudaSuccess);
  const long calls = fake_cuda::Now().calls - before;
  EXPECT_GE(calls, 3);
  for (long n = 0; n < calls; ++n) {
    fake_cuda::Current().fail_call = n;
    fake_cuda::Current().fail_with = cudaErrorLaunchFailure;
    EXPECT_EQ(cuda::Linear(dx, w, Act::kNone, scratch.span(), out, nullptr), cudaErrorLaunchFailure)
        << n;
  }
}

TEST_P(CudaLinearTest, ActivationsMatchDouble) {
  constexpr int64_t kPoints = 2001;
  OwnedMat x(kPoints, 1);
  for (int64_t i = 0; i < kPoints; ++i) {
    x.view().row(i)[0] = static_cast<float>(i - kPoints / 2) / 64;  // Exact in tf32 and f16.
  }
  const DeviceWeight one({1}, 1, 1, false, type());
  for (const Act act :
       {Act::kNone, Act::kRelu, Act::kGelu, Act::kGeluTanh, Act::kTanh, Act::kSilu}) {
    const OwnedMat out = RunOnHost(x.view(), one, act);
    const OwnedMat expected = Expected(x.view(), one, act);
    double most = 0;
    for (int64_t i = 0; i < kPoints; ++i) {
      const double exact = expected.view().row(i)[0];
      const double error = std::abs(out.view().row(i)[0] - exact);
      most = std::max(most, error / std::max(1.0, std::abs(exact)));
    }
    EXPECT_LE(most, 1e-6) << "activation " << static_cast<int>(act);
  }
}

TEST_P(CudaLinearTest, ABrokenRowStaysBrokenAndAlone) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const OwnedMat x = RandomMat(3, 100, 1);
    x.view().row(1)[41] = bad;
    const DeviceWeight w(OwnedWeight::Rows(17, 100, 2), 17, 100, true, type());
    for (const Act act : {Act::kNone, Act::kRelu, Act::kGelu, Act::kTanh, Act::kSilu}) {
      const OwnedMat out = RunOnHost(x.view(), w, act);
      for (int64_t c = 0; c < 17; ++c) {
        EXPECT_TRUE(std::isfinite(out.view().row(0)[c]));
        EXPECT_TRUE(std::isfinite(out.view().row(2)[c]));
        if (std::isnan(bad)) {
          EXPECT_TRUE(std::isnan(out.view().row(1)[c])) << static_cast<int>(act);
        } else if (act == Act::kNone) {
          EXPECT_FALSE(std::isfinite(out.view().row(1)[c]));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Type, CudaLinearTest, testing::ValuesIn(kTypes),
                         [](const auto& type) { return WeightTypeName(type.param); });

class CudaLinearTypesTest : public testing::Test {
 protected:
  void SetUp() override {
    emu::config = {};
    fake_cuda::Reset({});
    ASSERT_EQ(cuda::PrepareLinear(), cudaSuccess);
  }
};

// What a type costs: f32 nothing that shows, tf32 and f16 errors of size 2^-12 for each number, the
// others as on the CPU.
TEST_F(CudaLinearTypesTest, ShorterTypesAreAsNearF32AsTheirNumbers) {
  constexpr int64_t kIn = 768, kOut = 96, kRows = 40;
  const OwnedMat x = RandomMat(kRows, kIn, 1);
  const std::vector<float> from = OwnedWeight::Rows(kOut, kIn, 2);
  const DeviceWeight exact(from, kOut, kIn, true, WeightType::kF32);
  const OwnedMat expected = Expected(x.view(), exact, Act::kNone);
  const auto error = [&](WeightType type) {
    const DeviceWeight w(from, kOut, kIn, true, type);
    return LargestDifference(RunOnHost(x.view(), w, Act::kNone).view(), expected.view());
  };
  EXPECT_LE(error(WeightType::kF32), 2e-6);
  for (const auto& [type, most] : {std::pair{WeightType::kTf32, 2e-3},
                                   {WeightType::kF16, 2e-3},
                                   {WeightType::kBf16, 0.015},
                                   {WeightType::kInt8, 0.06}}) {
    EXPECT_LE(error(type), most) << WeightTypeName(type);
    EXPECT_GT(error(type), 1e-4) << WeightTypeName(type);
  }
}

TEST_F(CudaLinearTypesTest, QuantisedRowsOfAnySizeKeepTheirRelativeError) {
  for (const float size : {0.0f, 1e-30f, 1e-3f, 1e4f, 1e30f}) {
    const OwnedMat x = RandomMat(3, 100, 1, size);
    const DeviceWeight w(OwnedWeight::Rows(17, 100, 2), 17, 100, false, WeightType::kInt8);
    EXPECT_LE(LargestDifference(RunOnHost(x.view(), w, Act::kNone).view(),
                                Expected(x.view(), w, Act::kNone).view()),
              2e-6 * size)
        << size;
  }
}

TEST_F(CudaLinearTypesTest, QuantisedSumsOfTheMostInputsFit) {
  constexpr int64_t kIn = 8260;
  OwnedMat x(1, kIn);
  std::fill_n(x.view().row(0), kIn, 1.0f);
  const DeviceWeight w(std::vector<float>(static_cast<size_t>(2 * kIn), -1.0f), 2, kIn, false,
                       WeightType::kInt8);
  const OwnedMat out = RunOnHost(x.view(), w, Act::kNone);
  EXPECT_NEAR(out.view().row(0)[0], -8260, 0.01);
  EXPECT_NEAR(out.view().row(0)[1], -8260, 0.01);
}

// Rounded inputs are bit for bit the rows that the same numbers are packed to as weights, which
// kernels/rounding.h rounds for all machines. A row of inputs and a row of weights have one layout.
TEST_F(CudaLinearTypesTest, InputsAreRoundedAsWeightsAre) {
  constexpr int64_t kRows = 6, kIn = 150;
  OwnedMat x = RandomMat(kRows, kIn, 1, 3);
  for (int64_t c = 0; c < kIn; ++c) {
    const auto step = static_cast<uint32_t>(c);
    x.view().row(1)[c] = std::bit_cast<float>(0x3f800000 + step * 0x800);  // Ties of bf16, f16.
    x.view().row(2)[c] = static_cast<float>(c - 75) * 0.5f;                // Ties of int8.
    x.view().row(3)[c] = static_cast<float>(c - 75) * 1e-6f;               // Subnormal in f16.
    x.view().row(4)[c] = 0;
    x.view().row(5)[c] = static_cast<float>(c - 75) * 1e-41f;  // Without a finite inverse.
  }
  x.view().row(2)[0] = 127;
  std::vector<float> rows;
  for (int64_t r = 0; r < kRows; ++r)
    rows.insert(rows.end(), x.view().row(r), x.view().row(r) + kIn);
  for (const WeightType type : {WeightType::kBf16, WeightType::kF16, WeightType::kInt8}) {
    const Weight as_weight = {.out = kRows, .in = kIn, .type = type};
    std::vector<std::byte> expected(cuda::PackedLinearBytes(type, kRows, kIn));
    cuda::PackLinear(rows.data(), 0, kRows, as_weight, expected.data());
    const DeviceWeight w(OwnedWeight::Rows(3, kIn, 2), 3, kIn, false, type);
    DeviceArray<std::byte> scratch(cuda::LinearScratchBytes(kRows, w));
    ASSERT_GE(scratch.size(), expected.size());
    const DeviceMat dx(x.view()), out(kRows, 3);
    ASSERT_EQ(cuda::Linear(dx, w, Act::kNone, scratch.span(), out, nullptr), cudaSuccess);
    std::vector<std::byte> got = scratch.ToHost();
    got.resize(expected.size());
    EXPECT_TRUE(got == expected) << WeightTypeName(type);
  }
}

TEST_F(CudaLinearTypesTest, RoundedRowsPackAsTheRowsTheyCameFrom) {
  constexpr int64_t kOut = 5, kIn = 100;
  const std::vector<float> from = OwnedWeight::Rows(kOut, kIn, 2);
  const Weight w = {.out = kOut, .in = kIn, .type = WeightType::kInt8};
  std::vector<std::byte> once(cuda::PackedLinearBytes(w.type, kOut, kIn), std::byte{0xff});
  std::vector<std::byte> again(once.size(), std::byte{0xee});
  cuda::PackLinear(from.data(), 0, kOut, w, once.data());
  std::vector<int8_t> numbers(kOut * kIn);
  std::vector<float> scales(kOut);
  for (size_t r = 0; r < kOut; ++r) {
    const std::span<const float> row(from.data() + r * kIn, kIn);
    const Int8Steps steps = Int8StepsOf(row);
    RoundToInt8(row, steps.inverse, {numbers.data() + r * kIn, kIn});
    scales[r] = steps.scale;
  }
  cuda::PackLinearInt8(numbers.data(), scales.data(), 0, 2, w, again.data());
  cuda::PackLinearInt8(numbers.data() + 2 * kIn, scales.data() + 2, 2, kOut - 2, w, again.data());
  EXPECT_TRUE(once == again);
}

TEST_F(CudaLinearTypesTest, TilesFitTheShapeAndTheDevice) {
  using cuda::LinearTile;
  const auto tile = [](int64_t rows, int64_t out, int multiprocessors) {
    return cuda::LinearTileFor(WeightType::kBf16, rows, out, multiprocessors);
  };
  EXPECT_EQ(tile(8, 768, 108), LinearTile::k32x32);         // A few labels.
  EXPECT_EQ(tile(512, 768, 108), LinearTile::k64x64);       // Enough for a part of the device.
  EXPECT_EQ(tile(2048, 768, 108), LinearTile::k128x128);    // One wave.
  EXPECT_EQ(tile(65536, 3072, 108), LinearTile::k128x256);  // Many.
  EXPECT_LT(tile(512, 768, 16), tile(512, 768, 108));       // A small device is soon full.
}

}  // namespace
}  // namespace waterline
