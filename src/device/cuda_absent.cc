// In place of cuda_device.cc where there is no nvcc.
// SPDX-License-Identifier: Apache-2.0
#include "device/cuda.h"

namespace waterline {
namespace {

Error Absent() {
  return {Code::kUnsupported,
          "this build has no CUDA backend; build it where nvcc is (WATERLINE_CUDA=ON), or use the "
          "device cpu"};
}

}  // namespace

Result<int> CountCudaDevices() { return Absent(); }
Result<Device*> CudaDevice(int) { return Absent(); }

}  // namespace waterline
