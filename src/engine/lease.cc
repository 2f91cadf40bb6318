// SPDX-License-Identifier: Apache-2.0
#include "engine/lease.h"

#include <fmt/format.h>

#include "engine/sizing.h"
#include "memory/machine.h"

namespace waterline {

MemoryLease::Impl::Impl(std::shared_ptr<void> of, size_t size, Workspace::Part memory, bool is_host)
    : owner(std::move(of)), bytes(size), part(std::move(memory)), on_host(is_host) {
  // One worker's: a pass of several texts may take all of it.
  workspace.emplace(part->bytes(), part->bytes().size(), 1, on_host);
}

MemoryLease::MemoryLease() = default;
MemoryLease::MemoryLease(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MemoryLease::MemoryLease(MemoryLease&& other) noexcept = default;
MemoryLease& MemoryLease::operator=(MemoryLease&& other) noexcept = default;
MemoryLease::~MemoryLease() = default;

size_t MemoryLease::bytes() const { return impl_ == nullptr ? 0 : impl_->bytes; }

std::span<std::byte> MemoryLease::memory() const {
  if (impl_ == nullptr || !impl_->part || !impl_->on_host) return {};
  return impl_->part->bytes().first(impl_->bytes);
}

void MemoryLease::Release() { impl_.reset(); }

Workspace* WorkspaceOf(const MemoryLease* lease) {
  if (lease == nullptr || lease->impl_ == nullptr || !lease->impl_->workspace) return nullptr;
  return &*lease->impl_->workspace;
}

MemoryBudget::MemoryBudget(size_t bytes)
    : budget_(std::make_shared<Budget>(bytes > 0 ? bytes : AutomaticBudget(AvailableMemory()))) {}

size_t MemoryBudget::limit() const { return budget_->limit(); }
size_t MemoryBudget::in_use() const { return budget_->in_use(); }
size_t MemoryBudget::peak() const { return budget_->recent_peak(); }
void MemoryBudget::ResetPeak() const { budget_->ResetPeak(); }

Result<MemoryLease> MemoryBudget::Lease(size_t bytes) const {
  if (bytes == 0) return Error{Code::kInvalidArgument, "a lease of 0 bytes; give at least 1"};
  Reservation reservation(*budget_, Use::kLeased);
  if (!reservation.Resize(bytes)) {
    return Error{Code::kOverBudget, fmt::format("a lease of {} bytes: {} of {} bytes of the budget "
                                                "are left",
                                                bytes, budget_->available(), budget_->limit())};
  }
  return MemoryLease(std::make_unique<MemoryLease::Impl>(budget_, bytes, std::move(reservation)));
}

}  // namespace waterline
