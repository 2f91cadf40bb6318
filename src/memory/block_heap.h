// A heap inside one block: what containers take and give comes from memory that was reserved once.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <mutex>
#include <span>

namespace waterline {

// A std::pmr resource over a fixed block; it never asks the system for more. Throws OverBudget,
// with the largest free range, when none is large enough. Neighbouring free ranges are joined at
// once, so that an empty heap is one range again, whatever happened before. Alignments of up to 16
// bytes. Thread-safe.
//
// Source: boundary tags and bins by size, D. Knuth, The Art of Computer Programming 1, section 2.5,
// algorithms A and C.
class BlockHeap final : public std::pmr::memory_resource {
 public:
  // `memory` is aligned to 16 bytes and outlives the heap.
  explicit BlockHeap(std::span<std::byte> memory);
  ~BlockHeap() override;

  size_t size() const { return memory_.size(); }
  size_t in_use() const;  // Bytes handed out, with the 16 that each piece takes for itself.
  size_t peak() const;    // Most of that at once since construction or ResetPeak.
  void ResetPeak();
  // Gives the pages back to the system when nothing is handed out; false when something is.
  bool Trim();

  // The `count`-th allocation from now on throws OverBudget, once; for tests of failure. 0: none.
  void FailAt(int64_t count);

 private:
  // A piece of the block, in use or free, and what is known of the piece before it.
  struct Piece {
    size_t size;    // With this header; bit 0: in use.
    size_t before;  // Size of the piece before it; 0 for the first.
    // Only in free pieces:
    Piece* next;
    Piece* previous;
  };
  static constexpr size_t kHeader = 2 * sizeof(size_t);
  static constexpr size_t kUsed = 1;

  void* do_allocate(size_t bytes, size_t alignment) override;
  void do_deallocate(void* memory, size_t bytes, size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }

  // All require mutex_.
  void Clear();  // One free piece.
  Piece* FindFree(size_t size) const;
  size_t LargestFree() const;  // Bytes that one allocation could get.
  void Link(Piece* piece);
  void Unlink(Piece* piece);
  Piece* Behind(Piece* piece) const;  // nullptr at the end.
  Piece* At(size_t offset) const { return reinterpret_cast<Piece*>(memory_.data() + offset); }

  const std::span<std::byte> memory_;
  mutable std::mutex mutex_;
  std::array<Piece*, 64> bins_{};  // Free pieces of sizes in [2^b, 2^(b+1)).
  uint64_t filled_ = 0;            // Bit b: bins_[b] is not empty.
  size_t in_use_ = 0;
  size_t peak_ = 0;
  int64_t fail_at_ = 0;
};

}  // namespace waterline
