// Runs CUDA kernels on the CPU: a block's threads are fibers on one OS thread.
//
// Faithful: barriers, warp collectives with masks, shared memory per block, launch limits.
// Stricter than hardware: a barrier reached from two source lines, a collective whose lanes
// disagree and a deadlock all abort with a message; fresh shared memory holds NaN; the order
// of threads between barriers is a parameter, so a race shows as a result that depends on it.
// Looser than hardware: warps of a block never run at the same time, no memory reordering
// (racecheck.cc covers both), ulp-level rounding of exp2f and of the matrix instructions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <functional>
#include <tuple>
#include <utility>

#define EMU_PLAIN __attribute__((no_sanitize("thread")))  // Not the kernel's own access.

namespace emu {

enum class Order { kForward, kReverse, kRandom };

struct Config {
  Order order = Order::kForward;
  unsigned seed = 1;
  bool eager_copies = false;
  size_t stack_bytes = 64 << 10;
};

struct Counters {
  uint64_t blocks, threads, barriers, warp_ops, mma, ldmatrix, ldmatrix_conflicts, switches;
};

// Everything a kernel reads about itself. One object, so that racecheck can skip it.
struct Now {
  uint3 thread, block;
  dim3 block_dim, grid_dim;
  unsigned char* dynamic_shared = nullptr;
  size_t dynamic_bytes = 0;
  int index = 0;               // Of the thread in its block.
  uint32_t serial = 0;         // Of the block since the program began.
  uint32_t barrier_epoch = 0;  // Grows at each block barrier.
  uint32_t warp_epoch = 0;     // Grows at each __syncwarp of a full warp; of this thread's warp.
  bool running = false;
  const char* kernel = "?";
  const void* host_stack = nullptr;  // A frame of whoever launched.
};
extern Now now;
extern Config config;
extern Counters counters;

void RunGrid(const char* name, dim3 grid, dim3 block, size_t shared,
             const std::function<void()>& thread);
void SyncThreads(int line);

// A warp collective. Every lane of `mask` leaves a pointer to its operands; the last to arrive
// runs `apply` for all of them.
using Apply = void (*)(void* const* lane, uint32_t mask);
void WarpOp(uint32_t mask, int line, const char* what, void* operands, Apply apply,
            bool orders_memory = false);

[[noreturn]] void Fail(const char* format, ...);

// Defined by racecheck.cc when linked; otherwise null. Called for accesses that emulated
// instructions make on behalf of a thread.
extern void (*on_read)(const void* p, size_t bytes, int thread);
extern void (*on_copy)(const void* p, size_t bytes, int thread, bool begins);
extern void (*on_block)();

// An asynchronous copy may land at any time from issue to wait: config.eager_copies picks
// the first moment or the last. Right code gives one answer. `given` <= bytes are read, zeros
// follow.
void CopyAsync(void* to, const void* from, size_t bytes, size_t given);
void CopyCommit();
void CopyWait(int pending);

struct ShuffleArgs {
  uint32_t value, result;
  int source;
};
EMU_PLAIN inline void ApplyShuffle(void* const* lane, uint32_t mask) {
  for (int i = 0; i < 32; ++i)
    if (mask >> i & 1) {
      auto* a = static_cast<ShuffleArgs*>(lane[i]);
      const int s = a->source;
      if (s < 0 || s > 31 || !(mask >> s & 1)) Fail("shuffle reads lane %d, not in the mask", s);
      a->result = static_cast<ShuffleArgs*>(lane[s])->value;
    }
}
template <class T>
EMU_PLAIN T Shuffle(uint32_t mask, T v, int source, int line) {
  static_assert(sizeof(T) == 4);
  ShuffleArgs a{0, 0, source};
  std::memcpy(&a.value, &v, 4);
  WarpOp(mask, line, "shuffle", &a, ApplyShuffle);
  std::memcpy(&v, &a.result, 4);
  return v;
}
EMU_PLAIN inline int Lane() { return now.index & 31; }
EMU_PLAIN inline void ApplyBallot(void* const* lane, uint32_t mask) {
  uint32_t bits = 0;
  for (int i = 0; i < 32; ++i)
    if (mask >> i & 1 && static_cast<ShuffleArgs*>(lane[i])->value) bits |= 1u << i;
  for (int i = 0; i < 32; ++i)
    if (mask >> i & 1) static_cast<ShuffleArgs*>(lane[i])->result = bits;
}
EMU_PLAIN inline uint32_t Ballot(uint32_t mask, bool p, int line) {
  ShuffleArgs a{p, 0, 0};
  WarpOp(mask, line, "ballot", &a, ApplyBallot);
  return a.result;
}
EMU_PLAIN inline void ApplyNothing(void* const*, uint32_t) {}
template <class T, class F>
EMU_PLAIN T Atomic(T* p, F next) {  // One OS thread: a plain update is atomic.
  const T old = *p;
  *p = next(old);
  return old;
}

}  // namespace emu

#define threadIdx (emu::now.thread)
#define blockIdx (emu::now.block)
#define blockDim (emu::now.block_dim)
#define gridDim (emu::now.grid_dim)
#define warpSize 32

#define __syncthreads() emu::SyncThreads(__LINE__)
#define __syncwarp(...) \
  emu::WarpOp(emu::MaskOr(__VA_ARGS__), __LINE__, "syncwarp", nullptr, emu::ApplyNothing, true)
#define __shfl_sync(m, v, s) emu::Shuffle(m, v, (s)&31, __LINE__)
#define __shfl_xor_sync(m, v, x) emu::Shuffle(m, v, emu::Lane() ^ (x), __LINE__)
#define __shfl_down_sync(m, v, d) \
  emu::Shuffle(m, v, emu::Lane() + int(d) > 31 ? emu::Lane() : emu::Lane() + int(d), __LINE__)
#define __shfl_up_sync(m, v, d) \
  emu::Shuffle(m, v, emu::Lane() < int(d) ? emu::Lane() : emu::Lane() - int(d), __LINE__)
#define __ballot_sync(m, p) emu::Ballot(m, p, __LINE__)
#define __any_sync(m, p) (emu::Ballot(m, p, __LINE__) != 0)
namespace emu {
constexpr uint32_t MaskOr(uint32_t m = ~0u) { return m; }
}  // namespace emu

inline int __popc(unsigned v) { return __builtin_popcount(v); }
EMU_PLAIN inline float __uint_as_float(unsigned v) { return std::bit_cast<float>(v); }
EMU_PLAIN inline unsigned __float_as_uint(float v) { return std::bit_cast<unsigned>(v); }
inline float rsqrtf(float v) { return 1.0f / std::sqrt(v); }
template <class T>
inline T __ldg(const T* p) {
  return *p;
}
template <class T>
EMU_PLAIN inline T atomicAdd(T* p, std::type_identity_t<T> v) {
  return emu::Atomic(p, [v](T o) EMU_PLAIN { return o + v; });
}
template <class T>
EMU_PLAIN inline T atomicMax(T* p, std::type_identity_t<T> v) {
  return emu::Atomic(p, [v](T o) EMU_PLAIN { return o < v ? v : o; });
}
using std::max;
using std::min;
