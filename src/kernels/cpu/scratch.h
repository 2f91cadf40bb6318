// Cuts a scratch block into arrays. The same code cuts a block and measures one (from nullptr).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace waterline {

class Scratch {
 public:
  // `at` is 64-byte aligned, or nullptr to measure.
  explicit Scratch(std::byte* at) : at_(at) {}

  // The next `count` elements of T, 64-byte aligned; nullptr when measuring.
  template <typename T>
  T* Take(int64_t count) {
    T* taken = at_ == nullptr ? nullptr : reinterpret_cast<T*>(at_ + bytes_);
    bytes_ += (static_cast<size_t>(count) * sizeof(T) + 63) / 64 * 64;
    return taken;
  }
  size_t bytes() const { return bytes_; }

 private:
  std::byte* at_;
  size_t bytes_ = 0;
};

inline const std::byte* BytesOf(const float* p) { return reinterpret_cast<const std::byte*>(p); }

// n rounded up to whole multiples of 16, which every vector width divides.
inline int64_t RoundUp16(int64_t n) { return (n + 15) / 16 * 16; }

}  // namespace waterline
