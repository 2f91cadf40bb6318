// Packed weights of every instruction set, number by number where isa.h says they lie.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/rounding.h"
#include "support/kernel_test.h"

namespace waterline {
namespace {

class PackTest : public KernelTest {
 protected:
  const Isa& isa() const { return dynamic_cast<const CpuKernelSet&>(kernels()).isa(); }

  // Places one number after another.
  std::vector<std::byte> PackPlainly(const std::vector<float>& from, const Weight& w) const {
    std::vector<std::byte> packed(kernels().PackedBytes(w.type, w.out, w.in));
    const Product& product = w.type == WeightType::kF32    ? isa().f32
                             : w.type == WeightType::kBf16 ? isa().bf16
                                                           : isa().int8;
    const int64_t columns = (w.out + isa().lanes - 1) / isa().lanes * isa().lanes;
    const int64_t groups = (w.in + product.group - 1) / product.group;
    const int64_t bytes = w.type == WeightType::kF32 ? 4 : w.type == WeightType::kBf16 ? 2 : 1;
    const int64_t scales = (columns * groups * product.group * bytes + 63) / 64 * 64;
    for (int64_t n = 0; n < w.out; ++n) {
      const float* row = from.data() + n * w.in;
      float largest = 0;
      for (int64_t k = 0; k < w.in; ++k) largest = std::max(largest, std::abs(row[k]));
      const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
      int32_t sum = 0;
      const int64_t first = n / product.panel * product.panel;
      const int64_t width = std::min(product.panel, columns - first);
      for (int64_t k = 0; k < w.in; ++k) {
        const int64_t group = first * groups + k / product.group * width + n - first;
        std::byte* to = packed.data() + (group * product.group + k % product.group) * bytes;
        if (w.type == WeightType::kF32) {
          std::memcpy(to, &row[k], 4);
        } else if (w.type == WeightType::kBf16) {
          uint32_t bits;
          std::memcpy(&bits, &row[k], 4);
          const auto rounded = static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
          std::memcpy(to, &rounded, 2);
        } else {
          const auto q = static_cast<int8_t>(std::lrintf(row[k] * inverse));
          sum += q;
          std::memcpy(to, &q, 1);
        }
      }
      if (w.type != WeightType::kInt8) continue;
      const float scale = largest / 127.0f;
      std::memcpy(packed.data() + scales + 4 * n, &scale, 4);
      const int32_t offset = product.bias * sum;
      if (product.bias != 0) {
        std::memcpy(packed.data() + scales + 4 * (columns + n), &offset, 4);
      }
    }
    return packed;
  }
};

constexpr int64_t kShapes[][2] = {{1, 1},    {3, 7},    {16, 16},  {17, 255}, {48, 64},
                                  {47, 129}, {96, 768}, {130, 66}, {97, 3}};

TEST_P(PackTest, PutsEachNumberWhereItBelongs) {
  for (const WeightType type : kWeightTypes) {
    for (const auto& [out, in] : kShapes) {
      SCOPED_TRACE(testing::Message() << WeightTypeName(type) << " " << out << " x " << in);
      std::vector<float> from = OwnedWeight::Rows(out, in, 2);
      // A row of zeros, one of the smallest numbers, and ties between two integers.
      if (out > 2) {
        std::fill_n(from.begin(), in, 0.0f);
        std::fill_n(from.begin() + in, in, 1e-40f);
        for (int64_t k = 0; k < in; ++k) {
          from[static_cast<size_t>(2 * in + k)] = k == 0 ? 127 : static_cast<float>(k % 100) + 0.5f;
        }
      }
      const Weight w{.out = out, .in = in, .type = type};
      const std::vector<std::byte> expected = PackPlainly(from, w);
      for (const int64_t at_once : {out, int64_t{48}, int64_t{5}, int64_t{1}}) {
        AlignedBytes packed(expected.size());
        for (int64_t row = 0; row < out; row += at_once) {
          const int64_t rows = std::min(at_once, out - row);
          kernels().Pack(from.data() + row * in, row, rows, w, packed.data());
        }
        EXPECT_EQ(std::memcmp(packed.data(), expected.data(), expected.size()), 0)
            << at_once << " rows at once";
      }
    }
  }
}

// A file of rounded rows is packed as the rows themselves are.
TEST_P(PackTest, TakesRowsThatAreRoundedAlready) {
  for (const auto& [out, in] : kShapes) {
    SCOPED_TRACE(testing::Message() << out << " x " << in);
    const std::vector<float> from = OwnedWeight::Rows(out, in, 2);
    std::vector<int8_t> rounded(from.size());
    std::vector<float> scales;
    for (int64_t n = 0; n < out; ++n) {
      const auto at = static_cast<size_t>(n * in), width = static_cast<size_t>(in);
      const Int8Steps steps = Int8StepsOf(std::span(from).subspan(at, width));
      RoundToInt8(std::span(from).subspan(at, width), steps.inverse,
                  std::span(rounded).subspan(at, width));
      scales.push_back(steps.scale);
    }
    const Weight w{.out = out, .in = in, .type = WeightType::kInt8};
    const std::vector<std::byte> expected = PackPlainly(from, w);
    for (const int64_t at_once : {out, int64_t{48}, int64_t{5}}) {
      AlignedBytes packed(expected.size());
      for (int64_t row = 0; row < out; row += at_once) {
        kernels().PackInt8(rounded.data() + row * in, scales.data() + row, row,
                           std::min(at_once, out - row), w, packed.data());
      }
      EXPECT_EQ(std::memcmp(packed.data(), expected.data(), expected.size()), 0)
          << at_once << " rows at once";
    }
  }
}

WATERLINE_FOR_EACH_ISA(PackTest);

}  // namespace
}  // namespace waterline
