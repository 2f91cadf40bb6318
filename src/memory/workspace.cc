// SPDX-License-Identifier: Apache-2.0
#include "memory/workspace.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "memory/arena.h"
#include "memory/block.h"

namespace waterline {
namespace {

// Parts that can be held at once before the list of them grows: passes, and some leases.
constexpr size_t kExpectedLeases = 16;

Error TooLarge(size_t bytes, size_t size, size_t leased) {
  return {Code::kOverBudget, fmt::format("{} bytes of workspace are wanted; it has {}, of which "
                                         "leases hold {}",
                                         bytes, size, leased)};
}

}  // namespace

Workspace::Workspace(std::span<std::byte> memory, size_t size, int workers, bool on_host)
    : memory_(memory), size_(size), workers_(static_cast<size_t>(workers)), on_host_(on_host) {
  held_.reserve(workers_ + kExpectedLeases);
}

void Workspace::Move(std::span<std::byte> memory) {
  const std::lock_guard lock(mutex_);
  if (memory.data() == memory_.data()) return;
  WATERLINE_CHECK(held_.empty() && memory.size() == memory_.size());
  memory_ = memory;
}

size_t Workspace::capacity() const {
  const std::lock_guard lock(mutex_);
  return size_ - leased_;
}

size_t Workspace::share() const { return capacity() / workers_ / Arena::kAlign * Arena::kAlign; }

Result<Workspace::Part> Workspace::Take(size_t bytes, const WaitLimit& limit, bool leased) {
  const size_t rounded =
      leased ? PagesUp(bytes) : (bytes + Arena::kAlign - 1) / Arena::kAlign * Arena::kAlign;
  WATERLINE_CHECK(bytes > 0);
  std::unique_lock lock(mutex_);
  Range free{};
  bool never = false;
  const Waited waited = line_.Wait(lock, limit, [&] {
    never = rounded < bytes || rounded > size_ - leased_;  // A lease may not end before its holder
    if (never) return true;                                // is served: do not wait for it.
    free = FindFree(rounded, leased);
    return free.begin < free.end;
  });
  if (never) return TooLarge(bytes, size_, leased_);
  if (waited != Waited::kReady) return WaitError(waited, "the workspace");
  held_.insert(std::upper_bound(held_.begin(), held_.end(), free,
                                [](Range a, Range b) { return a.begin < b.begin; }),
               free);
  in_use_ += rounded;
  if (leased) leased_ += rounded;
  peak_ = std::max(peak_, in_use_);
  return Part(this, memory_.subspan(free.begin, rounded), leased);
}

Workspace::Range Workspace::FindFree(size_t bytes, bool from_end) const {
  Range found{};
  size_t begin = 0;
  for (size_t i = 0; i <= held_.size(); ++i) {
    const size_t end = i < held_.size() ? held_[i].begin : size_;
    // Leases begin and end on pages, whatever lies before them.
    const size_t last = from_end ? PagesDown(end) : end;
    if (last >= begin && last - begin >= bytes) {
      const size_t first = from_end ? PagesDown(last - bytes) : begin;
      if (first >= begin) found = {first, first + bytes};
      if (!from_end && found.end > 0) return found;
    }
    if (i < held_.size()) begin = held_[i].end;
  }
  return found;
}

void Workspace::Give(const Part& part) {
  // Before the lock: nobody else has these pages yet.
  if (part.leased_ && on_host_) ReleasePages(part.bytes_);
  const std::lock_guard lock(mutex_);
  const auto begin = static_cast<size_t>(part.bytes_.data() - memory_.data());
  std::erase_if(held_, [begin](Range range) { return range.begin == begin; });
  in_use_ -= part.bytes_.size();
  if (part.leased_) leased_ -= part.bytes_.size();
  line_.Notify();
}

void Workspace::Trim() {
  if (memory_.empty() || !on_host_) return;
  const std::lock_guard lock(mutex_);
  size_t begin = 0;
  for (size_t i = 0; i <= held_.size(); ++i) {
    const size_t end = i < held_.size() ? held_[i].begin : size_;
    if (begin < end) ReleasePages(memory_.subspan(begin, end - begin));
    if (i < held_.size()) begin = held_[i].end;
  }
}

size_t Workspace::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

size_t Workspace::leased() const {
  const std::lock_guard lock(mutex_);
  return leased_;
}

size_t Workspace::peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

void Workspace::ResetPeak() {
  const std::lock_guard lock(mutex_);
  peak_ = in_use_;
}

Workspace::Part::Part(Part&& other) noexcept
    : workspace_(std::exchange(other.workspace_, nullptr)),
      bytes_(other.bytes_),
      leased_(other.leased_) {}

Workspace::Part::~Part() {
  if (workspace_ != nullptr) workspace_->Give(*this);
}

}  // namespace waterline
