// Compiled only where the CUDA toolkit is: the fake's declarations and constants, next to the
// real ones. A difference is a compile error. (g++ with the toolkit's include path.)
// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime_api.h>

#include "cuda_protos.h"

#define SAME(name, value) static_assert(name == value, #name)
SAME(cudaErrorInvalidValue, 1);
SAME(cudaErrorMemoryAllocation, 2);
SAME(cudaErrorInvalidConfiguration, 9);
SAME(cudaErrorNoDevice, 100);
SAME(cudaErrorInvalidResourceHandle, 400);
SAME(cudaErrorNotReady, 600);
SAME(cudaErrorIllegalAddress, 700);
SAME(cudaErrorLaunchFailure, 719);
SAME(cudaErrorStreamCaptureUnsupported, 900);
SAME(cudaMemcpyHostToDevice, 1);
SAME(cudaMemcpyDeviceToHost, 2);
SAME(cudaFuncAttributeMaxDynamicSharedMemorySize, 8);
SAME(cudaDevAttrClockRate, 13);
SAME(cudaDevAttrMultiProcessorCount, 16);
SAME(cudaDevAttrEccEnabled, 32);
SAME(cudaDevAttrMemoryClockRate, 36);
SAME(cudaDevAttrGlobalMemoryBusWidth, 37);
SAME(cudaDevAttrComputeCapabilityMajor, 75);
SAME(cudaDevAttrComputeCapabilityMinor, 76);
SAME(cudaDevAttrMaxSharedMemoryPerBlockOptin, 97);
SAME(cudaStreamCaptureModeThreadLocal, 1);