// Counts what the process allocates from the heap: live bytes, their peak, and calls.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace waterline {

// Linked into a test program, it replaces operator new and delete for all of it. Bytes are those
// the allocator really reserved (malloc_usable_size), so rounding counts too. malloc calls of
// libraries in C are not seen. Thread-safe.
struct Allocations {
  static size_t LiveBytes();
  static size_t PeakBytes();  // Since the last ResetPeak.
  static size_t Calls();      // operator new calls since the start.
  static void ResetPeak();
};

}  // namespace waterline
