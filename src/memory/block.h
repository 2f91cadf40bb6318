// Memory from the system, inside a budget.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include "memory/budget.h"
#include "waterline/result.h"

namespace waterline {

inline constexpr size_t kPage = 4096;  // Blocks are multiples of it.
constexpr size_t PagesDown(size_t bytes) { return bytes / kPage * kPage; }
constexpr size_t PagesUp(size_t bytes) { return PagesDown(bytes + kPage - 1); }

// Where blocks come from if not from the system: the memory of a device, which the host cannot
// touch. Thread-safe.
class BlockSource {
 public:
  virtual ~BlockSource() = default;
  // Blocks take a multiple of this.
  virtual size_t granularity() const = 0;
  // Errors: kOverBudget  it has less; says how much. kIo  it failed.
  virtual Result<std::byte*> Take(size_t bytes) = 0;
  virtual void Give(std::byte* block) = 0;
};

// Page-aligned memory from the system, zeroed, returned to the system on destruction. Pages become
// resident on first touch. Movable.
class Block {
 public:
  Block() = default;
  // `bytes` are rounded up to pages.
  // Errors: kOverBudget  the budget lacks `bytes`.  kIo  the system refused.
  static Result<Block> Make(size_t bytes, Budget& budget, Use use);
  static Result<Block> MakeCountedFrom(const BlockSource& source, size_t bytes, Budget& budget,
                                       Use use);
  // The same from `source`, which must outlive it, in its granularity. Content is undefined.
  // Errors: as Take too.
  static Result<Block> MakeFrom(BlockSource& source, size_t bytes, Budget& budget, Use use);
  // A block that is counted and never used: it has a size and no memory.
  static Result<Block> MakeCounted(size_t bytes, Budget& budget, Use use);
  Block(Block&& other) noexcept;
  Block& operator=(Block&& other) noexcept;
  ~Block();

  std::span<std::byte> bytes() const { return {data_, data_ == nullptr ? 0 : size_}; }
  size_t size() const { return size_; }

  // Of a block from a source: gives its memory back, and takes it again. What it counts in the
  // budget stays. Errors: as Take.
  void Release();
  Result<void> Restore();

 private:
  BlockSource* source_ = nullptr;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  Reservation reservation_;
};

// Gives the whole pages inside `memory`, which is part of a Block, back to the system. They read as
// zero when they are touched again.
void ReleasePages(std::span<std::byte> memory);

}  // namespace waterline
