// One block of memory, planned before it is used.
//
// A forward pass runs twice through the same code: first dry, against an Arena that only records
// which buffers are alive together, then for real, against an Arena that replays the offsets
// planned from that record. The plan therefore cannot disagree with the code, and the peak is known
// before any byte is touched. A buffer that was not planned cannot be obtained.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory_resource>
#include <span>
#include <vector>

namespace waterline {

// One buffer of a plan. Time is counted in takes and gives.
struct Slot {
  size_t bytes = 0;       // Rounded up to Arena::kAlign.
  size_t offset = 0;      // From the start of the block.
  int birth = 0;          // Tick of Take.
  int death = 0;          // Tick of Give.
  const char* name = "";  // What the buffer holds; a string literal.
};

struct Plan {
  std::pmr::vector<Slot> slots;  // In the order of Take.
  size_t bytes = 0;              // Peak: the size of block the pass needs.
  size_t noted = 0;  // Of these, at the end: what a device reads from the host (device/lane.h).

  explicit Plan(std::pmr::memory_resource* memory) : slots(memory) {}
};

// Not thread-safe: one arena belongs to one pass.
class Arena {
 public:
  static constexpr size_t kAlign = 256;

  // Dry: records, hands out no memory. The record lives in `memory`.
  explicit Arena(std::pmr::memory_resource* memory) : plan_(memory) {}
  // Replays `plan` inside `block`, which must hold plan.bytes and outlive the arena, and be aligned
  // to kAlign.
  Arena(std::span<std::byte> block, const Plan& plan);

  // Returns the slot of a new buffer. Aborts when a replay departs from its plan.
  int Take(size_t bytes, const char* name);
  // Ends the life of `slot`.
  void Give(int slot);
  // The memory of `slot`, aligned to kAlign; nullptr when dry.
  std::byte* Data(int slot);
  bool dry() const { return replay_ == nullptr; }

  // The offsets for what was recorded: largest buffer first, each at the lowest offset that is free
  // for its whole life. Dry only; every buffer must have been given back.
  Plan MakePlan() &&;

 private:
  Plan plan_{std::pmr::null_memory_resource()};
  const Plan* replay_ = nullptr;
  std::span<std::byte> block_;
  int next_ = 0;
  int tick_ = 0;
};

}  // namespace waterline
