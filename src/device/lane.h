// Where one pass at a time is planned and run.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory_resource>
#include <span>

#include "kernels/dry.h"
#include "kernels/kernels.h"
#include "waterline/result.h"

namespace waterline {

// On a device the host queues kernels and goes on; the indices that they read must be there before
// them. So the kernels of a dry pass note what the pass will read from the host, in order, and the
// run begins with one copy of it all: the pass runs through the same code twice, and its n-th index
// array is the n-th that was noted.
//
// Not thread-safe, except for that of the host.
class Lane {
 public:
  virtual ~Lane() = default;

  // Kernels for a dry pass. Notes are kept in `memory` until the next plan begins or Forget.
  virtual const Kernels& BeginPlan(std::pmr::memory_resource* memory) = 0;
  // Bytes of what was noted since then.
  virtual size_t noted_bytes() const = 0;
  // Kernels for the pass that was planned last; `notes` are noted_bytes() of its memory.
  virtual const Kernels& BeginRun(std::span<std::byte> notes) = 0;
  // Those of the last run.
  virtual const Kernels& kernels() const = 0;
  // Waits until all is done that was queued. Errors: kIo  the device failed; what was computed is
  // worth nothing.
  virtual Result<void> Wait() = 0;
  virtual void Forget() = 0;
  // Memory for computations after a pass whose size is not known before (ops/stage.h); empty where
  // that is to be taken from staging.
  virtual std::span<std::byte> stage_room() const = 0;
};

// The host's own: kernels compute where they are called, and any number of threads may use it.
class HostLane final : public Lane {
 public:
  explicit HostLane(const Kernels& kernels) : kernels_(kernels), dry_(kernels) {}

  const Kernels& BeginPlan(std::pmr::memory_resource*) override { return dry_; }
  size_t noted_bytes() const override { return 0; }
  const Kernels& BeginRun(std::span<std::byte>) override { return kernels_; }
  const Kernels& kernels() const override { return kernels_; }
  Result<void> Wait() override { return {}; }
  void Forget() override {}
  std::span<std::byte> stage_room() const override { return {}; }

 private:
  const Kernels& kernels_;
  const DryKernels dry_;
};

}  // namespace waterline
