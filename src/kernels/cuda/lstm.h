// The recurrence of an LSTM: see the methods of Kernels with these names, here on device memory,
// the begins of sequences too. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace waterline::cuda {

// The widest hidden state.
inline constexpr int64_t kMostHidden = 512;

// On the host, as Kernels::PackLstm: rows [row, row + rows) of a Whh [4 H, H].
size_t PackedLstmFloats(int64_t hidden);
void PackLstm(const float* from, int64_t row, int64_t rows, int64_t hidden, float* packed);

// Loads every kernel of this file.
cudaError_t PrepareLstm();

size_t LstmScratchBytes(int64_t hidden, int64_t sequences);
// `longest` rows has the longest sequence. Packed weights and scratch are 16-byte aligned.
// cudaErrorInvalidValue for a hidden state wider than kMostHidden.
cudaError_t Lstm(const LstmArgs& args, int64_t longest, MatView out, cudaStream_t stream);

}  // namespace waterline::cuda
