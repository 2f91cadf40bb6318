// SPDX-License-Identifier: Apache-2.0
#include "engine/precision.h"

#include <fmt/format.h>

#include <cmath>

#include "checkpoint/agreement.h"

namespace waterline {
namespace {

// Points of F1 that a type may be away from f32 and still be chosen.
constexpr double kBf16Limit = 0.1;
constexpr double kInt8Limit = 0.5;

}  // namespace

LayerTypes TypesOf(Precision precision) {
  switch (precision) {
    case Precision::kBf16:
      return {.encoder = WeightType::kBf16, .head = WeightType::kBf16};
    case Precision::kF16:
      return {.encoder = WeightType::kF16, .head = WeightType::kF16};
    case Precision::kTf32:
      return {.encoder = WeightType::kTf32, .head = WeightType::kTf32};
    case Precision::kInt8:
      return {.encoder = WeightType::kInt8, .head = WeightType::kInt8};
    default:
      return {};
  }
}

namespace {

Result<Precision> Choose(Precision precision, const std::filesystem::path& directory,
                         const std::string& packed_as, const Kernels& kernels) {
  if (!packed_as.empty()) {
    for (const Precision packed : {Precision::kBf16, Precision::kInt8}) {
      if (PrecisionName(packed) != packed_as) continue;
      if (precision == packed || precision == Precision::kDefault ||
          precision == Precision::kAuto) {
        return packed;
      }
      return Error{Code::kUnsupported,
                   fmt::format("{} is packed as {} and does not run as {}, for which its weights "
                               "are rounded already; leave the dtype out, or take the checkpoint "
                               "that it was packed from",
                               directory.string(), packed_as, PrecisionName(precision))};
    }
    return Error{Code::kUnsupported,
                 fmt::format("{} is packed as {}, which this version does not know; it knows bf16 "
                             "and int8",
                             directory.string(), packed_as)};
  }
  if (precision == Precision::kDefault) return Precision::kF32;
  if (precision != Precision::kAuto) return precision;
  const Result<Agreement> shown = ReadAgreement(directory);
  if (!shown.ok()) return shown.error();
  const auto int8 = shown->int8.find(kernels.InputRounding(WeightType::kInt8).levels);
  if (int8 != shown->int8.end() && std::abs(int8->second) <= kInt8Limit) return Precision::kInt8;
  // Without instructions for bf16 its products cost as much as those of f32.
  const bool bf16_is_faster = kernels.InputRounding(WeightType::kBf16).bf16;
  if (bf16_is_faster && shown->bf16 && std::abs(*shown->bf16) <= kBf16Limit) {
    return Precision::kBf16;
  }
  return Precision::kF32;
}

}  // namespace

Result<Precision> ChoosePrecision(Precision precision, const std::filesystem::path& directory,
                                  const std::string& packed_as, const Kernels& kernels) {
  const Result<Precision> chosen = Choose(precision, directory, packed_as, kernels);
  const bool of_gpus = chosen.ok() && (*chosen == Precision::kF16 || *chosen == Precision::kTf32);
  if (!of_gpus || !kernels.on_host()) return chosen;
  return Error{Code::kUnsupported,
               fmt::format("the CPU does not compute in {}; it has f32, bf16 and int8",
                           PrecisionName(*chosen))};
}

}  // namespace waterline
