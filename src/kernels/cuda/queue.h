// Where kernels are queued: a stream, and what the pass in it needs from the host.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <memory_resource>
#include <span>

#include "kernels/cuda/notes.h"
#include "memory/mat.h"

namespace waterline::cuda {

// Not thread-safe. Members that call the runtime do so on the device that is current.
class Queue {
 public:
  enum class Mode { kPlanning, kRunning };

  // `pinned` host memory, of a multiple of Notes::kAlign bytes, must outlive the queue.
  Queue(cudaStream_t stream, std::span<std::byte> pinned) : stream_(stream), pinned_(pinned) {}

  void Plan(std::pmr::memory_resource* memory);
  // Copies the notes to `to`, in the stream.
  void Run(std::span<std::byte> to);
  Notes& notes() { return notes_; }
  const Notes& notes() const { return notes_; }

  // Queues launch(stream) -> cudaError_t, unless this is a plan or an operation has failed.
  template <typename Launch>
  void Enqueue(const char* what, Launch launch) {
    if (mode_ == Mode::kPlanning || failed_.error != cudaSuccess) return;
    Note(what, launch(stream_));
  }
  // Copies between host memory, of any kind, and the device; they wait.
  void CopyIn(MatView from, MatView to) { Copy(from, to, cudaMemcpyHostToDevice); }
  void CopyOut(MatView from, MatView to) { Copy(from, to, cudaMemcpyDeviceToHost); }

  struct Failure {
    const char* what = "";
    cudaError_t error = cudaSuccess;
  };
  // Waits for all that was queued; the first failure since the run began.
  Failure Wait();

 private:
  void Note(const char* what, cudaError_t error) {
    if (error != cudaSuccess && failed_.error == cudaSuccess) failed_ = {what, error};
  }
  void Copy(MatView from, MatView to, cudaMemcpyKind kind);

  const cudaStream_t stream_;
  const std::span<std::byte> pinned_;
  Mode mode_ = Mode::kPlanning;
  Notes notes_;
  Failure failed_;
};

}  // namespace waterline::cuda
