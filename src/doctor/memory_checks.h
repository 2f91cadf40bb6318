// The promises about memory, on this machine: the budget is kept, nothing grows, and what is given
// back is free again, as the system or the driver counts it.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "device/device.h"
#include "doctor/check_result.h"

namespace waterline {

struct MemoryCheckOptions {
  std::string model;
  int batches = 30;      // Of varied shapes, run twice: after the first time nothing may grow.
  int most_texts = 12;   // Of a batch.
  int most_repeats = 6;  // Of a text of the checks, joined to a longer one.
  std::function<void(std::string_view)> progress = {};
};

// On the host: what the engine counts, and what the system counts as resident.
std::vector<CheckResult> CheckHostMemory(const MemoryCheckOptions& options);
// On a device: what the engine counts, and what the driver calls free. Other processes that use the
// device meanwhile make it fail.
std::vector<CheckResult> CheckDeviceMemory(Device& device, const MemoryCheckOptions& options);

}  // namespace waterline
