// GPUs by the CUDA runtime.
//
// Memory: one cudaMalloc for the weights, one for the workspace, one for stages; one cudaHostAlloc
// and one stream a lane. No pools and nothing asynchronous: an arena that is planned makes them
// pointless. Every kernel is loaded while the device is opened, as the driver takes memory for it
// then. cudaDeviceReset is never called: it would end the work of others in the process, and so the
// context goes only with it.
// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "device/cuda.h"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/probes.h"
#include "kernels/cuda/queue.h"

namespace waterline {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kGranularity = 2 * kMiB;  // Of cudaMalloc.
constexpr size_t kPinned = 1 * kMiB;       // Notes of a lane; larger ones go in pieces.

Error Failed(const std::string& device, const char* what, cudaError_t error) {
  (void)cudaGetLastError();  // Else the next call reports it again.
  return {Code::kIo, fmt::format("{}: {} failed: {} ({})", device, what, cudaGetErrorString(error),
                                 cudaGetErrorName(error))};
}

class CudaLane final : public Lane {
 public:
  static Result<std::unique_ptr<Lane>> Make(const std::string& device, int index, WeightType type,
                                            std::span<std::byte> room, Budget& budget) {
    Reservation reserved(budget, Use::kStaging);
    if (!reserved.Resize(kPinned)) {
      return Error{Code::kOverBudget, ""};  // Of the host; the caller tells.
    }
    cudaStream_t stream = nullptr;
    cudaError_t error = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    if (error != cudaSuccess) return Failed(device, "cudaStreamCreateWithFlags", error);
    void* pinned = nullptr;
    error = cudaHostAlloc(&pinned, kPinned, cudaHostAllocDefault);
    if (error != cudaSuccess) {
      (void)cudaStreamDestroy(stream);
      return Failed(device, "cudaHostAlloc", error);
    }
    return std::unique_ptr<Lane>(new CudaLane(device, index, stream,
                                              {static_cast<std::byte*>(pinned), kPinned},
                                              std::move(reserved), type, room));
  }
  CudaLane(const CudaLane&) = delete;
  CudaLane& operator=(const CudaLane&) = delete;
  ~CudaLane() override {
    (void)cudaSetDevice(index_);
    (void)cudaStreamSynchronize(stream_);
    (void)cudaFreeHost(pinned_.data());
    (void)cudaStreamDestroy(stream_);
    (void)cudaGetLastError();
  }

  const Kernels& BeginPlan(std::pmr::memory_resource* memory) override {
    queue_.Plan(memory);
    return kernels_;
  }
  size_t noted_bytes() const override { return queue_.notes().bytes().size(); }
  const Kernels& BeginRun(std::span<std::byte> notes) override {
    (void)cudaSetDevice(index_);  // Of this thread; a failure comes back with the first launch.
    queue_.Run(notes);
    return kernels_;
  }
  const Kernels& kernels() const override { return kernels_; }
  Result<void> Wait() override {
    const cuda::Queue::Failure failure = queue_.Wait();
    if (failure.error == cudaSuccess) return {};
    return Failed(device_, failure.what, failure.error);
  }
  void Forget() override { queue_.notes().Forget(); }
  std::span<std::byte> stage_room() const override { return room_; }

 private:
  CudaLane(const std::string& device, int index, cudaStream_t stream, std::span<std::byte> pinned,
           Reservation reserved, WeightType type, std::span<std::byte> room)
      : device_(device),
        index_(index),
        stream_(stream),
        pinned_(pinned),
        reserved_(std::move(reserved)),
        queue_(stream, pinned),
        kernels_(queue_, type),
        room_(room) {}

