// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <string>
#include <vector>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace emu {

Now now;
Config config;
Counters counters;
void (*on_read)(const void*, size_t, int);
void (*on_copy)(const void*, size_t, int, bool);
void (*on_block)();

namespace {

enum class State { kReady, kAtBarrier, kAtWarp, kDone };

struct Copy {
  void* to;
  const void* from;
  size_t bytes, given;
};

struct Fiber {
  void* sp = nullptr;
  char* stack = nullptr;
#if !defined(__x86_64__)
  ucontext_t context;
#endif
  void* asan = nullptr;
  uint3 thread{};
  State state = State::kReady;
  int line = 0;
  const char* what = "";
  std::vector<Copy> open;                 // Copies since the last commit.
  std::vector<std::vector<Copy>> groups;  // Committed, not yet waited for.
};

struct Warp {
  void* operands[32];
  uint32_t arrived = 0, alive = 0, mask = 0;
  Apply apply = nullptr;
  int line = 0;
  const char* what = "";
  uint32_t epoch = 0;
};

std::vector<Fiber> fibers;  // Never shrinks: each keeps its stack for the next launch.
size_t threads_per_block = 0;
std::vector<Warp> warps;
Fiber scheduler;
Fiber* current = nullptr;
const std::function<void()>* body = nullptr;
int at_barrier = 0, alive = 0;

#if defined(__x86_64__)
// Saves the callee-saved registers on the stack, swaps stacks, restores.
extern "C" void EmuSwitch(void** save, void* load);
asm(R"(
.text
.globl EmuSwitch
.type EmuSwitch,@function
EmuSwitch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size EmuSwitch,.-EmuSwitch
)");
void Swap(Fiber& from, Fiber& to) { EmuSwitch(&from.sp, to.sp); }
#else
void Swap(Fiber& from, Fiber& to) { swapcontext(&from.context, &to.context); }
#endif

#if defined(__SANITIZE_ADDRESS__)
const void* main_stack;
size_t main_stack_bytes;
#endif

void SwitchTo(Fiber& from, Fiber& to, bool dying) {
#if defined(__SANITIZE_ADDRESS__)
  const bool back = &to == &scheduler;
  __sanitizer_start_switch_fiber(dying ? nullptr : &from.asan, back ? main_stack : to.stack,
                                 back ? main_stack_bytes : config.stack_bytes);
#endif
  (void)dying;
  Swap(from, to);
#if defined(__SANITIZE_ADDRESS__)
  const void* old;
  size_t old_bytes;
  __sanitizer_finish_switch_fiber(from.asan, &old, &old_bytes);
  if (&from == &scheduler) return;
  main_stack = old;
  main_stack_bytes = old_bytes;
#endif
}

void Yield() { SwitchTo(*current, scheduler, false); }

void ReleaseBarrierIfFull() {
  if (alive == 0 || at_barrier < alive) return;
  int line = 0;
  for (size_t i = 0; i < threads_per_block; ++i) {
    Fiber& f = fibers[i];
    if (f.state != State::kAtBarrier) continue;
    if (line && f.line != line)
      Fail("threads of a block wait at barriers on lines %d and %d", line, f.line);
    line = f.line;
    f.state = State::kReady;
  }
  at_barrier = 0;
  ++now.barrier_epoch;
  ++counters.barriers;
}

void Main() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &main_stack, &main_stack_bytes);
#endif
  (*body)();
  Fiber& me = *current;
  if (!me.open.empty() || !me.groups.empty()) Fail("a thread ends with copies in flight");
  me.state = State::kDone;
  --alive;
  warps[static_cast<size_t>(now.index / 32)].alive &= ~(1u << (now.index & 31));
  ReleaseBarrierIfFull();
  SwitchTo(me, scheduler, true);
  std::abort();
}

