// Memory that a caller shares with engines: one number for several models, and parts of it for the
// caller's own use.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>

#include "waterline/result.h"

namespace waterline {

class Budget;
class Workspace;

// How long a caller waits for memory. Who waits, waits in order of arrival.
struct WaitLimit {
  // After this: Code::kDeadline. The default never comes.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  // Requesting a stop ends the waiting with Code::kCancelled.
  std::stop_token stop = {};
};

// A part of a budget, held until it is destroyed or released. Movable. Keeps what it came from
// alive. Not thread-safe; may be destroyed on any thread.
class MemoryLease {
 public:
  MemoryLease();  // Holds nothing.
  MemoryLease(MemoryLease&& other) noexcept;
  MemoryLease& operator=(MemoryLease&& other) noexcept;
  ~MemoryLease();

  size_t bytes() const;
  // The memory itself, page-aligned, of any content, for a lease of an engine on the host; empty
  // for one on a device, and for one of a MemoryBudget, whose holder allocates for himself.
  std::span<std::byte> memory() const;
  // Gives it back before the end of the scope.
  void Release();

 private:
  friend class Engine;
  friend class MemoryBudget;
  friend Workspace* WorkspaceOf(const MemoryLease* lease);
  struct Impl;
  explicit MemoryLease(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A number of bytes that several engines share (EngineOptions::shared_budget): the sum of what they
// hold stays below it, and a model that does not fit in what is left is not loaded. Cheap to copy
// (copies share it). Thread-safe.
class MemoryBudget {
 public:
  // `bytes` 0: half of the memory that is free now (EngineOptions::memory_budget).
  explicit MemoryBudget(size_t bytes = 0);

  size_t limit() const;
  size_t in_use() const;
  size_t peak() const;  // Most in use at once since construction or ResetPeak.
  void ResetPeak() const;

  // Sets `bytes` aside for the caller. Does not wait.
  // Errors: kInvalidArgument  0 bytes. kOverBudget  less is left; says both.
  Result<MemoryLease> Lease(size_t bytes) const;

 private:
  friend class Engine;
  std::shared_ptr<Budget> budget_;
};

}  // namespace waterline
