// What the multiprocessors of GPUs can do, from NVIDIA's architecture papers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/device.h"
#include "weights/weight.h"

namespace waterline {

// What one multiprocessor computes in a clock, without sparsity; an operation is a multiplication
// or an addition. 0 where it is not known.
struct ClockRates {
  int f32 = 0;   // Outside of tensor cores.
  int tf32 = 0;  // In them, with f32 sums,
  int f16 = 0;   // bf16 alike,
  int int8 = 0;  // with sums of 32 bits.
};
ClockRates ClockRatesOf(const Device::Facts& facts);

// Operations a second at the highest clock, which a card holds only while it is cool and within its
// power: processors x clock x rate. Products of kF32 are three of tf32 each. 0 when not known.
double PeakOfProducts(const Device::Facts& facts, WeightType type);
// The same outside of tensor cores.
double PeakOfF32(const Device::Facts& facts);

}  // namespace waterline
