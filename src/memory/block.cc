// SPDX-License-Identifier: Apache-2.0
#include "memory/block.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

namespace waterline {

Result<Block> Block::MakeCounted(size_t bytes, Budget& budget, Use use) {
  Block block;
  bytes = PagesUp(bytes);
  block.reservation_ = Reservation(budget, use);
  if (!block.reservation_.Resize(bytes)) {
    return Error{Code::kOverBudget,
                 fmt::format("{} bytes of {} do not fit: {} of {} bytes of the budget are left",
                             bytes, UseName(use), budget.available(), budget.limit())};
  }
  block.size_ = bytes;
  return block;
}

Result<Block> Block::Make(size_t bytes, Budget& budget, Use use) {
  Result<Block> block = MakeCounted(bytes, budget, use);
  if (!block.ok() || block->size_ == 0) return block;
  void* data = ::mmap(nullptr, block->size_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return Error{Code::kIo, fmt::format("the system refused {} bytes of memory for {}: {}",
                                        block->size_, UseName(use), std::strerror(errno))};
  }
  // Weights are written once and read throughout: large pages save most of the faults of loading
  // and of the address translation afterwards. Only a hint, so its result does not matter.
  if (use == Use::kWeights) ::madvise(data, block->size_, MADV_HUGEPAGE);
  block->data_ = static_cast<std::byte*>(data);
  return block;
}

Result<Block> Block::MakeCountedFrom(const BlockSource& source, size_t bytes, Budget& budget,
                                     Use use) {
  const size_t step = source.granularity();
  return MakeCounted((bytes + step - 1) / step * step, budget, use);
}

Result<Block> Block::MakeFrom(BlockSource& source, size_t bytes, Budget& budget, Use use) {
  Result<Block> block = MakeCountedFrom(source, bytes, budget, use);
  if (!block.ok()) return block;
  block->source_ = &source;
  if (const Result<void> taken = block->Restore(); !taken.ok()) return taken.error();
  return block;
}

void Block::Release() {
  if (source_ != nullptr && data_ != nullptr) source_->Give(std::exchange(data_, nullptr));
}

Result<void> Block::Restore() {
  if (source_ == nullptr || data_ != nullptr || size_ == 0) return {};
  const Result<std::byte*> taken = source_->Take(size_);
  if (!taken.ok()) return taken.error();
  data_ = *taken;
  return {};
}

Block::Block(Block&& other) noexcept
    : source_(std::exchange(other.source_, nullptr)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      reservation_(std::move(other.reservation_)) {}

Block& Block::operator=(Block&& other) noexcept {
  std::swap(source_, other.source_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(reservation_, other.reservation_);
  return *this;
}

Block::~Block() {
  if (source_ != nullptr) {
    Release();
  } else if (data_ != nullptr) {
    ::munmap(data_, size_);
  }
}

void ReleasePages(std::span<std::byte> memory) {
  const auto begin = reinterpret_cast<uintptr_t>(memory.data());
  const uintptr_t first = PagesUp(begin), end = PagesDown(begin + memory.size());
  if (memory.data() == nullptr || first >= end) return;
  ::madvise(reinterpret_cast<void*>(first), end - first, MADV_DONTNEED);
}

}  // namespace waterline
