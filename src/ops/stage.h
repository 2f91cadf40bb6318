// A computation whose size is known only when a pass has scored something.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>

#include "device/lane.h"
#include "memory/arena.h"
#include "memory/budget.h"
#include "ops/planned.h"
#include "waterline/result.h"

namespace waterline {

// Memory of `memory`, aligned for an arena.
class StageRoom {
 public:
  StageRoom(std::pmr::memory_resource* from, size_t bytes)
      : from_(from), size_(bytes + Arena::kAlign), data_(from->allocate(size_)) {}
  StageRoom(const StageRoom&) = delete;
  StageRoom& operator=(const StageRoom&) = delete;
  ~StageRoom() { from_->deallocate(data_, size_); }

  std::span<std::byte> bytes() const {
    const auto at = reinterpret_cast<uintptr_t>(data_);
    const size_t skip = (Arena::kAlign - at % Arena::kAlign) % Arena::kAlign;
    return {static_cast<std::byte*>(data_) + skip, size_ - Arena::kAlign};
  }

 private:
  std::pmr::memory_resource* from_;
  size_t size_;
  void* data_;
};

// Plans `forward`(Ops&) on `lane`, takes what the plan says from the lane's room, or where it has
// none from `memory`, and runs it there: forward is called twice, dry and for real, and must have
// released every matrix when it returns. Errors: kIo  a tensor could not be read from the
// checkpoint, the device failed. Throws what `memory` throws, and OverBudget where the room is too
// small.
template <typename Forward>
Result<void> RunStage(Lane& lane, std::pmr::memory_resource* memory, const Forward& forward) {
  const Plan plan = PlanOn(lane, memory, /*members=*/1, forward);
  const std::span<std::byte> room = lane.stage_room();
  if (room.empty()) {
    const StageRoom own(memory, plan.bytes);
    return RunPlanned(lane, plan, own.bytes(), memory, nullptr, forward);
  }
  if (plan.bytes > room.size()) throw OverBudget(plan.bytes, room.size());
  return RunPlanned(lane, plan, room, memory, nullptr, forward);
}

}  // namespace waterline
