// The recurrence of an LSTM. No block waits for another: one computes all steps of one direction of
// a few sequences of similar length. A thread owns a hidden unit: its four gates, and the cells in
// registers; hidden states are in shared memory, which all threads read at the same place.
//
// Whh in f32 is too large for the registers and shared memory of a multiprocessor (1 MB at H =
// 256), so each step streams it from the second-level cache, all but what fits in shared memory. At
// 64 bytes a clock that takes as long as the products of 8 sequences at 128 a clock, and for fewer
// sequences no less: a step cannot take less than some 10 us at H = 256, whatever the batch. Only
// hardware can tell how close this comes, and where kBusyBlocks should lie.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/lstm.h"

#include <gpu.h>

#include <algorithm>

#include "kernels/cuda/activation.h"
#include "kernels/cuda/prepare.h"

namespace waterline::cuda {
namespace {

constexpr int kMostSequences = 8;  // Of a block.
// As many blocks as read the second-level cache at its full speed; with more sequences than that,
// blocks take several.
constexpr int64_t kBusyBlocks = 64;
constexpr size_t kSharedBytes = 96 << 10;  // What every device since sm_80 has.

// Inputs of four hidden units to the four gates of every unit: float4 [H / 4, 4, H].
int64_t Slices(int64_t hidden) { return (hidden + 3) / 4; }

struct Recurrence {
  MatView gates;
  const float4 *forward, *backward;
  int hidden;
  int slices;
  int resident;  // Slices of the weights that stay in shared memory.
  const int32_t* begins;
  const int32_t* order;  // Sequences, the longest first.
  int sequences;
  int first_direction;
};

__global__ void OrderByLength(const int32_t* begins, int sequences, int32_t* order) {
  const int own = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (own >= sequences) return;
  const int length = begins[own + 1] - begins[own];
  int before = 0;
  for (int s = 0; s < sequences; ++s) {
    const int other = begins[s + 1] - begins[s];
    before += static_cast<int>(other > length || (other == length && s < own));
  }
  order[before] = own;
}

struct GateWeights {
  float4 of[4];
};

// Of one unit, at `weights`, and a slice.
__device__ GateWeights LoadWeights(const float4* weights, int hidden, int slice) {
  const float4* const at = weights + slice * 4 * hidden;
  return {{at[0], at[hidden], at[2 * hidden], at[3 * hidden]}};
}

// z[gate][s] += Whh [4, slices from ... end - 1] times the hidden states [kSequences, 4 slices] of
// all sequences. The weights of a slice are on their way while the one before it is multiplied.
template <int kSequences>
__device__ void AddProducts(const float4* weights, const float* states, int hidden, int slices,
                            int from, int end, float (&z)[4][kSequences]) {
  if (from == end) return;
  GateWeights next = LoadWeights(weights, hidden, from);
#pragma unroll(kSequences > 4 ? 1 : 2)
  for (int slice = from; slice < end; ++slice) {
    const GateWeights w = next;
    next = LoadWeights(weights, hidden, min(slice + 1, end - 1));
#pragma unroll
    for (int s = 0; s < kSequences; ++s) {
      const float4 h = *reinterpret_cast<const float4*>(states + 4 * (s * slices + slice));
#pragma unroll
      for (int g = 0; g < 4; ++g) {
        z[g][s] = fmaf(w.of[g].x, h.x, z[g][s]);
        z[g][s] = fmaf(w.of[g].y, h.y, z[g][s]);
        z[g][s] = fmaf(w.of[g].z, h.z, z[g][s]);
        z[g][s] = fmaf(w.of[g].w, h.w, z[g][s]);
      }
    }
  }
}

template <int kSequences>
__global__ void __launch_bounds__(kMostHidden) Recur(Recurrence r, MatView out) {
  const int state_floats = kSequences * 4 * r.slices;
  auto* const states = DynamicShared<float>();  // [2, kSequences, 4 slices]
  auto* const kept = reinterpret_cast<float4*>(states + 2 * state_floats);
  const int unit = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  const int direction = r.first_direction + static_cast<int>(blockIdx.y);
  const float4* const weights = direction == 0 ? r.forward : r.backward;
  for (int i = unit; i < 2 * state_floats; i += threads) states[i] = 0;
  for (int i = unit; i < r.resident * 4 * r.hidden; i += threads) kept[i] = weights[i];

  __shared__ int first[kSequences], steps[kSequences];  // The first word, and how many there are.
  if (unit < kSequences) {
    const int place = static_cast<int>(blockIdx.x) * kSequences + unit;
    const int sequence = place < r.sequences ? r.order[place] : 0;
    const int begin = r.begins[sequence], end = r.begins[sequence + 1];
    first[unit] = direction == 0 ? begin : end - 1;
    steps[unit] = place < r.sequences ? end - begin : 0;
  }
  const int forwards = direction == 0 ? 1 : -1;
  float cell[kSequences] = {};
  __syncthreads();
  for (int step = 0; step < steps[0]; ++step) {  // The first is the longest.
    const float* const before = states + step % 2 * state_floats;
    float* const after = states + (step + 1) % 2 * state_floats;
    if (unit < r.hidden) {
      float z[4][kSequences];
#pragma unroll
      for (int s = 0; s < kSequences; ++s) {
        if (step >= steps[s]) {
          z[0][s] = z[1][s] = z[2][s] = z[3][s] = 0;
          continue;
        }
        const float* const gates =
            r.gates.row(first[s] + forwards * step) + direction * 4 * r.hidden + unit;
#pragma unroll
        for (int g = 0; g < 4; ++g) z[g][s] = gates[g * r.hidden];
      }
      AddProducts(kept + unit, before, r.hidden, r.slices, 0, r.resident, z);
      AddProducts(weights + unit, before, r.hidden, r.slices, r.resident, r.slices, z);
#pragma unroll
      for (int s = 0; s < kSequences; ++s) {
        if (step >= steps[s]) continue;
        cell[s] = Sigmoid(z[1][s]) * cell[s] + Sigmoid(z[0][s]) * tanhf(z[2][s]);
        const float h = Sigmoid(z[3][s]) * tanhf(cell[s]);
        after[s * 4 * r.slices + unit] = h;
        out.row(first[s] + forwards * step)[direction * r.hidden + unit] = h;
      }
    }
    __syncthreads();
  }
}

using RecurKernel = void (*)(Recurrence, MatView);
constexpr RecurKernel kKernels[] = {Recur<1>, Recur<2>, Recur<4>, Recur<kMostSequences>};

}  // namespace

size_t PackedLstmFloats(int64_t hidden) {
  return static_cast<size_t>(Slices(hidden) * 4 * hidden * 4);
}

void PackLstm(const float* from, int64_t row, int64_t rows, int64_t hidden, float* packed) {
  for (int64_t r = row; r < row + rows; ++r, from += hidden) {
    const int64_t gate = r / hidden, unit = r % hidden;
    for (int64_t k = 0; k < 4 * Slices(hidden); ++k) {
      packed[((k / 4 * 4 + gate) * hidden + unit) * 4 + k % 4] = k < hidden ? from[k] : 0.0f;
    }
  }
}

cudaError_t PrepareLstm() {
  for (const RecurKernel kernel : kKernels) {
    if (const cudaError_t error = PrepareKernels(kSharedBytes, kernel)) return error;
  }
  return PrepareKernels(0, &OrderByLength);
}

size_t LstmScratchBytes(int64_t, int64_t sequences) {
  return (static_cast<size_t>(sequences) * sizeof(int32_t) + 63) / 64 * 64;
}

cudaError_t Lstm(const LstmArgs& args, int64_t longest, MatView out, cudaStream_t stream) {
  const auto sequences = static_cast<int64_t>(args.begins.size()) - 1;
  const int last = std::min(args.last_direction, static_cast<int>(args.directions) - 1);
  const int directions = last - args.first_direction + 1;
  if (sequences <= 0 || longest == 0 || directions <= 0 || out.empty()) return cudaSuccess;
  if (args.hidden > kMostHidden) return cudaErrorInvalidValue;

  auto* const order = reinterpret_cast<int32_t*>(args.scratch.data());
  constexpr int64_t kThreads = 128;
  if (const cudaError_t error =
          Launch(&OrderByLength, "OrderByLength",
                 dim3(static_cast<unsigned>((sequences + kThreads - 1) / kThreads)), dim3(kThreads),
                 0, stream, args.begins.data(), static_cast<int>(sequences), order)) {
    return error;
  }

  const RecurKernel* kernel = kKernels;
  int64_t group = 1;
  for (; group < kMostSequences && sequences * directions > kBusyBlocks * group; group *= 2) {
    ++kernel;
  }
  const int64_t slices = Slices(args.hidden);
  const size_t states = static_cast<size_t>(2 * group * 4 * slices) * sizeof(float);
  const size_t slice = static_cast<size_t>(4 * args.hidden) * sizeof(float4);
  const size_t resident = std::min((kSharedBytes - states) / slice, static_cast<size_t>(slices));
  const Recurrence recurrence{args.gates,
                              reinterpret_cast<const float4*>(args.forward),
                              reinterpret_cast<const float4*>(args.backward),
                              static_cast<int>(args.hidden),
                              static_cast<int>(slices),
                              static_cast<int>(resident),
                              args.begins.data(),
                              order,
                              static_cast<int>(sequences),
                              args.first_direction};
  return Launch(*kernel, "Lstm",
                dim3(static_cast<unsigned>((sequences + group - 1) / group),
                     static_cast<unsigned>(directions)),
                dim3(static_cast<unsigned>((args.hidden + 31) / 32 * 32)),
                states + resident * slice, stream, recurrence, out);
}

}  // namespace waterline::cuda
