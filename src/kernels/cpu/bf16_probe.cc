// Both maps take turns; the best time of each counts.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cpu/bf16_probe.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace waterline {

namespace {

constexpr int64_t kRows = 96, kIn = 256, kOut = 96;
constexpr int kTurns = 5;

// Not zeros: products of random numbers cost more power, and with it clock.
std::vector<float> RandomFloats(int64_t count) {
  std::vector<float> floats(static_cast<size_t>(count));
  uint32_t state = 1;
  for (float& x : floats) {
    state = state * 1664525u + 1013904223u;
    x = static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
  }
  return floats;
}

struct alignas(64) Line {
  std::byte bytes[64];
};

std::vector<Line> Lines(size_t bytes) { return std::vector<Line>(bytes / sizeof(Line) + 1); }

class Map {
 public:
  Map(const Kernels& kernels, const std::vector<float>& from)
      : kernels_(kernels),
        packed_(Lines(kernels.PackedBytes(WeightType::kBf16, kOut, kIn))),
        scratch_(Lines(kernels.LinearScratchBytes(kRows, weight_))) {
    weight_.packed = packed_.data()->bytes;
    kernels.Pack(from.data(), 0, kOut, weight_, packed_.data()->bytes);
  }

  double Seconds(MatView x, MatView out) {
    const std::span<std::byte> scratch(scratch_.data()->bytes, scratch_.size() * sizeof(Line));
    const auto begin = std::chrono::steady_clock::now();
    kernels_.Linear(x, weight_, Act::kNone, scratch, out);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

 private:
  const Kernels& kernels_;
  Weight weight_{.out = kOut, .in = kIn, .type = WeightType::kBf16};
  std::vector<Line> packed_, scratch_;
};

}  // namespace

bool IsFasterWithBf16(const Kernels& a, const Kernels& b) {
  std::vector<float> x = RandomFloats(kRows * kIn);
  std::vector<float> out(static_cast<size_t>(kRows * kOut));
  const std::vector<float> from = RandomFloats(kOut * kIn);
  const MatView x_view{x.data(), kRows, kIn, kIn};
  const MatView out_view{out.data(), kRows, kOut, kOut};
  Map map_a(a, from), map_b(b, from);
  double best_a = 1, best_b = 1;
  for (int i = 0; i < kTurns; ++i) {
    best_a = std::min(best_a, map_a.Seconds(x_view, out_view));
    best_b = std::min(best_b, map_b.Seconds(x_view, out_view));
  }
  return best_a < best_b;
}

}  // namespace waterline
