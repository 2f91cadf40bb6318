// GPUs of NVIDIA. Linked from cuda_device.cc, or from cuda_absent.cc in builds without nvcc.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "device/device.h"

namespace waterline {

// Errors of both: kUnsupported  this build has no CUDA. kNotFound  no driver, no device; kIo.
Result<int> CountCudaDevices();
// The `index`th device, opened on first use.
Result<Device*> CudaDevice(int index);

}  // namespace waterline