void Start(Fiber& f) {
  if (!f.stack) {
    const size_t page = 4096;  // One guard page below the stack.
    void* p = mmap(nullptr, config.stack_bytes + page, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) Fail("no memory for a fiber stack");
    mprotect(p, page, PROT_NONE);
    f.stack = static_cast<char*>(p) + page;
  }
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(f.stack, config.stack_bytes);  // Main never returns.
#endif
#if defined(__x86_64__)
  auto** top = reinterpret_cast<void**>(f.stack + config.stack_bytes - 64);
  *--top = nullptr;  // Keeps the stack at 8 modulo 16 on entry, as after a call.
  *--top = reinterpret_cast<void*>(&Main);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  f.sp = top;
#else
  getcontext(&f.context);
  f.context.uc_stack = {f.stack, 0, config.stack_bytes};
  makecontext(&f.context, &Main, 0);
#endif
  f.asan = nullptr;
  f.state = State::kReady;
  f.open.clear();
  f.groups.clear();
}

void Deadlock() {
  std::fprintf(stderr, "emu: %s block (%u,%u,%u) is stuck:\n", now.kernel, now.block.x, now.block.y,
               now.block.z);
  std::string last;
  for (size_t i = 0; i < threads_per_block; ++i) {
    const Fiber& f = fibers[i];
    if (f.state == State::kDone) continue;
    const char* what = f.state == State::kAtBarrier ? "barrier" : f.what;
    const std::string text = std::string(what) + " on line " + std::to_string(f.line);
    if (text != last) std::fprintf(stderr, "  from thread %zu: waits at %s\n", i, text.c_str());
    last = text;
  }
  Fail("deadlock");
}

void RunBlock(std::vector<int>& order, std::minstd_rand& random) {
  alive = static_cast<int>(threads_per_block);
  at_barrier = 0;
  now.barrier_epoch = 0;
  ++now.serial;
  if (on_block) on_block();
  for (size_t i = 0; i < threads_per_block; ++i) Start(fibers[i]);
  for (size_t w = 0; w < warps.size(); ++w) {
    const size_t lanes = std::min<size_t>(32, threads_per_block - w * 32);
    warps[w] = {};
    warps[w].alive = lanes == 32 ? ~0u : (1u << lanes) - 1;
  }
  while (alive > 0) {
    bool progress = false;
    if (config.order == Order::kRandom) std::shuffle(order.begin(), order.end(), random);
    for (int i : order) {
      Fiber& f = fibers[static_cast<size_t>(i)];
      if (f.state != State::kReady) continue;
      progress = true;
      current = &f;
      now.thread = f.thread;
      now.index = i;
      now.warp_epoch = warps[static_cast<size_t>(i / 32)].epoch;
      ++counters.switches;
      now.running = true;
      SwitchTo(scheduler, f, false);
      now.running = false;
    }
    if (!progress) Deadlock();
  }
}

}  // namespace

void Fail(const char* format, ...) {
  std::fprintf(stderr, "emu: %s, block (%u,%u,%u), thread %d: ", now.kernel, now.block.x,
               now.block.y, now.block.z, now.index);
  va_list args;
  va_start(args, format);
  std::vfprintf(stderr, format, args);
  va_end(args);
  std::fputc('\n', stderr);
  std::abort();
}

void SyncThreads(int line) {
  current->state = State::kAtBarrier;
  current->line = line;
  ++at_barrier;
  ReleaseBarrierIfFull();
  if (current->state != State::kReady) Yield();
}

