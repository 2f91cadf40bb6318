// SPDX-License-Identifier: Apache-2.0
#include "memory/workspace.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "memory/arena.h"

namespace waterline {

Result<Block> Block::Make(size_t bytes, Budget& budget, Use use) {
  Block block;
  if (bytes == 0) return block;
  block.reservation_ = Reservation(budget, use);
  if (!block.reservation_.Resize(bytes)) {
    return Error{Code::kOverBudget,
                 fmt::format("{} bytes of {} do not fit: {} of {} bytes of the budget are left",
                             bytes, UseName(use), budget.available(), budget.limit())};
  }
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return Error{Code::kIo, fmt::format("the system refused {} bytes of memory for {}: {}", bytes,
                                        UseName(use), std::strerror(errno))};
  }
  // Weights are written once and read throughout: large pages save most of the faults of loading
  // and of the address translation afterwards. Only a hint, so its result does not matter.
  if (use == Use::kWeights) ::madvise(data, bytes, MADV_HUGEPAGE);
  block.data_ = static_cast<std::byte*>(data);
  block.size_ = bytes;
  return block;
}

Block::Block(Block&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      reservation_(std::move(other.reservation_)) {}

Block& Block::operator=(Block&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(reservation_, other.reservation_);
  return *this;
}

Block::~Block() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

Workspace::Workspace(Block block, int slots)
    : block_(std::move(block)),
      slot_bytes_(block_.bytes().size() / static_cast<size_t>(slots) / Arena::kAlign *
                  Arena::kAlign),
      busy_(static_cast<size_t>(slots), false) {}

Workspace::Lease Workspace::Acquire(size_t bytes) {
  const size_t slots = busy_.size();
  const size_t wanted = slot_bytes_ == 0 ? slots : (bytes + slot_bytes_ - 1) / slot_bytes_;
  // All slots together are the whole block, remainder of the division included.
  const int count = static_cast<int>(std::clamp<size_t>(wanted, 1, slots));
  WATERLINE_CHECK(bytes <= this->bytes());

  std::unique_lock lock(mutex_);
  const uint64_t ticket = next_ticket_++;
  int first = -1;
  freed_.wait(lock, [&] { return ticket == serving_ && (first = FindRun(count)) >= 0; });
  ++serving_;
  std::fill_n(busy_.begin() + first, count, true);
  const size_t size = static_cast<size_t>(count) == slots
                          ? this->bytes()
                          : static_cast<size_t>(count) * slot_bytes_;
  held_ += bytes;
  peak_ = std::max(peak_, held_);
  freed_.notify_all();
  return Lease(this, first, count,
               block_.bytes().subspan(static_cast<size_t>(first) * slot_bytes_, size).first(bytes));
}

int Workspace::FindRun(int count) const {
  int run = 0;
  for (int i = 0; i < static_cast<int>(busy_.size()); ++i) {
    run = busy_[static_cast<size_t>(i)] ? 0 : run + 1;
    if (run == count) return i - count + 1;
  }
  return -1;
}

size_t Workspace::peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

Workspace::Lease::Lease(Lease&& other) noexcept
    : workspace_(std::exchange(other.workspace_, nullptr)),
      first_(other.first_),
      count_(other.count_),
      bytes_(other.bytes_) {}

Workspace::Lease::~Lease() {
  if (workspace_ == nullptr) return;
  {
    const std::lock_guard lock(workspace_->mutex_);
    std::fill_n(workspace_->busy_.begin() + first_, count_, false);
    workspace_->held_ -= bytes_.size();
  }
  workspace_->freed_.notify_all();
}

}  // namespace waterline
