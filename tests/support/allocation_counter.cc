// SPDX-License-Identifier: Apache-2.0
#include "support/allocation_counter.h"

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <new>

// glibc's own names of what is replaced here.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* block, size_t size);
void* __libc_memalign(size_t alignment, size_t size);
void __libc_free(void* block);
}

namespace {

std::atomic<size_t> live{0};
std::atomic<size_t> peak{0};
std::atomic<size_t> calls{0};
std::atomic<int64_t> fail_at{0};

bool Fails() {
  ++calls;
  if (fail_at.load(std::memory_order_relaxed) <= 0 || --fail_at != 0) return false;
  errno = ENOMEM;
  return true;
}

void* Count(void* block) {
  if (block == nullptr) return nullptr;
  const size_t now = live += malloc_usable_size(block);
  size_t seen = peak.load();
  while (seen < now && !peak.compare_exchange_weak(seen, now)) {
  }
  return block;
}

void Uncount(void* block) {
  if (block != nullptr) live -= malloc_usable_size(block);
}

}  // namespace

extern "C" {

void* malloc(size_t size) { return Fails() ? nullptr : Count(__libc_malloc(size)); }
void* calloc(size_t count, size_t size) {
  return Fails() ? nullptr : Count(__libc_calloc(count, size));
}
void* realloc(void* block, size_t size) {
  if (Fails()) return nullptr;
  const size_t before = block == nullptr ? 0 : malloc_usable_size(block);
  void* const moved = __libc_realloc(block, size);
  if (moved == nullptr && size > 0) return nullptr;
  live -= before;
  return Count(moved);
}
void* memalign(size_t alignment, size_t size) {
  return Fails() ? nullptr : Count(__libc_memalign(alignment, size));
}
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** block, size_t alignment, size_t size) {
  void* const made = memalign(alignment, size);
  if (made == nullptr) return ENOMEM;
  *block = made;
  return 0;
}
void free(void* block) {
  Uncount(block);
  __libc_free(block);
}

}  // extern "C"

// Never made to fail: simdjson 3.0 (ondemand::parser::allocate) takes it for granted that this form
// succeeds, and reads a null pointer when it does not.
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++calls;
  return Count(__libc_malloc(size == 0 ? 1 : size));
}
void* operator new[](size_t size, const std::nothrow_t& tag) noexcept {
  return operator new(size, tag);
}

namespace waterline {

size_t Allocations::LiveBytes() { return live; }
size_t Allocations::PeakBytes() { return peak; }
size_t Allocations::Calls() { return calls; }
void Allocations::ResetPeak() { peak = live.load(); }
void Allocations::FailAt(int64_t count) { fail_at = count; }

}  // namespace waterline
