// Leases, budgets that engines share, and sizes in bytes as Python gives them.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <optional>

#include "waterline/memory.h"

namespace waterline::python {

namespace nb = nanobind;

// A lease that ends with `with` or release(), or after the last call that runs in it.
class SharedLease {
 public:
  explicit SharedLease(MemoryLease lease);
  ~SharedLease();
  SharedLease(SharedLease&&) = default;

  // Throws ValueError after Release, RuntimeError in a process that was forked since.
  std::shared_ptr<const MemoryLease> lease() const;
  size_t bytes() const { return lease_ == nullptr ? 0 : lease_->bytes(); }
  void Release();

 private:
  std::shared_ptr<const MemoryLease> lease_;
  int forks_;  // ForkCount() when it was taken.
};

// Bytes from an int or a str such as "256MiB". `name` is that of the parameter. Throws TypeError,
// ValueError.
size_t ReadBytes(nb::handle size, const char* name);

// A limit of `timeout` seconds; none without. Throws ValueError for a negative one or NaN.
WaitLimit ReadTimeout(std::optional<double> timeout);

void BindMemory(nb::module_& module);

}  // namespace waterline::python
