// SPDX-License-Identifier: Apache-2.0
#include "doctor/gpu_peaks.h"

#include <string_view>

namespace waterline {
namespace {

double AtFullClock(const Device::Facts& facts, double rate) {
  return rate * facts.processors * facts.clock_khz * 1e3;
}

}  // namespace

ClockRates ClockRatesOf(const Device::Facts& facts) {
  // Cards for games sum products of 16 bits in f32 at half the rate of those for workstations.
  const bool halved = facts.model.find("GeForce") != std::string::npos ||
                      facts.model.find("TITAN") != std::string::npos;
  switch (facts.capability) {
    case 80:  // A100, A30
      return {.f32 = 128, .tf32 = 1024, .f16 = 2048, .int8 = 4096};
    case 86:   // A40, A10, RTX 30
    case 89:   // L40, L4, RTX 40
    case 120:  // RTX 50, RTX PRO
      return {.f32 = 256, .tf32 = halved ? 256 : 512, .f16 = halved ? 512 : 1024, .int8 = 2048};
    case 90:  // H100, H200
      return {.f32 = 256, .tf32 = 2048, .f16 = 4096, .int8 = 8192};
    case 100:  // B200
      return {.f32 = 256, .tf32 = 4096, .f16 = 8192, .int8 = 16384};
    default:
      return {};
  }
}

double PeakOfProducts(const Device::Facts& facts, WeightType type) {
  const ClockRates rates = ClockRatesOf(facts);
  switch (type) {
    case WeightType::kF32:
      return AtFullClock(facts, rates.tf32 / 3.0);
    case WeightType::kTf32:
      return AtFullClock(facts, rates.tf32);
    case WeightType::kBf16:
    case WeightType::kF16:
      return AtFullClock(facts, rates.f16);
    case WeightType::kInt8:
      return AtFullClock(facts, rates.int8);
  }
  return 0;
}

double PeakOfF32(const Device::Facts& facts) { return AtFullClock(facts, ClockRatesOf(facts).f32); }

}  // namespace waterline
