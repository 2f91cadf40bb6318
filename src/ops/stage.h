// A computation whose size is known only when a pass has scored something.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <utility>

#include "kernels/dry.h"
#include "memory/arena.h"
#include "ops/ops.h"
#include "waterline/result.h"

namespace waterline {

// Plans `forward`(Ops&), takes what the plan says from `memory` and runs it there: forward is
// called twice, dry and for real, and must have released every matrix when it returns. Errors: kIo
// a tensor could not be read from the checkpoint. Throws what `memory` throws.
template <typename Forward>
Result<void> RunStage(const Kernels& kernels, std::pmr::memory_resource* memory,
                      const Forward& forward) {
  const DryKernels dry(kernels);
  Arena planning(memory);
  {
    Ops ops(dry, planning);
    forward(ops);
  }
  const Plan plan = std::move(planning).MakePlan();

  class Room {
   public:
    Room(std::pmr::memory_resource* from, size_t bytes)
        : from_(from), size_(bytes + Arena::kAlign), data_(from->allocate(size_)) {}
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    ~Room() { from_->deallocate(data_, size_); }
    std::span<std::byte> aligned() const {
      const auto at = reinterpret_cast<uintptr_t>(data_);
      const size_t skip = (Arena::kAlign - at % Arena::kAlign) % Arena::kAlign;
      return {static_cast<std::byte*>(data_) + skip, size_ - Arena::kAlign};
    }

   private:
    std::pmr::memory_resource* from_;
    size_t size_;
    void* data_;
  };
  const Room room(memory, plan.bytes);
  Arena arena(room.aligned(), plan);
  Ops ops(kernels, arena);
  forward(ops);
  if (ops.error()) return *ops.error();
  return {};
}

}  // namespace waterline
