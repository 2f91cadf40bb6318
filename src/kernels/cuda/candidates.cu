// Threshold and compact: reads each logit once. Threads of a block count their candidates in shared
// memory, and the block asks for places with one atomic addition; those of different blocks come in
// any order. SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/candidates.h"

#include <gpu.h>

#include <limits>

#include "kernels/cuda/prepare.h"
#include "kernels/cuda/sequences.h"

namespace waterline::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kLogitsOfThread = 4;  // kThreads apart.

struct Limits {
  const int64_t* score_begins;
  int sequences;
  const RowRange* label_groups;
  const float* limits;
  const int32_t* limit_begins;
};

__device__ float LimitOf(const Limits& of, int64_t index) {
  const int s = SequenceOf(of.score_begins, of.sequences, index);
  const auto place = static_cast<uint32_t>(index - of.score_begins[s]);
  const auto labels = static_cast<uint32_t>(of.label_groups[s].end - of.label_groups[s].begin);
  return of.limits[of.limit_begins[s] + static_cast<int32_t>(place % labels)];
}

__global__ void ThresholdAndCompact(const float* logits, int64_t count, Limits limits,
                                    int32_t capacity, CandidateSet* set, Candidate* candidates) {
  __shared__ int kept, nan, first;
  if (threadIdx.x == 0) kept = nan = 0;
  __syncthreads();
  const int64_t begin = int64_t{blockIdx.x} * (kThreads * kLogitsOfThread) + threadIdx.x;
  float logit[kLogitsOfThread];
  int place[kLogitsOfThread];
#pragma unroll
  for (int i = 0; i < kLogitsOfThread; ++i) {
    const int64_t index = begin + i * kThreads;
    place[i] = -1;
    if (index >= count) continue;
    logit[i] = logits[index];
    if (logit[i] != logit[i]) atomicMax(&nan, 1);
    if (logit[i] > LimitOf(limits, index)) place[i] = atomicAdd(&kept, 1);
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    first = kept > 0 ? atomicAdd(&set->count, kept) : 0;
    if (nan != 0) atomicMax(&set->nan, 1);
  }
  __syncthreads();
#pragma unroll
  for (int i = 0; i < kLogitsOfThread; ++i) {
    if (place[i] < 0 || first + place[i] >= capacity) continue;
    candidates[first + place[i]] = {static_cast<int32_t>(begin + i * kThreads), logit[i]};
  }
}

}  // namespace

cudaError_t PrepareCandidates() { return PrepareKernels(0, &ThresholdAndCompact); }

cudaError_t FindCandidates(std::span<const float> logits, std::span<const int64_t> score_begins,
                           std::span<const RowRange> label_groups, std::span<const float> limits,
                           std::span<const int32_t> limit_begins, int32_t capacity,
                           CandidateSet* set, Candidate* candidates, cudaStream_t stream) {
  if (logits.size() > std::numeric_limits<int32_t>::max()) return cudaErrorInvalidValue;
  if (const cudaError_t error = cudaMemsetAsync(set, 0, sizeof *set, stream)) return error;
  if (logits.empty()) return cudaSuccess;
  constexpr size_t kLogits = kThreads * kLogitsOfThread;
  const Limits of{score_begins.data(), static_cast<int>(score_begins.size()) - 1,
                  label_groups.data(), limits.data(), limit_begins.data()};
  return Launch(&ThresholdAndCompact, "FindCandidates",
                dim3(static_cast<unsigned>((logits.size() + kLogits - 1) / kLogits)),
                dim3(kThreads), 0, stream, logits.data(), static_cast<int64_t>(logits.size()), of,
                capacity, set, candidates);
}

}  // namespace waterline::cuda
