// SPDX-License-Identifier: Apache-2.0
#include "memory/machine.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace waterline {
namespace {

std::optional<size_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  size_t value = 0;
  if (file >> value) return value;  // "max" is not a number: no limit.
  return std::nullopt;
}

}  // namespace

size_t AvailableMemory() {
  size_t available = 0;
  std::ifstream meminfo("/proc/meminfo");
  std::string key;
  while (meminfo >> key) {
    size_t kib = 0;
    if (key == "MemAvailable:" && meminfo >> kib) available = kib * 1024;
    meminfo.ignore(256, '\n');
  }
  // cgroup v2 as a container sees it, then v1.
  const char* const groups[][2] = {{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
                                   {"/sys/fs/cgroup/memory/memory.limit_in_bytes",
                                    "/sys/fs/cgroup/memory/memory.usage_in_bytes"}};
  for (const auto& [limit_file, used_file] : groups) {
    const std::optional<size_t> limit = ReadNumber(limit_file);
    const std::optional<size_t> used = ReadNumber(used_file);
    if (limit && used) available = std::min(available, *limit - std::min(*limit, *used));
  }
  return available;
}

}  // namespace waterline
