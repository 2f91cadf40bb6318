// Admission by bytes, in order of arrival.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <mutex>
#include <utility>

#include "memory/waiting_line.h"
#include "waterline/memory.h"
#include "waterline/result.h"

namespace waterline {

// Lets callers in while the sum of what they bring stays below a capacity; the others wait in line.
// Thread-safe.
class Turnstile {
 public:
  explicit Turnstile(size_t capacity) : capacity_(capacity) {}

  // Bytes held until it is destroyed.
  class Pass {
   public:
    Pass(Pass&& other) noexcept
        : turnstile_(std::exchange(other.turnstile_, nullptr)), bytes_(other.bytes_) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass();

   private:
    friend class Turnstile;
    Pass(Turnstile* turnstile, size_t bytes) : turnstile_(turnstile), bytes_(bytes) {}
    Turnstile* turnstile_;
    size_t bytes_;
  };

  // Waits until `bytes` (cut to the capacity) fit. Errors: kDeadline, kCancelled.
  Result<Pass> Enter(size_t bytes, const WaitLimit& limit);
  // Enters with the whole capacity: nobody else is inside.
  Result<Pass> EnterAlone(const WaitLimit& limit) { return Enter(capacity_, limit); }

  size_t capacity() const { return capacity_; }

 private:
  const size_t capacity_;
  std::mutex mutex_;
  WaitingLine line_;
  size_t inside_ = 0;
};

}  // namespace waterline
