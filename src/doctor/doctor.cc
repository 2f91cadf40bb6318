// SPDX-License-Identifier: Apache-2.0
#include "doctor/doctor.h"

#include <fmt/format.h>

#include <chrono>
#include <limits>
#include <memory>
#include <utility>

#include "device/cuda.h"
#include "device/device.h"
#include "doctor/device_kernels.h"
#include "doctor/kernel_checks.h"
#include "doctor/memory_checks.h"
#include "doctor/model_checks.h"
#include "doctor/operands.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

CheckResult Failed(std::string name, const Error& error) {
  CaseLog log(std::move(name));
  log.Expect(false, error.message);
  return log.result();
}

class Doctor {
 public:
  explicit Doctor(const DoctorOptions& options) : options_(options) {}

  ProcessorReport CheckCpu() {
    const auto begin = Clock::now();
    ProcessorReport report;
    report.name = "cpu";
    for (const std::string& isa : InstructionSets()) {
      CheckSection section{"kernels " + isa, {}};
      for (const WeightType type : kWeightTypes) {
        Append(section.checks,
               CheckKernels(*CpuKernels(isa.c_str()), KernelOptions("cpu " + isa, type)));
      }
      report.sections.push_back(std::move(section));
    }
    report.sections.push_back(
        {"model",
         CheckModel(ModelOptions("cpu", {Precision::kF32, Precision::kBf16, Precision::kInt8}))});
    report.sections.push_back({"memory", CheckHostMemory(MemoryOptions("cpu"))});
    report.speeds = MeasureCpu(*CpuKernels(), SpeedOptionsOf("cpu"));
    report.peak = "one core, of its f32 multiply-adds in registers as measured";
    report.seconds = SecondsSince(begin);
    return report;
  }

  ProcessorReport CheckDevice(const std::string& name) {
    const auto begin = Clock::now();
    ProcessorReport report;
    report.name = name;
    Tell(name, "opening");
    const Result<std::vector<Device*>> found = FindDevices(name);
    if (!found.ok()) {
      report.sections.push_back({"device", {Failed("opening", found.error())}});
      return report;
    }
    Device& device = *found->front();
    Result<std::vector<Fact>> facts = DeviceFacts(device);
    if (facts.ok()) {
      report.facts = *std::move(facts);
    } else {
      report.sections.push_back({"device", {Failed("asking", facts.error())}});
    }
    report.sections.push_back({"instructions", {Probe(device)}});
    report.sections.push_back({"kernels", CheckDeviceKernels(device)});
    report.sections.push_back(
        {"model",
         CheckModel(ModelOptions(name, {Precision::kF32, Precision::kTf32, Precision::kBf16,
                                        Precision::kF16, Precision::kInt8}))});
    report.sections.push_back({"memory", CheckDeviceMemory(device, MemoryOptions(name))});
    Result<std::vector<SpeedResult>> speeds = MeasureDevice(device, SpeedOptionsOf(name));
    if (speeds.ok()) {
      report.speeds = *std::move(speeds);
    } else {
      report.sections.push_back({"speed", {Failed("measuring", speeds.error())}});
    }
    report.peak =
        "the card's at its highest clock: multiprocessors x clock x operations in a clock";
    report.seconds = SecondsSince(begin);
    return report;
  }

 private:
  void Tell(std::string_view processor, std::string_view what) const {
    if (options_.progress) options_.progress(fmt::format("{}: {}", processor, what));
  }
  std::function<void(std::string_view)> Teller(std::string processor) const {
    return
        [this, processor = std::move(processor)](std::string_view what) { Tell(processor, what); };
  }
  static void Append(std::vector<CheckResult>& to, std::vector<CheckResult> from) {
    for (CheckResult& result : from) to.push_back(std::move(result));
  }

