// Admission by bytes, in order of arrival.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace waterline {

// Lets callers in while the sum of what they bring stays below a capacity; the others wait in line,
// first come, first served, so that a large one is not starved by small ones. Thread-safe.
class Turnstile {
 public:
  explicit Turnstile(size_t capacity) : capacity_(capacity) {}

  // Waits until `bytes` (cut to the capacity) fit and holds them until it is destroyed.
  class Pass {
   public:
    Pass(Turnstile& turnstile, size_t bytes);
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    ~Pass();

   private:
    Turnstile& turnstile_;
    const size_t bytes_;
  };

 private:
  const size_t capacity_;
  std::mutex mutex_;
  std::condition_variable left_;
  size_t inside_ = 0;
  uint64_t next_ticket_ = 0;
  uint64_t serving_ = 0;
};

}  // namespace waterline
