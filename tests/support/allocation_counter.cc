// SPDX-License-Identifier: Apache-2.0
#include "support/allocation_counter.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<size_t> live{0};
std::atomic<size_t> peak{0};
std::atomic<size_t> calls{0};

void* Count(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  ++calls;
  const size_t now = live += malloc_usable_size(block);
  size_t seen = peak.load();
  while (seen < now && !peak.compare_exchange_weak(seen, now)) {
  }
  return block;
}

void Uncount(void* block) {
  if (block != nullptr) live -= malloc_usable_size(block);
  std::free(block);
}

void* Aligned(size_t size, std::align_val_t alignment) {
  const size_t a = static_cast<size_t>(alignment);
  return std::aligned_alloc(a, (size + a - 1) / a * a);
}

}  // namespace

void* operator new(size_t size) { return Count(std::malloc(size == 0 ? 1 : size)); }
void* operator new[](size_t size) { return Count(std::malloc(size == 0 ? 1 : size)); }
void* operator new(size_t size, std::align_val_t a) { return Count(Aligned(size, a)); }
void* operator new[](size_t size, std::align_val_t a) { return Count(Aligned(size, a)); }
void operator delete(void* block) noexcept { Uncount(block); }
void operator delete[](void* block) noexcept { Uncount(block); }
void operator delete(void* block, size_t) noexcept { Uncount(block); }
void operator delete[](void* block, size_t) noexcept { Uncount(block); }
void operator delete(void* block, std::align_val_t) noexcept { Uncount(block); }
void operator delete[](void* block, std::align_val_t) noexcept { Uncount(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { Uncount(block); }
void operator delete[](void* block, size_t, std::align_val_t) noexcept { Uncount(block); }

namespace waterline {

size_t Allocations::LiveBytes() { return live; }
size_t Allocations::PeakBytes() { return peak; }
size_t Allocations::Calls() { return calls; }
void Allocations::ResetPeak() { peak = live.load(); }

}  // namespace waterline
