// SPDX-License-Identifier: Apache-2.0
#include "memory/arena.h"

#include <algorithm>
#include <exception>
#include <numeric>

#include "base/check.h"
#include "memory/mat.h"

namespace waterline {

Arena::Arena(std::span<std::byte> block, const Plan& plan) : replay_(&plan), block_(block) {
  WATERLINE_CHECK(plan.bytes <= block.size());
}

int Arena::Take(size_t bytes, const char* name) {
  const size_t rounded = (bytes + kAlign - 1) / kAlign * kAlign;
  const int slot = next_++;
  if (replay_ != nullptr) {
    WATERLINE_CHECK(static_cast<size_t>(slot) < replay_->slots.size());
    WATERLINE_CHECK(replay_->slots[static_cast<size_t>(slot)].bytes == rounded);
    WATERLINE_CHECK(replay_->slots[static_cast<size_t>(slot)].birth == tick_);
  } else {
    plan_.slots.push_back({rounded, 0, tick_, -1, name});
  }
  ++tick_;
  return slot;
}

void Arena::Give(int slot) {
  WATERLINE_CHECK(0 <= slot && slot < next_);
  if (replay_ != nullptr) {
    // A pass that lacks memory of the host is unwound, in any order.
    WATERLINE_CHECK(std::uncaught_exceptions() > 0 ||
                    replay_->slots[static_cast<size_t>(slot)].death == tick_);
  } else {
    WATERLINE_CHECK(plan_.slots[static_cast<size_t>(slot)].death < 0);  // Given once.
    plan_.slots[static_cast<size_t>(slot)].death = tick_;
  }
  ++tick_;
}

std::byte* Arena::Data(int slot) {
  if (replay_ == nullptr) return nullptr;
  WATERLINE_CHECK(0 <= slot && slot < next_);
  return block_.data() + replay_->slots[static_cast<size_t>(slot)].offset;
}

Plan Arena::MakePlan() && {
  WATERLINE_CHECK(dry());
  std::pmr::memory_resource* memory = plan_.slots.get_allocator().resource();
  std::pmr::vector<Slot*> order(memory);
  order.reserve(plan_.slots.size());
  for (Slot& slot : plan_.slots) {
    WATERLINE_CHECK(slot.death > slot.birth);
    order.push_back(&slot);
  }
  std::sort(order.begin(), order.end(), [](const Slot* a, const Slot* b) {
    return a->bytes != b->bytes ? a->bytes > b->bytes : a->birth < b->birth;
  });

  // Placed slots sorted by offset; few enough (hundreds) that a linear scan beats a tree.
  std::pmr::vector<const Slot*> placed(memory);
  placed.reserve(order.size());
  for (Slot* slot : order) {
    size_t offset = 0;
    for (const Slot* other : placed) {
      if (other->death < slot->birth || slot->death < other->birth) continue;
      if (offset + slot->bytes <= other->offset) break;
      offset = std::max(offset, other->offset + other->bytes);
    }
    slot->offset = offset;
    plan_.bytes = std::max(plan_.bytes, offset + slot->bytes);
    const auto at =
        std::upper_bound(placed.begin(), placed.end(), slot,
                         [](const Slot* a, const Slot* b) { return a->offset < b->offset; });
    placed.insert(at, slot);
  }
  return std::move(plan_);
}

Mat::Mat(Arena& arena, int64_t rows, int64_t cols, const char* name) : arena_(&arena) {
  WATERLINE_CHECK(rows >= 0 && cols >= 0);
  // Rows start on cache lines, so that kernels may load whole vectors past the last column.
  const int64_t stride = (cols + 15) / 16 * 16;
  slot_ = arena.Take(static_cast<size_t>(rows * stride) * sizeof(float), name);
  view_ = {reinterpret_cast<float*>(arena.Data(slot_)), rows, cols, stride};
}

void Mat::Release() {
  if (arena_ != nullptr) std::exchange(arena_, nullptr)->Give(slot_);
}

}  // namespace waterline
