// Activations in f32, to a few units in the last place.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gpu.h>

#include "kernels/act.h"

namespace waterline::cuda {

__device__ inline float Sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

__device__ inline float Activate(Act act, float x) {
  switch (act) {
    case Act::kNone:
      return x;
    case Act::kRelu:
      return Relu(x);
    case Act::kGelu:
      return 0.5f * x * (1.0f + erff(x * 0.707106781f));
    case Act::kGeluTanh:
      return 0.5f * x * (1.0f + tanhf(0.797884561f * (x + 0.044715f * x * x * x)));
    case Act::kTanh:
      return tanhf(x);
    case Act::kSilu:
      return x * Sigmoid(x);
  }
  return x;
}

}  // namespace waterline::cuda