  KernelCheckOptions KernelOptions(const std::string& processor, WeightType type) const {
    KernelCheckOptions kernel_options;
    kernel_options.type = type;
    kernel_options.most_work = options_.sizes.most_work;
    kernel_options.progress = Teller(processor);
    return kernel_options;
  }
  ModelCheckOptions ModelOptions(const std::string& device, std::vector<Precision> dtypes) const {
    return {.model = options_.model,
            .device = device,
            .dtypes = std::move(dtypes),
            .texts = options_.sizes.texts,
            .progress = Teller(device)};
  }
  MemoryCheckOptions MemoryOptions(const std::string& processor) const {
    MemoryCheckOptions memory_options;
    memory_options.model = options_.model;
    memory_options.batches = options_.sizes.batches;
    memory_options.most_texts = options_.sizes.most_texts;
    memory_options.most_repeats = options_.sizes.most_repeats;
    memory_options.progress = Teller(processor);
    return memory_options;
  }
  SpeedOptions SpeedOptionsOf(const std::string& processor) const {
    SpeedOptions speed = options_.sizes.speed;
    speed.progress = Teller(processor);
    return speed;
  }

  CheckResult Probe(Device& device) const {
    Tell(device.name(), "instructions");
    const Result<std::vector<Device::InstructionProbe>> probes = device.ProbeInstructions();
    if (!probes.ok()) return Failed("as documented", probes.error());
    CaseLog log("as documented");
    for (const Device::InstructionProbe& probe : *probes) {
      log.Expect(probe.mismatch.empty(), fmt::format("{}: {}", probe.name, probe.mismatch));
    }
    return log.result();
  }

  std::vector<CheckResult> CheckDeviceKernels(Device& device) const {
    std::vector<CheckResult> results;
    for (const WeightType type : {WeightType::kF32, WeightType::kTf32, WeightType::kBf16,
                                  WeightType::kF16, WeightType::kInt8}) {
      const Result<std::unique_ptr<DeviceKernels>> kernels = DeviceKernels::Make(device, type);
      if (!kernels.ok()) {
        results.push_back(Failed(WeightTypeName(type), kernels.error()));
        continue;
      }
      KernelCheckOptions kernel_options = KernelOptions(device.name(), type);
      kernel_options.of_device = true;
      kernel_options.status = [&] { return (*kernels)->status(); };
      Append(results, CheckKernels(**kernels, kernel_options));
    }
    return results;
  }

  const DoctorOptions& options_;
};

// The runtime calls a driver that is not there one that is too old.
std::string WhyNoGpu(const Error& error) {
  if (error.code == Code::kUnsupported || HasDriverLibrary()) return error.message;
  return "there is no driver of NVIDIA: libcuda.so.1 is not there";
}

std::vector<Fact> ModelFacts(const ModelReport& report) {
  return {{"directory", report.directory},
          {"architecture", report.architecture},
          {"backbone", report.backbone},
          {"weights", fmt::format("{}, {} bytes, {}", report.weights_file, report.file_bytes,
                                  report.stored_type)}};
}

}  // namespace

Result<DoctorReport> RunDoctor(const DoctorOptions& options) {
  const auto begin = Clock::now();
  DoctorReport report;
  report.machine = MachineFacts();
  const Result<ModelReport> model = Inspect(options.model);
  if (!model.ok()) return model.error();
  report.model = ModelFacts(*model);
  // Names of one device each.
  std::vector<std::string> devices;
  if (options.device == "all") {
    const Result<int> count = CountCudaDevices();
    if (!count.ok()) report.no_gpu = WhyNoGpu(count.error());
    if (count.ok() && *count == 0) report.no_gpu = "the driver knows no GPU";
    for (int i = 0; count.ok() && i < *count; ++i) devices.push_back(fmt::format("cuda:{}", i));
  } else {
    const Result<std::vector<Device*>> named = FindDevices(options.device);
    if (!named.ok() && named.error().code == Code::kInvalidArgument) return named.error();
    if (!named.ok()) {
      devices.push_back(options.device);  // Fails again, in the report.
    } else {
      for (const Device* device : *named) devices.push_back(device->name());
    }
  }
  Doctor doctor(options);
  for (const std::string& device : devices) report.processors.push_back(doctor.CheckDevice(device));
  if (options.device == "all" || options.device == "cpu" || options.device.empty()) {
    report.processors.push_back(doctor.CheckCpu());
  }
  report.seconds = SecondsSince(begin);
  return report;
}

}  // namespace waterline
