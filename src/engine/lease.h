// What a lease holds.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "memory/budget.h"
#include "memory/workspace.h"
#include "waterline/memory.h"

namespace waterline {

struct MemoryLease::Impl {
  // Of an engine, which `owner` keeps alive.
  Impl(std::shared_ptr<void> owner, size_t size, Workspace::Part memory, bool on_host);
  // Of a budget.
  Impl(std::shared_ptr<Budget> budget, size_t size, Reservation reserved)
      : owner(std::move(budget)), bytes(size), reservation(std::move(reserved)) {}

  std::shared_ptr<void> owner;
  size_t bytes;
  Reservation reservation;
  std::optional<Workspace::Part> part;
  bool on_host = true;
  std::optional<Workspace> workspace;  // In `part`, for the passes of calls that use the lease.
};

// Where calls with `lease` run their passes: nullptr for no lease, or one without memory.
Workspace* WorkspaceOf(const MemoryLease* lease);

}  // namespace waterline
