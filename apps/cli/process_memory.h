// What the system says that this process holds.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace waterline::cli {

struct ProcessMemory {
  size_t resident = 0;       // Bytes in memory now (VmRSS); 0 when the system does not say.
  size_t resident_peak = 0;  // Most at once (VmHWM).
};

ProcessMemory ReadProcessMemory();

}  // namespace waterline::cli
