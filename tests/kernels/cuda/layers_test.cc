// The weighted sum of layers, emulated, against the reference twin.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/layers.h"

#include <fake_cuda.h>
#include <gtest/gtest.h>

#include "doctor/reference_kernels.h"
#include "kernels/cuda/device_slice.h"

namespace waterline {
namespace {

// A pass of some sequences, of which the tokens `read` of each are rows.
struct Mix {
  std::vector<int32_t> begins;
  std::vector<RowRange> rows;
  int64_t layers, middle;
  OwnedMat all, means;
  std::vector<float> squeeze, squeeze_bias, w1, b1, w2, b2;

  Mix(const std::vector<int64_t>& lengths, int64_t layer_count, int64_t width, int64_t middle_width)
      : begins(BeginsOf(lengths)),
        rows(EachOther(begins.back())),
        layers(layer_count),
        middle(middle_width),
        all(RandomMat(layers * Read(), width, 1)),
        means(RandomMat(layers * static_cast<int64_t>(lengths.size()), width, 2)),
        squeeze(RandomFloats(width, 3, 0.2)),
        squeeze_bias(RandomFloats(1, 4)),
        w1(RandomFloats(middle * layers, 5)),
        b1(RandomFloats(middle, 6)),
        w2(RandomFloats(layers * middle, 7)),
        b2(RandomFloats(layers, 8)) {}

  int64_t Read() const { return static_cast<int64_t>(rows.size()); }

  OwnedMat Expected() {
    OwnedMat expected(Read(), all.view().cols);
    ReferenceKernels().MixLayers({.layers = all,
                                  .means = means,
                                  .rows = rows,
                                  .begins = begins,
                                  .squeeze = squeeze.data(),
                                  .squeeze_bias = squeeze_bias.data(),
                                  .middle = middle,
                                  .w1 = w1.data(),
                                  .b1 = b1.data(),
                                  .w2 = w2.data(),
                                  .b2 = b2.data(),
                                  .scratch = {}},
                                 expected);
    return expected;
  }

  OwnedMat Run(int64_t offset) const {
    const DeviceArray<int32_t> device_begins(begins);
    const DeviceArray<RowRange> device_rows(rows);
    const DeviceSlice device_all(all.view(), offset), device_means(means.view(), offset);
    const DeviceArray<float> device_squeeze(squeeze), device_bias(squeeze_bias), device_w1(w1),
        device_b1(b1), device_w2(w2), device_b2(b2);
    const DeviceSlice out(Read(), all.view().cols, offset);
    const MixArgs args{.layers = device_all,
                       .means = device_means,
                       .rows = device_rows.span(),
                       .begins = device_begins.span(),
                       .squeeze = device_squeeze.data(),
                       .squeeze_bias = device_bias.data(),
                       .middle = middle,
                       .w1 = device_w1.data(),
                       .b1 = device_b1.data(),
                       .w2 = device_w2.data(),
                       .b2 = device_b2.data(),
                       .scratch = {}};
    EXPECT_EQ(cuda::MixLayers(args, out, nullptr), cudaSuccess);
    return out.ToHost();
  }

 private:
  static std::vector<RowRange> EachOther(int32_t tokens) {
    std::vector<RowRange> rows;
    for (int32_t t = 0; t < tokens; t += 2) rows.push_back({t, t + 1});
    return rows;
  }
};

TEST(CudaMixLayersTest, WeighsEachSequenceByItsOwnMeans) {
  struct Case {
    std::vector<int64_t> lengths;
    int64_t layers, width, middle;
  };
  const Case cases[] = {{{5, 0, 1, 9}, 4, 32, 2},
                        {{5, 0, 1, 9}, 12, 100, 6},
                        {{1}, 1, 7, 1},
                        {{40, 3, 2, 2, 0, 60}, 25, 1030, 300},
                        {{1040}, 3, 64, 1}};
  for (const Case& test : cases) {
    SCOPED_TRACE(testing::Message() << test.layers << " layers of " << test.width);
    Mix mix(test.lengths, test.layers, test.width, test.middle);
    const OwnedMat aligned = mix.Run(0);
    // Up to 25 terms of some units, whose weights are off by some 1e-6 in sums of 300 terms.
    EXPECT_LE(LargestDifference(aligned.view(), mix.Expected().view()), 2e-5);
    EXPECT_TRUE(SameBits(mix.Run(1).view(), aligned.view()));
  }
}

TEST(CudaMixLayersTest, HasTheSameBitsInEveryThreadOrder) {
  const Mix mix({5, 0, 1, 9}, 12, 1030, 6);
  const OwnedMat expected = mix.Run(0);
  ForEachThreadOrder([&] { EXPECT_TRUE(SameBits(mix.Run(0).view(), expected.view())); });
}

TEST(CudaMixLayersTest, ASequenceAloneHasTheBitsItHasAmongOthers) {
  const Mix both({8, 30}, 12, 100, 6);
  Mix alone({30}, 12, 100, 6);
  for (int64_t k = 0; k < 12; ++k) {
    std::copy_n(both.means.view().row(k * 2 + 1), 100, alone.means.view().row(k));
    for (int64_t r = 0; r < 15; ++r) {
      std::copy_n(both.all.view().row(k * 19 + 4 + r), 100, alone.all.view().row(k * 15 + r));
    }
  }
  EXPECT_TRUE(SameBits(alone.Run(0).view(), both.Run(0).view().Rows(4, 19)));
}

TEST(CudaMixLayersTest, NoRowsAreNoLaunch) {
  ASSERT_EQ(cuda::PrepareLayers(), cudaSuccess);
  const long launches = fake_cuda::Now().launches;
  EXPECT_EQ(cuda::MixLayers({}, {nullptr, 0, 8, 16}, nullptr), cudaSuccess);
  EXPECT_EQ(fake_cuda::Now().launches, launches);
}

}  // namespace
}  // namespace waterline
