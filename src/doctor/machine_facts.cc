// SPDX-License-Identifier: Apache-2.0
#include "doctor/machine_facts.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/utsname.h>

#include <fstream>
#include <string_view>
#include <thread>

#include "kernels/kernels.h"
#include "memory/machine.h"

namespace waterline {
namespace {

constexpr double kMiB = 1 << 20;

// What follows `key` in the first line of the file that begins with it, without blanks, separators
// and quotes around it; "" when there is none.
std::string ValueIn(const char* path, std::string_view key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with(key)) continue;
    constexpr const char* kAround = " \t:=\"";
    const size_t begin = line.find_first_not_of(kAround, key.size());
    if (begin == std::string::npos) return {};
    return line.substr(begin, line.find_last_not_of(kAround) - begin + 1);
  }
  return {};
}

std::string Compiler() {
#if defined(__clang__)
  return fmt::format("Clang {}", __clang_version__);
#elif defined(__GNUC__)
  return fmt::format("GCC {}", __VERSION__);
#else
  return "unknown";
#endif
}

std::string System() {
  utsname names{};
  const std::string distribution = ValueIn("/etc/os-release", "PRETTY_NAME");
  if (uname(&names) != 0) return distribution;
  return fmt::format("{} {} {}{}{}", names.sysname, names.release, names.machine,
                     distribution.empty() ? "" : ", ", distribution);
}

// 13000 is 13.0.
std::string CudaVersion(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

}  // namespace

std::vector<std::string> InstructionSets() {
  std::vector<std::string> names;
  for (const char* name : CpuIsaNames()) {
    if (CpuKernels(name) != nullptr) names.emplace_back(name);
  }
  return names;
}

std::vector<Fact> MachineFacts() {
  const std::string cpu = ValueIn("/proc/cpuinfo", "model name");
  return {
      {"waterline", WATERLINE_VERSION},
      {"compiler", Compiler()},
      {"system", System()},
      {"CPU", fmt::format("{}, {} threads", cpu.empty() ? "unknown" : cpu,
                          std::thread::hardware_concurrency())},
      {"instruction sets", fmt::format("{}", fmt::join(InstructionSets(), ", "))},
      {"memory available",
       fmt::format("{:.0f} MiB", static_cast<double>(AvailableMemory()) / kMiB)},
      {"GPU driver", DescribeDriver()},
  };
}

Result<std::vector<Fact>> DeviceFacts(const Device& device) {
  const Result<Device::Facts> facts = device.facts();
  if (!facts.ok()) return facts.error();
  const Result<Device::Memory> memory = device.memory();
  if (!memory.ok()) return memory.error();
  const auto mebibytes = [](size_t bytes) { return static_cast<double>(bytes) / kMiB; };
  return std::vector<Fact>{
      {"model", facts->model},
      {"architecture",
       fmt::format("sm_{}, {} multiprocessors", facts->capability, facts->processors)},
      {"clocks", fmt::format("{:.0f} MHz, memory {:.0f} MHz on {} bits", facts->clock_khz / 1e3,
                             facts->memory_clock_khz / 1e3, facts->memory_bits)},
      {"memory",
       fmt::format("{:.0f} MiB, {:.0f} MiB of them free; ECC {}", mebibytes(memory->total),
                   mebibytes(memory->free), facts->ecc ? "on" : "off")},
      {"taken by driver and others when opened",
       fmt::format("{:.0f} MiB", mebibytes(device.context_bytes()))},
      {"CUDA", fmt::format("{} of this build, {} of the driver", CudaVersion(facts->runtime),
                           CudaVersion(facts->driver))},
  };
}

bool HasDriverLibrary() {
  void* const library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL);
  if (library != nullptr) dlclose(library);
  return library != nullptr;
}

std::string DescribeDriver() {
  const bool has_library = HasDriverLibrary();
  // "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  ..."
  const std::string module = ValueIn("/proc/driver/nvidia/version", "NVRM version");
  if (module.empty() && !has_library) {
    return "no driver of NVIDIA is loaded, and libcuda.so.1 is not there";
  }
  return fmt::format("{}, {}", module.empty() ? "no driver of NVIDIA is loaded" : module,
                     has_library ? "libcuda.so.1 is there" : "libcuda.so.1 is not there");
}

}  // namespace waterline
