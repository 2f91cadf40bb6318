// SPDX-License-Identifier: Apache-2.0
#include "doctor/speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "doctor/attention_cases.h"
#include "doctor/device_kernels.h"
#include "doctor/fma_peak.h"
#include "doctor/gpu_peaks.h"
#include "doctor/linear_cases.h"

namespace waterline {
namespace {

constexpr LinearCase kCpuShape{512, 768, 3072, Act::kNone, true};
constexpr int kMostRepeats = 1000;

AttentionCase AttentionOf(int64_t sequences, int64_t length) {
  return {std::vector<int64_t>(static_cast<size_t>(sequences), length), 12, 64, Terms::kBoth};
}

double Operations(const LinearCase& shape) {
  return 2.0 * static_cast<double>(shape.rows * shape.in * shape.out);
}

// Products of queries and keys, their two position terms, and values, at 2 L d each.
double Operations(const AttentionCase& test) {
  double operations = 0;
  for (const int64_t length : test.lengths) {
    operations += 4 * 2.0 * static_cast<double>(length * length * test.heads * test.width);
  }
  return operations;
}

std::string NameOf(WeightType type, const LinearCase& shape) {
  return fmt::format("linear map {}, {} x {} x {}", WeightTypeName(type), shape.rows, shape.in,
                     shape.out);
}

std::string NameOf(WeightType type, const AttentionCase& test) {
  return fmt::format("attention {}, {} x {} tokens, {} heads of {}", WeightTypeName(type),
                     test.lengths.size(), test.lengths.front(), test.heads, test.width);
}

// Times that `seconds` hold, of one that took `once`.
int RepeatsFor(double seconds, double once) {
  return static_cast<int>(std::clamp(seconds / std::max(once, 1e-7), 1.0, double{kMostRepeats}));
}

// Seconds of one run on the host: the best of a few groups.
template <typename Run>
double TimeOnHost(double seconds, const Run& run) {
  const auto time = [&](int repeats) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < repeats; ++i) run();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() /
           repeats;
  };
  constexpr int kGroups = 5;
  const double once = time(1);
  double best = once;
  for (int group = 0; group < kGroups; ++group) {
    best = std::min(best, time(RepeatsFor(seconds / kGroups, once)));
  }
  return best;
}

// Seconds of one run on the device, without copies.
template <typename Run>
double TimeOnDevice(DeviceKernels& kernels, double seconds, const Run& run) {
  kernels.set_repeats(1);
  run();
  const int repeats = RepeatsFor(seconds, kernels.seconds());
  kernels.set_repeats(repeats);
  run();
  return kernels.seconds() / repeats;
}

struct LinearOperands {
  OwnedMat x, out;
  OwnedWeight w;
  LinearOperands(const Kernels& kernels, const LinearCase& shape, WeightType type)
      : x(RandomMat(shape.rows, shape.in, 1)),
        out(shape.rows, shape.out),
        w(kernels, OwnedWeight::Rows(shape.out, shape.in, 2), shape.out, shape.in, shape.has_bias,
          type) {}
};

}  // namespace

std::vector<SpeedResult> MeasureCpu(const Kernels& kernels, const SpeedOptions& options) {
  std::vector<SpeedResult> results;
  const double peak = FmaPeak(kernels.name()) * 1e9;
  const auto tell = [&](const std::string& name) {
    if (options.progress) options.progress("speed of " + name);
  };
  for (const WeightType type : kWeightTypes) {
    const std::string name = NameOf(type, kCpuShape);
    tell(name);
    LinearOperands operands(kernels, kCpuShape, type);
    AlignedBytes scratch(kernels.LinearScratchBytes(kCpuShape.rows, operands.w.weight));
    const double seconds = TimeOnHost(options.seconds, [&] {
      kernels.Linear(operands.x, operands.w.weight, kCpuShape.act, scratch.span(), operands.out);
    });
    results.push_back({name, Operations(kCpuShape) / seconds, peak});
  }
  const AttentionCase test = AttentionOf(2, 256);
  const std::string name = NameOf(WeightType::kF32, test);
  tell(name);
  const AttentionInputs inputs(test);
  const double seconds = TimeOnHost(options.seconds, [&] { (void)inputs.Run(kernels); });
  results.push_back({name, Operations(test) / seconds, peak});
  return results;
}

Result<std::vector<SpeedResult>> MeasureDevice(Device& device, const SpeedOptions& options) {
  const Result<Device::Facts> facts = device.facts();
  if (!facts.ok()) return facts.error();
  const LinearCase shape{options.rows, options.width, 4 * options.width, Act::kNone, true};
  std::vector<SpeedResult> results;
  const auto tell = [&](const std::string& name) {
    if (options.progress) options.progress("speed of " + name);
  };
  for (const WeightType type : {WeightType::kF32, WeightType::kTf32, WeightType::kBf16,
                                WeightType::kF16, WeightType::kInt8}) {
    Result<std::unique_ptr<DeviceKernels>> made = DeviceKernels::Make(device, type);
    if (!made.ok()) return made.error();
    DeviceKernels& kernels = **made;
    {
      const std::string name = NameOf(type, shape);
      tell(name);
      LinearOperands operands(kernels, shape, type);
      const double seconds = TimeOnDevice(kernels, options.seconds, [&] {
        RunLinear(kernels, operands.x, operands.w.weight, shape.act, operands.out);
      });
      results.push_back({name, Operations(shape) / seconds, PeakOfProducts(*facts, type)});
    }
    const Rounding rounding = kernels.ProductRounding();
    const bool in_f32 = !rounding.bf16 && !rounding.f16;
    // Attention of tf32 is that of f32, and of int8 that of bf16.
    if (type != WeightType::kTf32 && type != WeightType::kInt8) {
      const AttentionCase test = AttentionOf(options.sequences, options.length);
      const std::string name = NameOf(type, test);
      tell(name);
      const AttentionInputs inputs(test);
      const double seconds =
          TimeOnDevice(kernels, options.seconds, [&] { (void)inputs.Run(kernels); });
      results.push_back({name, Operations(test) / seconds,
                         in_f32 ? PeakOfF32(*facts) : PeakOfProducts(*facts, type)});
    }
    const Result<void> status = kernels.status();
    if (!status.ok()) return status.error();
  }
  return results;
}

}  // namespace waterline
