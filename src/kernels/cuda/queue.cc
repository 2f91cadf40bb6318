// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/queue.h"

#include <algorithm>

namespace waterline::cuda {

void Queue::Plan(std::pmr::memory_resource* memory) {
  mode_ = Mode::kPlanning;
  notes_.Begin(memory);
}

void Queue::Run(std::span<std::byte> to) {
  mode_ = Mode::kRunning;
  failed_ = {};
  const std::span<const std::byte> from = notes_.bytes();
  for (size_t begin = 0; begin < from.size() && failed_.error == cudaSuccess;) {
    const size_t size = std::min(from.size() - begin, pinned_.size());
    // What was copied before must have left the buffer.
    if (begin > 0) Note("cudaStreamSynchronize", cudaStreamSynchronize(stream_));
    std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(begin), size, pinned_.begin());
    Note("cudaMemcpyAsync",
         cudaMemcpyAsync(to.data() + begin, pinned_.data(), size, cudaMemcpyHostToDevice, stream_));
    begin += size;
  }
  notes_.Replay(to.data());
}

void Queue::Copy(MatView from, MatView to, cudaMemcpyKind kind) {
  if (from.empty()) return;
  Enqueue("cudaMemcpy2DAsync", [&](cudaStream_t stream) {
    constexpr size_t kFloat = sizeof(float);
    const auto pitch = [](const MatView& m) { return static_cast<size_t>(m.stride) * kFloat; };
    return cudaMemcpy2DAsync(to.data, pitch(to), from.data, pitch(from),
                             static_cast<size_t>(from.cols) * kFloat,
                             static_cast<size_t>(from.rows), kind, stream);
  });
  if (mode_ == Mode::kRunning) Note("cudaStreamSynchronize", cudaStreamSynchronize(stream_));
}

Queue::Failure Queue::Wait() {
  if (mode_ == Mode::kRunning) Note("cudaStreamSynchronize", cudaStreamSynchronize(stream_));
  return failed_;
}

}  // namespace waterline::cuda
