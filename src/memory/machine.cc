// SPDX-License-Identifier: Apache-2.0
#include "memory/machine.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>

namespace waterline {
namespace {

std::optional<size_t> ReadNumber(const std::filesystem::path& path) {
  std::ifstream file(path);
  size_t value = 0;
  if (file >> value) return value;  // "max" is not a number: no limit.
  return std::nullopt;
}

// The number behind `key` in a file of "key number" lines.
std::optional<size_t> ReadKey(const std::filesystem::path& path, std::string_view key) {
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    size_t value = 0;
    if (word == key && file >> value) return value;
    file.ignore(4096, '\n');
  }
  return std::nullopt;
}

// How one version of control groups names things.
struct GroupFiles {
  const char* mount;
  const char* limit;
  const char* used;
  const char* file_pages;  // Key of memory.stat.
};
constexpr GroupFiles kV2{"sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"};
constexpr GroupFiles kV1{"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                         "total_inactive_file"};

// What the limits of the group `path` and of those around it leave.
void LimitByGroups(const std::filesystem::path& root, const GroupFiles& files,
                   const std::string& path, size_t& available) {
  const std::filesystem::path top = root / files.mount;
  std::filesystem::path group = top / std::filesystem::path(path).relative_path();
  while (true) {
    const std::optional<size_t> limit = ReadNumber(group / files.limit);
    const std::optional<size_t> used = ReadNumber(group / files.used);
    if (limit && used) {
      const size_t pages = ReadKey(group / "memory.stat", files.file_pages).value_or(0);
      const size_t held = *used - std::min(*used, pages);
      available = std::min(available, *limit - std::min(*limit, held));
    }
    if (group == top || group.native().size() <= top.native().size()) return;
    group = group.parent_path();
  }
}

}  // namespace

size_t AvailableMemory(const std::filesystem::path& root) {
  size_t available = ReadKey(root / "proc/meminfo", "MemAvailable:").value_or(0) * 1024;
  // "hierarchy:controllers:path"; of version 2 "0::path". In a container the path may be that of
  // the host, which is not visible: then the top of the mount is the container's own group.
  std::ifstream groups(root / "proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line)) {
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) LimitByGroups(root, kV2, path, available);
    if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      LimitByGroups(root, kV1, path, available);
    }
  }
  return available;
}

ResidentMemory ReadResidentMemory() {
  std::array<char, 4096> text;
  const int file = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const ssize_t size = ::read(file, text.data(), text.size());
  ::close(file);
  const std::string_view status(text.data(), static_cast<size_t>(std::max<ssize_t>(size, 0)));
  const auto read = [&](std::string_view key) {
    size_t at = status.find(key);
    if (at == status.npos) return size_t{0};
    at = status.find_first_not_of(" \t", at + key.size());
    size_t kibibytes = 0;
    if (at != status.npos) {
      std::from_chars(status.data() + at, status.data() + status.size(), kibibytes);
    }
    return kibibytes * 1024;
  };
  return {.now = read("\nVmRSS:"), .peak = read("\nVmHWM:")};
}

}  // namespace waterline
