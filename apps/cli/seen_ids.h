// Which ids a file has had so far, in bounded memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace waterline::cli {

// Keeps a hash of 64 bits of each id, of up to kMost of them, in 4 MiB: two different ids among
// these are taken for equal once in a hundred million files.
class SeenIds {
 public:
  static constexpr size_t kMost = 350'000;

  // Whether `id` was there before; remembers it, unless there are kMost already.
  bool Repeats(std::string_view id);

  bool full() const { return count_ >= kMost; }

  void Clear();

 private:
  std::vector<uint64_t> slots_;  // Open addressing; 0 is free.
  size_t count_ = 0;
};

}  // namespace waterline::cli