  const std::string& device_;
  const int index_;
  const cudaStream_t stream_;
  const std::span<std::byte> pinned_;
  const Reservation reserved_;
  cuda::Queue queue_;
  const CudaKernels kernels_;
  const std::span<std::byte> room_;
};

class OpenCudaDevice final : public Device {
 public:
  static Result<std::unique_ptr<OpenCudaDevice>> Open(int index) {
    auto device = std::unique_ptr<OpenCudaDevice>(new OpenCudaDevice(index));
    const auto failed = [&](const char* what, cudaError_t error) {
      return Failed(device->name_, what, error);
    };
    if (const cudaError_t error = cudaSetDevice(index); error != cudaSuccess) {
      return failed("cudaSetDevice", error);
    }
    const auto attribute = [&](cudaDeviceAttr which, int& value) {
      return cudaDeviceGetAttribute(&value, which, index);
    };
    int major = 0, minor = 0, processors = 0;
    for (const auto& [which, value] : {std::pair{cudaDevAttrComputeCapabilityMajor, &major},
                                       std::pair{cudaDevAttrComputeCapabilityMinor, &minor},
                                       std::pair{cudaDevAttrMultiProcessorCount, &processors}}) {
      if (const cudaError_t error = attribute(which, *value); error != cudaSuccess) {
        return failed("cudaDeviceGetAttribute", error);
      }
    }
    if (major < 8) {
      return Error{Code::kUnsupported,
                   fmt::format("{} is of compute capability {}.{}; 8.0 or newer is needed",
                               device->name_, major, minor)};
    }
    cudaDeviceProp properties;
    if (const cudaError_t error = cudaGetDeviceProperties(&properties, index);
        error != cudaSuccess) {
      return failed("cudaGetDeviceProperties", error);
    }
    device->model_ =
        fmt::format("{}, sm_{}{}, {} multiprocessors", properties.name, major, minor, processors);
    if (const cudaError_t error = PrepareCudaKernels(); error != cudaSuccess) {
      return failed("loading the kernels", error);
    }
    const Result<Memory> memory = device->memory();
    if (!memory.ok()) return memory.error();
    device->context_ = memory->total - memory->free;
    return device;
  }

  const std::string& name() const override { return name_; }
  const std::string& model() const override { return model_; }
  const Kernels& kernels() const override { return kernels_; }
  size_t context_bytes() const override { return context_; }
  size_t granularity() const override { return kGranularity; }

  Result<Memory> memory() const override {
    (void)cudaSetDevice(index_);
    Memory memory;
    const cudaError_t error = cudaMemGetInfo(&memory.free, &memory.total);
    if (error != cudaSuccess) return Failed(name_, "cudaMemGetInfo", error);
    return memory;
  }

  Result<Facts> facts() const override {
    Facts facts;
    cudaDeviceProp properties;
    if (const cudaError_t error = cudaGetDeviceProperties(&properties, index_);
        error != cudaSuccess) {
      return Failed(name_, "cudaGetDeviceProperties", error);
    }
    facts.model = properties.name;
    int major = 0, minor = 0, ecc = 0;
    for (const auto& [which, value] :
         {std::pair{cudaDevAttrComputeCapabilityMajor, &major},
          std::pair{cudaDevAttrComputeCapabilityMinor, &minor},
          std::pair{cudaDevAttrMultiProcessorCount, &facts.processors},
          std::pair{cudaDevAttrClockRate, &facts.clock_khz},
          std::pair{cudaDevAttrMemoryClockRate, &facts.memory_clock_khz},
          std::pair{cudaDevAttrGlobalMemoryBusWidth, &facts.memory_bits},
          std::pair{cudaDevAttrEccEnabled, &ecc}}) {
      const cudaError_t error = cudaDeviceGetAttribute(value, which, index_);
      if (error != cudaSuccess) return Failed(name_, "cudaDeviceGetAttribute", error);
    }
    facts.capability = 10 * major + minor;
    facts.ecc = ecc != 0;
    cudaError_t error = cudaDriverGetVersion(&facts.driver);
    if (error == cudaSuccess) error = cudaRuntimeGetVersion(&facts.runtime);
    if (error != cudaSuccess) return Failed(name_, "asking for versions", error);
    return facts;
  }

  Result<std::vector<InstructionProbe>> ProbeInstructions() override {
    (void)cudaSetDevice(index_);
    if (const cudaError_t error = cuda::PrepareProbes(); error != cudaSuccess) {
      return Failed(name_, "loading the probes", error);
    }
    std::vector<InstructionProbe> outcomes;
    for (const cuda::Probe& probe : cuda::Probes()) {
      Result<std::string> mismatch = MismatchOf(probe);
      if (!mismatch.ok()) return mismatch.error();
      outcomes.push_back({probe.name, *std::move(mismatch)});
    }
    return outcomes;
  }

