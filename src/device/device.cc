// SPDX-License-Identifier: Apache-2.0
#include "device/device.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "device/cuda.h"

namespace waterline {
namespace {

Error BadName(std::string_view names) {
  return {Code::kInvalidArgument,
          fmt::format("the device \"{}\" is not known; possible are cpu, cuda, cuda:N, cuda:N,M "
                      "and cuda:all",
                      names)};
}

// The numbers of "0,2"; empty when it is not such a list.
std::vector<int> Indices(std::string_view list) {
  std::vector<int> indices;
  while (true) {
    const size_t comma = std::min(list.find(','), list.size());
    int index = -1;
    const auto [end, error] = std::from_chars(list.data(), list.data() + comma, index);
    if (error != std::errc() || end != list.data() + comma || index < 0) return {};
    if (std::find(indices.begin(), indices.end(), index) != indices.end()) return {};
    indices.push_back(index);
    if (comma == list.size()) return indices;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<std::vector<Device*>> FindDevices(std::string_view names) {
  constexpr std::string_view kCuda = "cuda";
  std::vector<Device*> devices;
  if (names.empty() || names == "cpu") return devices;
  if (!names.starts_with(kCuda)) return BadName(names);
  std::vector<int> indices;
  const std::string_view rest = names.substr(kCuda.size());
  if (rest.empty()) {
    indices = {0};
  } else if (rest == ":all") {
    const Result<int> count = CountCudaDevices();
    if (!count.ok()) return count.error();
    for (int i = 0; i < *count; ++i) indices.push_back(i);
  } else if (rest.starts_with(':')) {
    indices = Indices(rest.substr(1));
  }
  if (indices.empty()) return BadName(names);
  for (const int index : indices) {
    const Result<Device*> device = CudaDevice(index);
    if (!device.ok()) return device.error();
    devices.push_back(*device);
  }
  return devices;
}

}  // namespace waterline
