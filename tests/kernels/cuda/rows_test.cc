// Operations on rows, emulated, against the reference twins.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/rows.h"

#include <fake_cuda.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "doctor/reference_kernels.h"
#include "doctor/rows_cases.h"
#include "kernels/cuda/device_slice.h"

namespace waterline {
namespace {

constexpr double kTolerance = 4e-6;  // As for the CPU's kernels: numbers of some units in size.
constexpr int64_t kOffsets[] = {0, 4, 1};
const ReferenceKernels reference;

// A table of any 16-bit patterns, NaN and infinities too, or of normal numbers, `skipped` bytes
// after an aligned address.
std::vector<std::byte> Patterns(int64_t count, Dtype type, uint32_t seed, size_t skipped) {
  std::vector<std::byte> bytes(static_cast<size_t>(count) * DtypeBytes(type) + skipped);
  if (type == Dtype::kF32) {
    const std::vector<float> floats = RandomFloats(count, seed);
    std::memcpy(bytes.data() + skipped, floats.data(), floats.size() * sizeof(float));
    return bytes;
  }
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const auto bits = static_cast<uint16_t>(i * 40503u + seed);
    std::memcpy(bytes.data() + skipped + 2 * i, &bits, sizeof bits);
  }
  return bytes;
}

TEST(CudaEmbedTest, WidensEveryPatternExactly) {
  for (const Dtype type : {Dtype::kF16, Dtype::kBF16, Dtype::kF32}) {
    for (const size_t skipped : {0, 1, 2}) {
      const std::vector<std::byte> table = Patterns(256 * 256, type, 0, skipped);
      std::vector<int32_t> ids;
      for (int32_t i = 255; i >= 0; --i) ids.push_back(i);
      EmbedArgs args;
      args.words = {256, 256, type, table.data() + skipped};
      args.ids = ids;
      OwnedMat expected(256, 256);
      reference.Embed(args, expected);
      const DeviceArray<std::byte> device_table(table);
      const DeviceArray<int32_t> device_ids(ids);
      args.words.data = device_table.data() + skipped;
      args.ids = device_ids.span();
      const DeviceMat out(256, 256);
      ASSERT_EQ(cuda::Embed(args, out, nullptr), cudaSuccess);
      EXPECT_EQ(LargestDifference(out.ToHost().view(), expected.view()), 0) << DtypeName(type);
    }
  }
}

TEST(CudaEmbedTest, AddsPlacesAndTheRowOfEveryToken) {
  for (const int64_t width : kRowWidths) {
    const std::vector<std::byte> words = Patterns(9 * width, Dtype::kF32, 1, 1);
    const std::vector<std::byte> places = Patterns(5 * width, Dtype::kF32, 2, 1);
    const std::vector<float> every = RandomFloats(width, 3);
    const std::vector<int32_t> ids{8, 0, 3, 3}, positions{0, 1, 2, 4};
    OwnedMat expected(4, width);
    reference.Embed({ids,
                     {9, width, Dtype::kF32, words.data() + 1},
                     positions,
                     {5, width, Dtype::kF32, places.data() + 1},
                     every.data()},
                    expected);
    const DeviceArray<std::byte> device_words(words), device_places(places);
    const DeviceArray<float> device_every(every);
    const DeviceArray<int32_t> device_ids(ids), device_positions(positions);
    const DeviceSlice out(4, width, 3);
    const EmbedArgs args{device_ids.span(),
                         {9, width, Dtype::kF32, device_words.data() + 1},
                         device_positions.span(),
                         {5, width, Dtype::kF32, device_places.data() + 1},
                         device_every.data()};
    ASSERT_EQ(cuda::Embed(args, out, nullptr), cudaSuccess);
    EXPECT_LE(LargestDifference(out.ToHost().view(), expected.view()), 1e-6) << width;
  }
}

TEST(CudaEmbedTest, RefusesOtherTypes) {
  EmbedArgs args;
  args.words.type = Dtype::kI8;
  EXPECT_EQ(cuda::Embed(args, DeviceMat(1, 4), nullptr), cudaErrorInvalidValue);
}

struct NormCase {
  std::vector<float> gamma, beta;
  DeviceArray<float> device_gamma, device_beta;
  bool centred;

