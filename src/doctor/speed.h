// How fast products and attention run, as a share of what the processor could multiply.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "kernels/kernels.h"

namespace waterline {

struct SpeedResult {
  std::string name;  // "linear map bf16, 4096 x 1024 x 4096"
  double rate = 0;   // Multiplications and additions a second.
  double peak = 0;   // Those that the processor could do; 0 when not known.
};

struct SpeedOptions {
  double seconds = 0.3;  // Of each measurement, about; at least one run is measured.
  // On a device: rows and inputs of the linear map, which has four times as many outputs, and the
  // sequences of attention.
  int64_t rows = 4096;
  int64_t width = 1024;
  int64_t sequences = 32;
  int64_t length = 384;
  std::function<void(std::string_view)> progress = {};
};

// Of one thread on the CPU; the peak is what a loop of f32 multiply-adds in registers reached on
// this core, whatever the type.
std::vector<SpeedResult> MeasureCpu(const Kernels& kernels, const SpeedOptions& options);

// Of a device; the peak is that of gpu_peaks.h. Errors: kIo, kOverBudget.
Result<std::vector<SpeedResult>> MeasureDevice(Device& device, const SpeedOptions& options);

}  // namespace waterline
