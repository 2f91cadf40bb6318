// The fake device behind cuda_runtime.h, as tests see it: size, trace, faults, schedule.
//
// Device memory is one reserved range. While the host runs it is inaccessible (PROT_NONE), so
// a host that follows a device pointer crashes, as it would on hardware. It opens for kernels
// and copies. Streams are queues; work runs when something waits for it (kLate) or at once
// (kEager): both are legal orders, and code that is right gives the same answer under both.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <string>
#include <vector>

namespace fake_cuda {

enum class Schedule { kEager, kLate };

struct Options {
  int devices = 1;  // Each of
  size_t device_bytes = size_t{8} << 30;
  size_t context_bytes = size_t{300} << 20;  // Gone from "free" once the device is used.
  size_t page_bytes = 2 << 20;               // cudaMalloc takes whole pages of the device.
  Schedule schedule = Schedule::kLate;
  int sm = 80;
  int sm_count = 108;
  long fail_call = -1;                                // The n-th call from now (0 = next) fails,
  cudaError_t fail_with = cudaErrorMemoryAllocation;  // with this;
  bool sticky = false;  // and every call after it too (a dead context).
};

struct Call {
  std::string name;
  size_t bytes;
  cudaError_t result;
};

struct Totals {
  size_t device_bytes, device_peak, pinned_bytes;
  int device_blocks, pinned_blocks, streams, events, graphs;
  long calls, allocations, launches;
};

void Reset(const Options& options);  // A new process: whatever was left is dropped.
Options& Current();
Totals Now();
const std::vector<Call>& Trace();
void ForgetTrace();
// True when [p, p + bytes) lies in one live device allocation.
bool OnDevice(const void* p, size_t bytes);
bool InDeviceRange(const void* p);

// Used by the headers.
cudaError_t Enqueue(const void* kernel, const char* name, dim3 grid, dim3 block, size_t shared,
                    cudaStream_t stream, std::function<void()> work);
cudaError_t EnqueueWork(const char* name, size_t bytes, cudaStream_t stream,
                        std::function<void()> work);
cudaError_t Begin(const char* name, size_t bytes = 0);  // Traces a call; injects its fault.

}  // namespace fake_cuda
