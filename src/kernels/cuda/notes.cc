// SPDX-License-Identifier: Apache-2.0
#include "kernels/cuda/notes.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace waterline::cuda {

void Notes::Begin(std::pmr::memory_resource* memory) {
  Forget();
  state_.emplace(memory);
}

void Notes::Replay(std::byte* device) {
  WATERLINE_CHECK(state_.has_value());
  // A pass that reads nothing from the host has no memory for it, and must not ask.
  static std::byte none;
  device_ = device == nullptr ? &none : device;
  next_ = 0;
}

void Notes::Forget() {
  state_.reset();
  device_ = nullptr;
}

std::span<const std::byte> Notes::bytes() const {
  if (!state_) return {};
  return state_->bytes;
}

const std::byte* Notes::Next(size_t size) {
  WATERLINE_CHECK(next_ < state_->order.size());
  const Array& array = state_->arrays[state_->order[next_++]];
  WATERLINE_CHECK(array.size == size);  // Else the run departs from its plan.
  return device_ + array.begin;
}

bool Notes::Known(int kind, std::span<const std::byte> key, size_t size) {
  WATERLINE_CHECK(state_.has_value());
  for (size_t i = state_->arrays.size(); i > 0; --i) {
    const Array& known = state_->arrays[i - 1];
    if (known.kind != kind || known.source != key.data() || known.key_size != key.size() ||
        known.size != size) {
      continue;
    }
    // Arrays on the stack may have another content at the same address.
    const std::byte* const copy =
        (kind == kCopied ? state_->bytes.data() : state_->keys.data()) + known.key_begin;
    if (!key.empty() && std::memcmp(copy, key.data(), key.size()) != 0) continue;
    state_->order.push_back(static_cast<uint32_t>(i - 1));
    return true;
  }
  return false;
}

std::byte* Notes::Grow(int kind, std::span<const std::byte> key, size_t size) {
  const size_t begin = (state_->bytes.size() + kAlign - 1) / kAlign * kAlign;
  state_->bytes.resize(begin + size);
  size_t key_begin = begin;
  if (kind != kCopied) {
    key_begin = state_->keys.size();
    state_->keys.insert(state_->keys.end(), key.begin(), key.end());
  }
  state_->order.push_back(static_cast<uint32_t>(state_->arrays.size()));
  state_->arrays.push_back({kind, key.data(), key_begin, key.size(), begin, size});
  return state_->bytes.data() + begin;
}

}  // namespace waterline::cuda