  Result<std::byte*> Take(size_t bytes) override {
    (void)cudaSetDevice(index_);
    void* block = nullptr;
    const cudaError_t error = cudaMalloc(&block, bytes);
    if (error == cudaSuccess) return static_cast<std::byte*>(block);
    if (error != cudaErrorMemoryAllocation) return Failed(name_, "cudaMalloc", error);
    (void)cudaGetLastError();
    const Result<Memory> now = memory();
    if (!now.ok()) return now.error();
    return Error{Code::kOverBudget,
                 fmt::format("{} refused a block of {} bytes: {} of its {} bytes are free; free "
                             "some there, or give a smaller device memory budget",
                             name_, bytes, now->free, now->total)};
  }
  void Give(std::byte* block) override {
    (void)cudaSetDevice(index_);
    (void)cudaFree(block);
    (void)cudaGetLastError();
  }

  Result<void> Upload(std::span<const std::byte> from, std::byte* to) override {
    (void)cudaSetDevice(index_);
    cudaError_t error =
        cudaMemcpyAsync(to, from.data(), from.size(), cudaMemcpyHostToDevice, nullptr);
    if (error == cudaSuccess) error = cudaStreamSynchronize(nullptr);
    if (error != cudaSuccess) return Failed(name_, "copying the weights", error);
    return {};
  }

  Result<std::unique_ptr<Lane>> MakeLane(WeightType type, std::span<std::byte> stage_room,
                                         Budget& budget) override {
    (void)cudaSetDevice(index_);
    return CudaLane::Make(name_, index_, type, stage_room, budget);
  }

 private:
  explicit OpenCudaDevice(int index) : index_(index), name_(fmt::format("cuda:{}", index)) {}

  // Runs the probe; as InstructionProbe::mismatch.
  Result<std::string> MismatchOf(const cuda::Probe& probe) {
    std::vector<float> got(probe.count), expected(probe.count);
    const size_t bytes = probe.count * sizeof(float);
    const Result<std::byte*> block = Take(bytes);
    if (!block.ok()) return block.error();
    auto* const out = reinterpret_cast<float*>(*block);
    cudaError_t error = cudaMemsetAsync(out, 0, bytes, nullptr);
    if (error == cudaSuccess) error = probe.run(out, nullptr);
    if (error == cudaSuccess) {
      error = cudaMemcpyAsync(got.data(), out, bytes, cudaMemcpyDeviceToHost, nullptr);
    }
    if (error == cudaSuccess) error = cudaStreamSynchronize(nullptr);
    Give(*block);
    if (error != cudaSuccess) return Failed(name_, probe.name, error);
    probe.expected(expected.data());
    for (size_t i = 0; i < probe.count; ++i) {
      if (got[i] == expected[i] && std::signbit(got[i]) == std::signbit(expected[i])) continue;
      if (std::isnan(got[i]) && std::isnan(expected[i])) continue;
      const float most = probe.tolerance * std::abs(expected[i]);
      if (got[i] != expected[i] && std::abs(got[i] - expected[i]) <= most) continue;
      return fmt::format("number {} of {} is {:.9g}, expected {:.9g}", i, probe.count, got[i],
                         expected[i]);
    }
    return std::string();
  }

  const int index_;
  const std::string name_;
  std::string model_;
  size_t context_ = 0;
  const CudaKernels kernels_;
};

// What the driver says instead of a number of devices.
Result<int> Count() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess) return count;
  (void)cudaGetLastError();
  return Error{Code::kNotFound,
               fmt::format("CUDA finds no GPU: {} ({}); it takes one of NVIDIA, and a driver of "
                           "release 580 or newer",
                           cudaGetErrorString(error), cudaGetErrorName(error))};
}

}  // namespace

Result<int> CountCudaDevices() { return Count(); }

Result<Device*> CudaDevice(int index) {
  static std::mutex mutex;
  static std::map<int, std::unique_ptr<OpenCudaDevice>> open;
  const std::lock_guard lock(mutex);
  const auto known = open.find(index);
  if (known != open.end()) return known->second.get();
  const Result<int> count = Count();
  if (!count.ok()) return count.error();
  if (index >= *count) {
    return Error{Code::kNotFound,
                 fmt::format("there is no device cuda:{}; this machine has {}", index, *count)};
  }
  Result<std::unique_ptr<OpenCudaDevice>> device = OpenCudaDevice::Open(index);
  if (!device.ok()) return device.error();
  return open.emplace(index, std::move(*device)).first->second.get();
}

}  // namespace waterline