void WarpOp(uint32_t mask, int line, const char* what, void* operands, Apply apply,
            bool orders_memory) {
  Warp& w = warps[static_cast<size_t>(now.index / 32)];
  const int lane = now.index & 31;
  if (!(mask >> lane & 1)) Fail("%s on line %d: the caller is not in its own mask", what, line);
  if (mask & ~w.alive) Fail("%s on line %d waits for a lane that has exited", what, line);
  ++counters.warp_ops;
  if (w.arrived == 0) {
    w.mask = mask;
    w.apply = apply;
    w.line = line;
    w.what = what;
  } else if (w.mask != mask || w.apply != apply || w.line != line) {
    // Two disjoint masks may legally be in flight; no kernel here needs that.
    Fail("lanes of a warp diverge: %s on line %d (mask %08x), %s on line %d (mask %08x)", w.what,
         w.line, w.mask, what, line, mask);
  }
  w.operands[lane] = operands;
  w.arrived |= 1u << lane;
  Fiber& me = *current;
  me.line = line;
  me.what = what;
  if (w.arrived != mask) {
    me.state = State::kAtWarp;
    Yield();
    now.warp_epoch = w.epoch;
    return;
  }
  w.apply(w.operands, mask);
  w.arrived = 0;
  if (orders_memory && mask == ~0u) now.warp_epoch = ++w.epoch;
  const size_t first = static_cast<size_t>(now.index) & ~size_t{31};
  for (size_t i = first; i < std::min(first + 32, threads_per_block); ++i)
    if (fibers[i].state == State::kAtWarp) fibers[i].state = State::kReady;
}

namespace {
void Land(const Copy& c) {
  if (c.given) std::memcpy(c.to, c.from, c.given);
  std::memset(static_cast<char*>(c.to) + c.given, 0, c.bytes - c.given);
}
}  // namespace

void CopyAsync(void* to, const void* from, size_t bytes, size_t given) {
  if (reinterpret_cast<uintptr_t>(to) % bytes ||
      (given && reinterpret_cast<uintptr_t>(from) % bytes))
    Fail("cp.async is not aligned to %zu bytes", bytes);
  if (on_copy) on_copy(to, bytes, now.index, true);
  if (config.eager_copies) Land({to, from, bytes, given});
  current->open.push_back({to, from, bytes, given});
}
void CopyCommit() {
  current->groups.push_back(std::move(current->open));
  current->open.clear();
}
void CopyWait(int pending) {
  auto& groups = current->groups;
  while (static_cast<int>(groups.size()) > pending) {
    for (const Copy& c : groups.front()) {
      if (c.given && on_read) on_read(c.from, c.given, now.index);
      if (on_copy) on_copy(c.to, c.bytes, now.index, false);
      if (!config.eager_copies) Land(c);
    }
    groups.erase(groups.begin());
  }
}

void RunGrid(const char* name, dim3 grid, dim3 block, size_t shared,
             const std::function<void()>& thread) {
  const size_t threads = size_t{block.x} * block.y * block.z;
  if (fibers.size() < threads) fibers.resize(threads);
  threads_per_block = threads;
  warps.resize((threads + 31) / 32);
  body = &thread;
  now.kernel = name;
  now.host_stack = __builtin_frame_address(0);
  now.grid_dim = grid;
  now.block_dim = block;
  size_t i = 0;
  for (unsigned z = 0; z < block.z; ++z)
    for (unsigned y = 0; y < block.y; ++y)
      for (unsigned x = 0; x < block.x; ++x) fibers[i++].thread = {x, y, z};
  std::vector<int> order(threads);
  std::iota(order.begin(), order.end(), 0);
  if (config.order == Order::kReverse) std::reverse(order.begin(), order.end());
  std::minstd_rand random(config.seed);
  // Exactly as long as asked for, so that AddressSanitizer sees the end.
  unsigned char* memory =
      static_cast<unsigned char*>(aligned_alloc(128, (shared + 127) / 128 * 128));
  now.dynamic_shared = memory;
  now.dynamic_bytes = shared;
  for (unsigned z = 0; z < grid.z; ++z)
    for (unsigned y = 0; y < grid.y; ++y)
      for (unsigned x = 0; x < grid.x; ++x) {
        now.block = {x, y, z};
        std::memset(memory, 0xff, shared);  // NaN in every float format.
        ++counters.blocks;
        counters.threads += threads;
        RunBlock(order, random);
      }
  std::free(memory);
  now.dynamic_shared = nullptr;
  now.dynamic_bytes = 0;
}

}  // namespace emu
