// SPDX-License-Identifier: Apache-2.0
#include "process_memory.h"

#include <fstream>
#include <string>

namespace waterline::cli {

ProcessMemory ReadProcessMemory() {
  ProcessMemory memory;
  std::ifstream status("/proc/self/status");
  std::string key;
  while (status >> key) {
    size_t kibibytes = 0;
    if (key == "VmRSS:" && status >> kibibytes) memory.resident = kibibytes * 1024;
    if (key == "VmHWM:" && status >> kibibytes) memory.resident_peak = kibibytes * 1024;
    status.ignore(4096, '\n');
  }
  return memory;
}

}  // namespace waterline::cli
