// SPDX-License-Identifier: Apache-2.0
#include "memory/block_heap.h"

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <bit>
#include <new>

#include "base/check.h"
#include "memory/block.h"
#include "memory/budget.h"

namespace waterline {
namespace {

constexpr size_t kUnit = 16;  // Sizes and addresses are multiples of it.

// The address sanitizer sees what lies in no piece in use, and a gap behind each.
#ifdef __SANITIZE_ADDRESS__
constexpr size_t kGap = kUnit;
#else
constexpr size_t kGap = 0;
#endif

int BinOf(size_t size) { return std::bit_width(size) - 1; }

}  // namespace

BlockHeap::BlockHeap(std::span<std::byte> memory)
    : memory_(memory.first(memory.size() / kUnit * kUnit)) {
  WATERLINE_CHECK(memory_.size() >= sizeof(Piece));
  Clear();
}

// What is mapped at these addresses next has nothing to do with the heap.
BlockHeap::~BlockHeap() { ASAN_UNPOISON_MEMORY_REGION(memory_.data(), memory_.size()); }

void BlockHeap::Clear() {
  bins_ = {};
  filled_ = 0;
  Piece* all = At(0);
  all->size = memory_.size();
  all->before = 0;
  Link(all);
  ASAN_POISON_MEMORY_REGION(all + 1, all->size - sizeof(Piece));
}

BlockHeap::Piece* BlockHeap::Behind(Piece* piece) const {
  std::byte* const end = reinterpret_cast<std::byte*>(piece) + (piece->size & ~kUsed);
  return end == memory_.data() + memory_.size() ? nullptr : reinterpret_cast<Piece*>(end);
}

void BlockHeap::Link(Piece* piece) {
  const auto bin = static_cast<size_t>(BinOf(piece->size));
  piece->previous = nullptr;
  piece->next = bins_[bin];
  if (piece->next != nullptr) piece->next->previous = piece;
  bins_[bin] = piece;
  filled_ |= uint64_t{1} << bin;
}

void BlockHeap::Unlink(Piece* piece) {
  const auto bin = static_cast<size_t>(BinOf(piece->size));
  if (piece->next != nullptr) piece->next->previous = piece->previous;
  (piece->previous != nullptr ? piece->previous->next : bins_[bin]) = piece->next;
  if (bins_[bin] == nullptr) filled_ &= ~(uint64_t{1} << bin);
}

BlockHeap::Piece* BlockHeap::FindFree(size_t size) const {
  const int bin = BinOf(size);
  for (Piece* piece = bins_[static_cast<size_t>(bin)]; piece != nullptr; piece = piece->next) {
    if (piece->size >= size) return piece;
  }
  const uint64_t larger = bin >= 63 ? 0 : filled_ & ~((uint64_t{2} << bin) - 1);
  return larger == 0 ? nullptr : bins_[static_cast<size_t>(std::countr_zero(larger))];
}

size_t BlockHeap::LargestFree() const {
  size_t largest = kHeader;
  const int bin = std::bit_width(filled_) - 1;  // The largest pieces are in the highest bin.
  if (bin < 0) return 0;
  for (Piece* piece = bins_[static_cast<size_t>(bin)]; piece != nullptr; piece = piece->next) {
    largest = std::max(largest, piece->size);
  }
  return largest - kHeader;
}

void* BlockHeap::do_allocate(size_t bytes, size_t alignment) {
  WATERLINE_CHECK(alignment <= kUnit);
  const std::lock_guard lock(mutex_);
  const bool too_large = bytes > memory_.size();
  const size_t size =
      too_large ? bytes
                : std::max((bytes + kHeader + kGap + kUnit - 1) / kUnit * kUnit, sizeof(Piece));
  Piece* piece = too_large ? nullptr : FindFree(size);
  if (fail_at_ > 0 && --fail_at_ == 0) piece = nullptr;
  if (piece == nullptr) throw OverBudget(bytes, LargestFree());
  Unlink(piece);
  ASAN_UNPOISON_MEMORY_REGION(piece, piece->size);
  const size_t rest = piece->size - size;
  if (rest >= sizeof(Piece)) {
    piece->size = size;
    Piece* behind = Behind(piece);
    behind->size = rest;
    behind->before = size;
    if (Piece* next = Behind(behind)) next->before = rest;
    Link(behind);
    ASAN_POISON_MEMORY_REGION(behind + 1, behind->size - sizeof(Piece));
  }
  in_use_ += piece->size;
  peak_ = std::max(peak_, in_use_);
  std::byte* const memory = reinterpret_cast<std::byte*>(piece) + kHeader;
  ASAN_POISON_MEMORY_REGION(memory + bytes, piece->size - kHeader - bytes);
  piece->size |= kUsed;
  return memory;
}

void BlockHeap::do_deallocate(void* memory, size_t, size_t) {
  const std::lock_guard lock(mutex_);
  auto* piece = reinterpret_cast<Piece*>(static_cast<std::byte*>(memory) - kHeader);
  WATERLINE_CHECK((piece->size & kUsed) != 0);
  piece->size &= ~kUsed;
  ASAN_UNPOISON_MEMORY_REGION(piece, piece->size);
  in_use_ -= piece->size;
  if (Piece* next = Behind(piece); next != nullptr && (next->size & kUsed) == 0) {
    Unlink(next);
    piece->size += next->size;
  }
  if (piece->before > 0) {
    auto* before = reinterpret_cast<Piece*>(reinterpret_cast<std::byte*>(piece) - piece->before);
    if ((before->size & kUsed) == 0) {
      Unlink(before);
      before->size += piece->size;
      piece = before;
    }
  }
  if (Piece* next = Behind(piece)) next->before = piece->size;
  Link(piece);
  ASAN_POISON_MEMORY_REGION(piece + 1, piece->size - sizeof(Piece));
}

size_t BlockHeap::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

size_t BlockHeap::peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

void BlockHeap::ResetPeak() {
  const std::lock_guard lock(mutex_);
  peak_ = in_use_;
}

bool BlockHeap::Trim() {
  const std::lock_guard lock(mutex_);
  if (in_use_ > 0) return false;
  ASAN_UNPOISON_MEMORY_REGION(memory_.data(), memory_.size());
  ReleasePages(memory_);
  Clear();
  return true;
}

void BlockHeap::FailAt(int64_t count) {
  const std::lock_guard lock(mutex_);
  fail_at_ = count;
}

}  // namespace waterline
