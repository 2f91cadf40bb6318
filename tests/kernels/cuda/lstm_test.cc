// The LSTM, emulated, against PyTorch's equations, and each sequence's independence.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/lstm.h"

#include <fake_cuda.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "doctor/lstm_cases.h"
#include "doctor/reference_kernels.h"
#include "kernels/cuda/device_slice.h"

namespace waterline {
namespace {

// As for the CPU's kernels: errors of a few 1e-7 a step, which the gates forget.
constexpr double kTolerance = 5e-6;

std::vector<float> Packed(const std::vector<float>& from, int64_t hidden) {
  std::vector<float> packed(cuda::PackedLstmFloats(hidden));
  const int64_t first = hidden + 1;  // In two parts, as a loader may.
  cuda::PackLstm(from.data(), 0, first, hidden, packed.data());
  cuda::PackLstm(from.data() + first * hidden, first, 4 * hidden - first, hidden, packed.data());
  return packed;
}

// The sequences [first, last) of the inputs, in directions [first_direction, last_direction], from
// gates that begin `offset` columns into their rows.
OwnedMat RunCuda(const LstmInputs& inputs, size_t first, size_t last, int64_t offset = 0,
                 int first_direction = 0, int last_direction = 1) {
  EXPECT_EQ(cuda::PrepareLstm(), cudaSuccess);
  std::vector<int64_t> lengths;
  for (size_t s = first; s < last; ++s) {
    lengths.push_back(inputs.begins[s + 1] - inputs.begins[s]);
  }
  const std::vector<int32_t> begins = BeginsOf(lengths);
  const DeviceArray<int32_t> device_begins(begins);
  const DeviceArray<float> forward(Packed(inputs.forward, inputs.hidden)),
      backward(Packed(inputs.backward, inputs.hidden));
  const DeviceSlice gates(inputs.gates.view().Rows(inputs.begins[first], inputs.begins[last]),
                          offset);
  const DeviceArray<std::byte> scratch(
      cuda::LstmScratchBytes(inputs.hidden, static_cast<int64_t>(lengths.size())));
  const DeviceSlice out(begins.back(), inputs.directions * inputs.hidden, offset);
  LstmArgs args;
  args.gates = gates;
  args.forward = forward.data();
  args.backward = backward.data();
  args.hidden = inputs.hidden;
  args.directions = inputs.directions;
  args.begins = device_begins.span();
  args.scratch = scratch.span();
  args.first_direction = first_direction;
  args.last_direction = last_direction;
  EXPECT_EQ(cuda::Lstm(args, *std::max_element(lengths.begin(), lengths.end()), out, nullptr),
            cudaSuccess);
  return out.ToHost();
}
OwnedMat RunCuda(const LstmInputs& inputs, int64_t offset = 0) {
  return RunCuda(inputs, 0, inputs.begins.size() - 1, offset);
}

TEST(CudaLstmTest, MatchesDoubleSums) {
  std::vector<LstmCase> cases = LstmCases();
  cases.push_back({{3, 1}, 4});
  cases.push_back({{3, 9}, 256});  // Part of the weights stays in shared memory,
  cases.push_back({{2, 1, 3}, 511});
  cases.push_back({{4}, 512});  // and less.
  for (const LstmCase& test : cases) {
    SCOPED_TRACE(testing::Message() << test.lengths.front() << " x " << test.hidden);
    const LstmInputs inputs(test);
    const OwnedMat aligned = RunCuda(inputs);
    EXPECT_LE(LargestDifference(aligned.view(), inputs.Run(ReferenceKernels()).view()), kTolerance);
    EXPECT_TRUE(SameBits(RunCuda(inputs, 1).view(), aligned.view()));
  }
}

// 33 sequences in both directions are groups of two, 140 of eight, the last of which is not full.
TEST(CudaLstmTest, ASequenceAloneHasTheBitsItHasAmongOthers) {
  for (const size_t count : {5, 33, 70, 140}) {
    std::vector<int64_t> lengths;
    for (size_t s = 0; s < count; ++s) lengths.push_back(static_cast<int64_t>(s * 7 % 11));
    const LstmInputs inputs({lengths, 24});
    const OwnedMat all = RunCuda(inputs);
    EXPECT_LE(LargestDifference(all.view(), inputs.Run(ReferenceKernels()).view()), kTolerance);
    for (size_t s = 0; s < count; s += count / 5) {
      const OwnedMat alone = RunCuda(inputs, s, s + 1);
      EXPECT_TRUE(SameBits(alone.view(), all.view().Rows(inputs.begins[s], inputs.begins[s + 1])))
          << "sequence " << s << " of " << count;
    }
  }
}

TEST(CudaLstmTest, HasTheSameBitsInEveryThreadOrder) {
  const LstmInputs inputs({{9, 4, 0, 17}, 70});
  const OwnedMat expected = RunCuda(inputs);
  ForEachThreadOrder([&] { EXPECT_TRUE(SameBits(RunCuda(inputs).view(), expected.view())); });
}

TEST(CudaLstmTest, ADirectionAloneHasTheBitsOfBoth) {
  const LstmInputs inputs({{7, 9, 9, 4, 1, 12, 30}, 13});
  const OwnedMat both = RunCuda(inputs);
  const OwnedMat forward = RunCuda(inputs, 0, 7, 0, 0, 0),
                 backward = RunCuda(inputs, 0, 7, 0, 1, 1);
  EXPECT_TRUE(SameBits(forward.view().Cols(0, 13), both.view().Cols(0, 13)));
  EXPECT_TRUE(SameBits(backward.view().Cols(13, 26), both.view().Cols(13, 26)));
  EXPECT_EQ(forward.view().row(3)[13], OwnedMat::kUntouched);
  EXPECT_EQ(backward.view().row(3)[12], OwnedMat::kUntouched);
}

TEST(CudaLstmTest, NaNStaysInItsSequence) {
  std::vector<int64_t> lengths(140, 5);  // Groups of eight.
  LstmInputs inputs({lengths, 24});
  const OwnedMat clean = RunCuda(inputs);
  std::fill_n(inputs.gates.view().row(17), inputs.gates.view().cols,
              std::numeric_limits<float>::quiet_NaN());
  const OwnedMat out = RunCuda(inputs);
  EXPECT_TRUE(SameBits(out.view().Rows(0, 15), clean.view().Rows(0, 15)));
  EXPECT_TRUE(SameBits(out.view().Rows(20, 700), clean.view().Rows(20, 700)));
  EXPECT_TRUE(std::isnan(out.view().row(18)[0]));
}

TEST(CudaLstmTest, SaturatesWhereGatesAreLarge) {
  LstmInputs inputs({{5}, 16});
  for (int64_t t = 0; t < 5; ++t) {
    for (int64_t c = 0; c < inputs.gates.view().cols; ++c) inputs.gates.view().row(t)[c] *= 100;
  }
  const OwnedMat out = RunCuda(inputs);
  EXPECT_LE(LargestDifference(out.view(), inputs.Run(ReferenceKernels()).view()), kTolerance);
}

TEST(CudaLstmTest, RefusesWhatIsTooWideAndLaunchesNothingForNoWords) {
  const std::vector<int32_t> begins{0, 1};
  const DeviceMat out(1, 2 * (cuda::kMostHidden + 1));
  LstmArgs args;
  args.hidden = cuda::kMostHidden + 1;
  args.begins = begins;
  EXPECT_EQ(cuda::Lstm(args, 1, out, nullptr), cudaErrorInvalidValue);
  const long launches = fake_cuda::Now().launches;
  EXPECT_EQ(cuda::Lstm(args, 0, {nullptr, 0, 8, 16}, nullptr), cudaSuccess);
  EXPECT_EQ(fake_cuda::Now().launches, launches);
}

}  // namespace
}  // namespace waterline
