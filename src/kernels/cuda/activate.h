// Activations in f32, of the accuracy of the functions they call (a few units in the last place).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include "kernels/act.h"

namespace waterline::cuda {

template <Act kAct>
__device__ __forceinline__ float Activated(float x) {
  if constexpr (kAct == Act::kRelu) return x < 0 ? 0 : x;  // NaN stays.
  if constexpr (kAct == Act::kGelu) return 0.5f * x * (1 + erff(x * 0.70710678f));
  if constexpr (kAct == Act::kGeluTanh)
    return 0.5f * x * (1 + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
  if constexpr (kAct == Act::kTanh) return tanhf(x);
  if constexpr (kAct == Act::kSilu) return x / (1 + expf(-x));
  return x;
}

template <Act kAct, int kCount>
__device__ __forceinline__ void ActivateAll(float (&x)[kCount]) {
#pragma unroll
  for (float& v : x) v = Activated<kAct>(v);
}

// One branch for all: `act` is the same in all threads.
template <int kCount>
__device__ __forceinline__ void Activate(Act act, float (&x)[kCount]) {
  switch (act) {
    case Act::kNone:
      return;
    case Act::kRelu:
      return ActivateAll<Act::kRelu>(x);
    case Act::kGelu:
      return ActivateAll<Act::kGelu>(x);
    case Act::kGeluTanh:
      return ActivateAll<Act::kGeluTanh>(x);
    case Act::kTanh:
      return ActivateAll<Act::kTanh>(x);
    case Act::kSilu:
      return ActivateAll<Act::kSilu>(x);
  }
}

}  // namespace waterline::cuda
