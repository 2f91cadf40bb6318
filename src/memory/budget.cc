// SPDX-License-Identifier: Apache-2.0
#include "memory/budget.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/check.h"

namespace waterline {

const char* UseName(Use use) {
  switch (use) {
    case Use::kWeights:
      return "weights";
    case Use::kTokenizer:
      return "tokenizer";
    case Use::kStaging:
      return "staging";
    case Use::kWorkspace:
      return "workspace";
    case Use::kLoading:
      return "loading";
    case Use::kLeased:
      return "leases";
  }
  return "";
}

bool Budget::Take(size_t bytes, Use use, Reach reach) {
  const std::lock_guard lock(mutex_);
  if (bytes > limit_ - in_use_) return false;
  if (reach == Reach::kAll && whole_ != nullptr && !whole_->Take(bytes, use)) return false;
  in_use_ += bytes;
  by_use_[static_cast<size_t>(use)] += bytes;
  peak_ = std::max(peak_, in_use_);
  recent_peak_ = std::max(recent_peak_, in_use_);
  return true;
}

void Budget::Give(size_t bytes, Use use, Reach reach) {
  const std::lock_guard lock(mutex_);
  WATERLINE_CHECK(bytes <= by_use_[static_cast<size_t>(use)]);
  in_use_ -= bytes;
  by_use_[static_cast<size_t>(use)] -= bytes;
  if (reach == Reach::kAll && whole_ != nullptr) whole_->Give(bytes, use);
}

void Budget::Leave() {
  const std::lock_guard lock(mutex_);
  whole_.reset();
}

size_t Budget::in_use() const {
  const std::lock_guard lock(mutex_);
  return in_use_;
}

size_t Budget::in_use(Use use) const {
  const std::lock_guard lock(mutex_);
  return by_use_[static_cast<size_t>(use)];
}

size_t Budget::peak() const {
  const std::lock_guard lock(mutex_);
  return peak_;
}

size_t Budget::recent_peak() const {
  const std::lock_guard lock(mutex_);
  return recent_peak_;
}

size_t Budget::available() const {
  const std::lock_guard lock(mutex_);
  const size_t own = limit_ - in_use_;
  return whole_ == nullptr ? own : std::min(own, whole_->available());
}

void Budget::ResetPeak() {
  const std::lock_guard lock(mutex_);
  recent_peak_ = in_use_;
}

Reservation::Reservation(Reservation&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)),
      use_(other.use_),
      reach_(other.reach_),
      bytes_(std::exchange(other.bytes_, 0)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  std::swap(budget_, other.budget_);
  std::swap(use_, other.use_);
  std::swap(reach_, other.reach_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Reservation::~Reservation() {
  if (budget_ != nullptr) budget_->Give(bytes_, use_, reach_);
}

bool Reservation::Resize(size_t bytes) {
  WATERLINE_CHECK(budget_ != nullptr);
  if (bytes > bytes_ && !budget_->Take(bytes - bytes_, use_, reach_)) return false;
  if (bytes < bytes_) budget_->Give(bytes_ - bytes, use_, reach_);
  bytes_ = bytes;
  return true;
}

void* BudgetResource::do_allocate(size_t bytes, size_t alignment) {
  if (!budget_.Take(bytes, use_)) throw OverBudget(bytes, budget_.available());
  try {
    return ::operator new (bytes, std::align_val_t{alignment});
  } catch (const std::bad_alloc&) {
    budget_.Give(bytes, use_);
    throw;
  }
}

void BudgetResource::do_deallocate(void* block, size_t bytes, size_t alignment) {
  ::operator delete (block, std::align_val_t{alignment});
  budget_.Give(bytes, use_);
}

}  // namespace waterline