  NormCase(int64_t width, bool is_centred)
      : gamma(RandomFloats(width, 5)),
        beta(RandomFloats(width, 6)),
        device_gamma(gamma),
        device_beta(beta),
        centred(is_centred) {}
  Norm norm() const { return {Width(), gamma.data(), Beta(beta.data()), 1e-7f, centred}; }
  Norm device() const {
    return {Width(), device_gamma.data(), Beta(device_beta.data()), 1e-7f, centred};
  }

 private:
  int64_t Width() const { return static_cast<int64_t>(gamma.size()); }
  const float* Beta(const float* at) const { return centred ? at : nullptr; }
};

// Each size of kernel at its ends, and widths that are no multiple of a vector.
constexpr int64_t kNormWidths[] = {3,   7,   100,  128,  129,  256,  257,  300,  384,  512,  640,
                                   768, 769, 1024, 1025, 2048, 2049, 4095, 4096, 4097, 8191, 8192};

TEST(CudaAddLayerNormTest, MatchesTheFormulaWhereverRowsLie) {
  for (const int64_t width : kNormWidths) {
    for (const bool centred : {true, false}) {
      SCOPED_TRACE(testing::Message() << width << " centred " << centred);
      const NormCase test(width, centred);
      OwnedMat x = RandomMat(5, width, 1), residual = RandomMat(5, width, 2);
      for (const bool has_residual : {false, true}) {
        OwnedMat expected(5, width);
        reference.AddLayerNorm(x, has_residual ? residual.view() : MatView{}, test.norm(),
                               expected);
        OwnedMat first(0, 0);
        for (const int64_t offset : kOffsets) {
          const DeviceSlice dx(x.view(), offset), second(residual.view(), offset + 1);
          const DeviceSlice out(5, width, offset);
          ASSERT_EQ(cuda::AddLayerNorm(dx, has_residual ? second.view() : MatView{}, test.device(),
                                       out, nullptr),
                    cudaSuccess);
          OwnedMat got = out.ToHost();
          EXPECT_LE(LargestDifference(got.view(), expected.view()), kTolerance);
          if (offset == 0)
            first = std::move(got);
          else
            EXPECT_TRUE(SameBits(got.view(), first.view())) << "offset " << offset;
        }
      }
    }
  }
}

TEST(CudaAddLayerNormTest, ARowAloneHasTheBitsItHasAmongOthers) {
  for (const int64_t width : {100, 768, 3000}) {
    const NormCase test(width, true);
    const OwnedMat x = RandomMat(9, width, 1);
    const DeviceMat dx(x.view()), all(9, width), alone(9, width);
    ASSERT_EQ(cuda::AddLayerNorm(dx, {}, test.device(), all, nullptr), cudaSuccess);
    for (int64_t r = 0; r < 9; ++r) {
      ASSERT_EQ(cuda::AddLayerNorm(dx.view().Rows(r, r + 1), {}, test.device(),
                                   alone.view().Rows(r, r + 1), nullptr),
                cudaSuccess);
    }
    EXPECT_TRUE(SameBits(all.ToHost().view(), alone.ToHost().view())) << width;
  }
}

TEST(CudaAddLayerNormTest, HasTheSameBitsInEveryThreadOrder) {
  const NormCase test(3000, true);
  const DeviceMat x(RandomMat(3, 3000, 1).view()), first(3, 3000);
  ASSERT_EQ(cuda::AddLayerNorm(x, {}, test.device(), first, nullptr), cudaSuccess);
  const OwnedMat expected = first.ToHost();
  ForEachThreadOrder([&] {
    const DeviceMat out(3, 3000);
    ASSERT_EQ(cuda::AddLayerNorm(x, {}, test.device(), out, nullptr), cudaSuccess);
    EXPECT_TRUE(SameBits(out.ToHost().view(), expected.view()));
  });
}

TEST(CudaAddLayerNormTest, MayWriteOverItsInputs) {
  for (const int64_t width : {100, 3000}) {
    const NormCase test(width, true);
    const OwnedMat x = RandomMat(3, width, 1), residual = RandomMat(3, width, 2);
    const DeviceMat dx(x.view()), second(residual.view()), out(3, width), over_x(x.view());
    ASSERT_EQ(cuda::AddLayerNorm(dx, second, test.device(), out, nullptr), cudaSuccess);
    ASSERT_EQ(cuda::AddLayerNorm(over_x, second, test.device(), over_x, nullptr), cudaSuccess);
    ASSERT_EQ(cuda::AddLayerNorm(dx, second, test.device(), second, nullptr), cudaSuccess);
    EXPECT_TRUE(SameBits(over_x.ToHost().view(), out.ToHost().view()));
    EXPECT_TRUE(SameBits(second.ToHost().view(), out.ToHost().view()));
  }
}

TEST(CudaAddLayerNormTest, AMeanOf10000KeepsTheDigitsOfTheDeviations) {
  const NormCase test(768, true);
  OwnedMat x = RandomMat(4, 768, 1), expected(4, 768);
  for (int64_t r = 0; r < 4; ++r) {
    for (int64_t c = 0; c < 768; ++c) x.view().row(r)[c] += 1e4f;
  }
  reference.AddLayerNorm(x, {}, test.norm(), expected);
  const DeviceMat dx(x.view()), out(4, 768);
  ASSERT_EQ(cuda::AddLayerNorm(dx, {}, test.device(), out, nullptr), cudaSuccess);
  EXPECT_LE(LargestDifference(out.ToHost().view(), expected.view()), kTolerance);
}

TEST(CudaAddLayerNormTest, RefusesRowsThatAreTooWide) {
  const NormCase test(cuda::kWidestNorm + 1, true);
  const DeviceMat x(1, cuda::kWidestNorm + 1);
  EXPECT_EQ(cuda::AddLayerNorm(x, {}, test.device(), x, nullptr), cudaErrorInvalidValue);
}

TEST(CudaAddNormTest, KeepsTheSum) {
  for (const int64_t width : kNormWidths) {
    for (const bool has_delta : {false, true}) {
      SCOPED_TRACE(testing::Message() << width << " delta " << has_delta);
      const NormCase test(width, width % 2 == 0);
      OwnedMat x = RandomMat(5, width, 1), delta = RandomMat(5, width, 2), expected(5, width);
      const DeviceSlice dx(x.view(), 5), second(delta.view(), 2), out(5, width, 1);
      reference.AddNorm(x, has_delta ? delta.view() : MatView{}, test.norm(), expected);
      ASSERT_EQ(
          cuda::AddNorm(dx, has_delta ? second.view() : MatView{}, test.device(), out, nullptr),
          cudaSuccess);
      EXPECT_TRUE(SameBits(dx.ToHost().view(), x.view()));
      EXPECT_LE(LargestDifference(out.ToHost().view(), expected.view()), kTolerance);
    }
  }
}

TEST(CudaAddActTest, MatchesTheReference) {
  for (const int64_t width : kRowWidths) {
    for (const int64_t rows : {9, 1, 0}) {  // As many rows, one for all, none.
      for (const Act act : {Act::kNone, Act::kRelu}) {
        for (const int64_t offset : kOffsets) {
          OwnedMat a = RandomMat(9, width, 1), b = RandomMat(rows, width, 2), expected(9, width);
          reference.AddAct(a, b, act, expected);
          const DeviceSlice da(a.view(), offset), db(b.view(), 1), out(9, width, offset);
          ASSERT_EQ(cuda::AddAct(da, db, act, out, nullptr), cudaSuccess);
          EXPECT_EQ(LargestDifference(out.ToHost().view(), expected.view()), 0)
              << width << " and " << rows << " rows";
          ASSERT_EQ(cuda::AddAct(da, db, act, da, nullptr), cudaSuccess);
          EXPECT_EQ(LargestDifference(da.ToHost().view(), expected.view()), 0);
        }
      }
    }
  }
}

TEST(CudaAddActTest, KeepsNaN) {
  OwnedMat a = RandomMat(2, 6, 1);
  a.view().row(1)[2] = std::numeric_limits<float>::quiet_NaN();
  const DeviceMat da(a.view());
  ASSERT_EQ(cuda::AddAct(da, {}, Act::kRelu, da, nullptr), cudaSuccess);
  EXPECT_TRUE(std::isnan(da.ToHost().view().row(1)[2]));
}

TEST(CudaScaleTest, MatchesTheReference) {
  for (const int64_t width : kRowWidths) {
    for (const int64_t offset : kOffsets) {
      OwnedMat x = RandomMat(9, width, 1), expected(9, width);
      const std::vector<float> by = RandomFloats(width, 2);
      reference.Scale(x, by.data(), expected);
      const DeviceSlice dx(x.view(), offset);
      const DeviceArray<float> device_by(by);
      ASSERT_EQ(cuda::Scale(dx, device_by.data(), dx, nullptr), cudaSuccess);
      EXPECT_TRUE(SameBits(dx.ToHost().view(), expected.view())) << width;
    }
  }
}

TEST(CudaGateTest, MultipliesTheHalves) {
  for (const int64_t width : kRowWidths) {
    for (const Act act :
         {Act::kNone, Act::kRelu, Act::kGelu, Act::kGeluTanh, Act::kTanh, Act::kSilu}) {
      SCOPED_TRACE(testing::Message() << width << " act " << static_cast<int>(act));
      OwnedMat x = RandomMat(9, 2 * width, 1, 2);
      const DeviceSlice dx(x.view(), width % 3);
      reference.Gate(x, act);
      ASSERT_EQ(cuda::Gate(dx, act, nullptr), cudaSuccess);
      EXPECT_LE(LargestDifference(dx.ToHost().view(), x.view()), kTolerance);
    }
  }
}

TEST(CudaRotateTest, TurnsEachHead) {
  for (const int64_t width : {2, 8, 14, 16, 32, 64, 128, 6}) {
    for (const int heads : {1, 3, 12}) {
      SCOPED_TRACE(testing::Message() << width << " x " << heads);
      OwnedMat angles = AnglesOf(10, width);
      const std::vector<int32_t> positions{0, 1, 2, 0, 9, 5};
      OwnedMat x = RandomMat(6, heads * width + 5, 1);
      const DeviceMat dx(x.view()), device_angles(angles.view());
      const DeviceArray<int32_t> device_positions(positions);
      const OwnedMat before = dx.ToHost();
      reference.Rotate(angles, positions, heads, x.view().Cols(3, 3 + heads * width));
      ASSERT_EQ(cuda::Rotate(device_angles, device_positions.span(), heads,
                             dx.view().Cols(3, 3 + heads * width), nullptr),
                cudaSuccess);
      const OwnedMat got = dx.ToHost();
      EXPECT_LE(LargestDifference(got.view(), x.view()), kTolerance);
      // Position 0 and the columns around the heads stay as they are.
      EXPECT_TRUE(SameBits(got.view().Rows(0, 1), before.view().Rows(0, 1)));
      EXPECT_TRUE(SameBits(got.view().Cols(0, 3), before.view().Cols(0, 3)));
    }
  }
}

TEST(CudaPoolTest, MatchesTheReference) {
  const std::vector<RowRange> ranges{{0, 1},   {1, 4},   {4, 4}, {2, 12},   {11, 12},
                                     {3, 540}, {40, 41}, {9, 8}, {500, 540}};
  const auto count = static_cast<int64_t>(ranges.size());
  const DeviceArray<RowRange> device_ranges(ranges);
  for (const int64_t width : kRowWidths) {
    OwnedMat x = RandomMat(540, width, 1);
    const DeviceSlice dx(x.view(), width % 2);
    for (const Pooling pooling :
         {Pooling::kFirst, Pooling::kLast, Pooling::kMean, Pooling::kMax, Pooling::kSum}) {
      OwnedMat expected(count, width);
      reference.Pool(x, ranges, pooling, expected);
      const DeviceSlice out(count, width, width % 3);
      ASSERT_EQ(cuda::Pool(dx, device_ranges.span(), pooling, out, nullptr), cudaSuccess);
      // A sum of 537 normal numbers is of size 60 and rounds as often, half a unit of that at most.
      const double tolerance = pooling == Pooling::kMean  ? 2e-6
                               : pooling == Pooling::kSum ? 2e-4
                                                          : 0;
      EXPECT_LE(LargestDifference(out.ToHost().view(), expected.view()), tolerance)
          << width << " pooling " << static_cast<int>(pooling);
    }
  }
}

TEST(CudaPoolTest, NaNOfARangeIsInItsMaximum) {
  OwnedMat x = RandomMat(3, 2, 1);
  x.view().row(1)[0] = std::numeric_limits<float>::quiet_NaN();
  const DeviceMat dx(x.view()), out(1, 2);
  const DeviceArray<RowRange> ranges(std::vector<RowRange>{{0, 3}});
  ASSERT_EQ(cuda::Pool(dx, ranges.span(), Pooling::kMax, out, nullptr), cudaSuccess);
  const OwnedMat got = out.ToHost();
  EXPECT_TRUE(std::isnan(got.view().row(0)[0]));
  EXPECT_FALSE(std::isnan(got.view().row(0)[1]));
}

TEST(CudaClearEmptyTest, ClearsTheRowsOfEmptyRanges) {
  const std::vector<RowRange> ranges{{0, 1}, {1, 1}, {1, 4}, {4, 4}, {5, 3}};
  const DeviceArray<RowRange> device_ranges(ranges);
  for (const int64_t width : kRowWidths) {
    OwnedMat x = RandomMat(5, width, 1);
    const DeviceSlice dx(x.view(), 1);
    reference.ClearEmpty(ranges, x);
    ASSERT_EQ(cuda::ClearEmpty(device_ranges.span(), dx, nullptr), cudaSuccess);
    EXPECT_TRUE(SameBits(dx.ToHost().view(), x.view())) << width;
  }
}

TEST(CudaCopyTest, CopiesAndGathersRows) {
  const std::vector<int64_t> rows{3, 0, 6, 6, 1};
  const DeviceArray<int64_t> device_rows(rows);
  for (const int64_t width : kRowWidths) {
    for (const int64_t offset : kOffsets) {
      const OwnedMat x = RandomMat(7, width, 1);
      const DeviceSlice dx(x.view(), offset), same(7, width, 2), picked(5, width, offset);
      ASSERT_EQ(cuda::CopyRows(dx, same, nullptr), cudaSuccess);
      EXPECT_TRUE(SameBits(same.ToHost().view(), x.view()));
      ASSERT_EQ(cuda::GatherRows(dx, device_rows.span(), picked, nullptr), cudaSuccess);
      const OwnedMat got = picked.ToHost();
      for (int64_t i = 0; i < 5; ++i) {
        const int64_t from = rows[static_cast<size_t>(i)];
        EXPECT_TRUE(SameBits(got.view().Rows(i, i + 1), x.view().Rows(from, from + 1))) << width;
      }
    }
  }
}

TEST(CudaRowsTest, NoRowsAreNoLaunch) {
  ASSERT_EQ(cuda::PrepareRows(), cudaSuccess);
  const long launches = fake_cuda::Now().launches;
  const MatView none{nullptr, 0, 8, 16};
  EXPECT_EQ(cuda::Embed({}, none, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::AddLayerNorm(none, {}, {8}, none, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::AddNorm(none, {}, {8}, none, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::AddAct(none, {}, Act::kNone, none, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::Scale(none, nullptr, none, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::Gate(none, Act::kNone, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::Rotate(none, {}, 2, none, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::Pool(none, {}, Pooling::kMax, none, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::ClearEmpty({}, none, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::GatherRows(none, {}, none, nullptr), cudaSuccess);
  EXPECT_EQ(cuda::CopyRows(none, none, nullptr), cudaSuccess);
  EXPECT_EQ(fake_cuda::Now().launches, launches);
}

}  // namespace
}  // namespace waterline
