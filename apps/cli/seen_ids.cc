// SPDX-License-Identifier: Apache-2.0
#include "seen_ids.h"

#include <algorithm>
#include <functional>

namespace waterline::cli {
namespace {

constexpr size_t kSlots = size_t{1} << 19;

}  // namespace

bool SeenIds::Repeats(std::string_view id) {
  if (slots_.empty()) slots_.resize(kSlots);
  const uint64_t hash = std::max<uint64_t>(std::hash<std::string_view>()(id), 1);
  size_t slot = hash % kSlots;
  while (slots_[slot] != 0 && slots_[slot] != hash) slot = (slot + 1) % kSlots;
  if (slots_[slot] == hash) return true;
  if (full()) return false;
  slots_[slot] = hash;
  ++count_;
  return false;
}

void SeenIds::Clear() {
  if (count_ > 0) std::fill(slots_.begin(), slots_.end(), 0);
  count_ = 0;
}

}  // namespace waterline::cli
