// The memory that forward passes run in: one block, shared by the workers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <mutex>
#include <span>
#include <vector>

#include "memory/waiting_line.h"
#include "waterline/memory.h"
#include "waterline/result.h"

namespace waterline {

// Hands out parts of a block. A pass takes what its plan says and waits until that is free; who
// asks first is served first. Leases are taken from the end and reduce what passes may count on.
// Thread-safe; allocates nothing after construction but for more than `workers` parts at once.
class Workspace {
 public:
  // `memory` is aligned to pages and outlives the workspace. `size` may stand for memory that is
  // not there (Block::MakeCounted); then only share() and size() are asked.
  // Memory of a device has no pages to release.
  Workspace(std::span<std::byte> memory, size_t size, int workers, bool on_host = true);

  // Other memory of the same size, while no part of it is held.
  void Move(std::span<std::byte> memory);

  size_t size() const { return size_; }
  // What leases leave,
  size_t capacity() const;
  // and a worker's part of that: passes of several texts are cut to fit it.
  size_t share() const;

  // A part of the memory, until it is destroyed.
  class Part {
   public:
    Part(Part&& other) noexcept;
    Part& operator=(Part&&) = delete;
    ~Part();
    std::span<std::byte> bytes() const { return bytes_; }

   private:
    friend class Workspace;
    Part(Workspace* workspace, std::span<std::byte> bytes, bool leased)
        : workspace_(workspace), bytes_(bytes), leased_(leased) {}
    Workspace* workspace_;
    std::span<std::byte> bytes_;
    bool leased_;
  };

  // Waits for `bytes`, aligned to Arena::kAlign, for a pass.
  // Errors: kOverBudget  more than the capacity. kDeadline, kCancelled.
  Result<Part> Acquire(size_t bytes, const WaitLimit& limit) { return Take(bytes, limit, false); }
  // The same for a lease: whole pages. Their content leaves the resident memory when it ends.
  Result<Part> Lease(size_t bytes, const WaitLimit& limit) { return Take(bytes, limit, true); }

  // Gives the pages of what nobody holds back to the system.
  void Trim();

  size_t in_use() const;
  size_t leased() const;
  size_t peak() const;  // Most in use at once since construction or ResetPeak.
  void ResetPeak();

 private:
  struct Range {
    size_t begin;
    size_t end;
  };

  Result<Part> Take(size_t bytes, const WaitLimit& limit, bool leased);
  void Give(const Part& part);
  // The first (of a lease: the last) free range of `bytes`; begin == end when there is none.
  Range FindFree(size_t bytes, bool from_end) const;

  std::span<std::byte> memory_;
  const size_t size_;
  const size_t workers_;
  const bool on_host_;
  mutable std::mutex mutex_;
  WaitingLine line_;
  std::vector<Range> held_;  // By offset.
  size_t in_use_ = 0;
  size_t leased_ = 0;
  size_t peak_ = 0;
};

}  // namespace waterline
