// Which of the sequences that lie end to end holds a place.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

namespace waterline::cuda {

// The last s < sequences with begins[s] <= at: the one that is not empty of those that begin there.
// begins[0] <= at.
template <class T>
__device__ int SequenceOf(const T* begins, int sequences, T at) {
  int low = 0, high = sequences;  // begins[low] <= at; `high` is none.
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (begins[middle] <= at ? low : high) = middle;
  }
  return low;
}

}  // namespace waterline::cuda
