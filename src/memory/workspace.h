// The memory that forward passes run in: one block, taken at load, shared by the workers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "memory/budget.h"
#include "waterline/result.h"

namespace waterline {

// Page-aligned memory from the system, zeroed, returned to the system on destruction. Pages become
// resident on first touch.
class Block {
 public:
  Block() = default;
  // Errors: kOverBudget  the budget lacks `bytes`.  kIo  the system refused.
  static Result<Block> Make(size_t bytes, Budget& budget, Use use);
  Block(Block&& other) noexcept;
  Block& operator=(Block&& other) noexcept;
  ~Block();

  std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  Reservation reservation_;
};

// Divides a block into equal slots, one a worker; a pass takes as many neighbouring slots as it
// needs and waits until they are free. Who asks first is served first. Thread-safe.
class Workspace {
 public:
  Workspace(Block block, int slots);

  size_t slot_bytes() const { return slot_bytes_; }
  size_t bytes() const { return block_.bytes().size(); }
  // Most bytes that passes held at once.
  size_t peak() const;

  // Memory for one pass, until it is destroyed.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    std::span<std::byte> bytes() const { return bytes_; }

   private:
    friend class Workspace;
    Lease(Workspace* workspace, int first, int count, std::span<std::byte> bytes)
        : workspace_(workspace), first_(first), count_(count), bytes_(bytes) {}
    Workspace* workspace_;
    int first_;
    int count_;
    std::span<std::byte> bytes_;
  };

  // Waits for `bytes` (<= bytes()) and returns them, aligned to Arena::kAlign.
  Lease Acquire(size_t bytes);

 private:
  int FindRun(int count) const;  // First slot of a free run, or -1. Requires mutex_.

  Block block_;
  size_t slot_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<bool> busy_;
  uint64_t next_ticket_ = 0;  // Tickets make waiting fair.
  uint64_t serving_ = 0;
  size_t held_ = 0;
  size_t peak_ = 0;
};

}  // namespace waterline
