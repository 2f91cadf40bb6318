// What binding leaves to be done: to read tensors and to pack them, on several threads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory_resource>
#include <string>
#include <utility>
#include <vector>

namespace waterline {

// Stages run one after another, each when the one before it is done: weights are read; the tables
// that depend on a norm are normalised; they are projected.
enum class Stage { kRead, kNormalise, kProject };
inline constexpr size_t kStages = 3;

// Collected by one thread, then run once.
class PackingJobs {
 public:
  // Does one piece of a job and returns what is wrong with its tensor, "" for nothing. Pieces may
  // run at the same time. `scratch` is 64-byte aligned, and the piece's alone while it runs.
  using Piece = std::function<std::string(int64_t piece, float* scratch)>;

  // Buffers come from `memory`.
  explicit PackingJobs(std::pmr::memory_resource* memory) : memory_(memory), kept_(memory) {}

  void Add(Stage stage, int64_t pieces, Piece run) {
    stages_[static_cast<size_t>(stage)].push_back({pieces, std::move(run)});
  }

  // Zeroed floats that live as long as this, 64-byte aligned. They take KeptBytes of memory.
  float* Keep(int64_t floats);
  static size_t KeptBytes(int64_t floats);

  // Runs all pieces on at most `threads` threads, and on fewer where `memory` holds no more scratch
  // of `scratch_floats` each, and appends to `problems` the first one of each job in the order in
  // which jobs were added, none twice. The threads are its own, as those of passes flush subnormal
  // numbers, which weights may hold.
  // Throws OverBudget when there is no scratch for one thread, std::bad_alloc, and
  // std::system_error when the system refuses a thread.
  void Run(int threads, int64_t scratch_floats, std::vector<std::string>& problems);

 private:
  struct Job {
    int64_t pieces;
    Piece run;
  };

  std::pmr::memory_resource* memory_;
  std::array<std::vector<Job>, kStages> stages_;
  std::pmr::vector<std::pmr::vector<float>> kept_;
};

}  // namespace waterline
