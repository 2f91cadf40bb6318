// Counts what the process allocates from the heap, and makes allocations fail.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace waterline {

// Linked into a test program, it replaces malloc and its relatives, which operator new uses too, so
// that libraries in C are seen as well. Bytes are those the allocator really reserved
// (malloc_usable_size), so rounding counts too. Thread-safe.
struct Allocations {
  static size_t LiveBytes();
  static size_t PeakBytes();  // Since the last ResetPeak.
  static size_t Calls();      // Allocations since the start.
  static void ResetPeak();
  // The `count`-th allocation from now on, of any thread, fails once; 0: none. Allocations with
  // std::nothrow are not counted for this.
  static void FailAt(int64_t count);
};

}  // namespace waterline
