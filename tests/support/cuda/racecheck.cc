// A race detector for emulated kernels, built from the compiler's own instrumentation.
//
// Kernel files are compiled with -fsanitize=thread, which puts a call before every load and
// store; the program is linked against this file instead of ThreadSanitizer's runtime. For
// each byte of shared memory we remember who touched it and in which barrier epoch: two
// threads, one of them writing, no __syncthreads (or, in one warp, no __syncwarp) between them
// is a race whatever the schedule was. A shuffle or mma does not order memory, as in CUDA.
// Also reported: shared memory read before it is written, accesses outside a device
// allocation, and kernels that follow a pointer to host memory.
// Blind to: races between blocks through global memory; atomics are taken as ordered.
// SPDX-License-Identifier: Apache-2.0
#include <cuda_runtime.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <set>
#include <unordered_map>
#include <vector>

#include "fake_cuda.h"

extern "C" char __data_start, _end;

namespace {

struct Access {
  int thread = -1;
  uint32_t barrier = 0, warp = 0;
  void* pc = nullptr;
};
struct Cell {
  uint32_t serial = 0;
  bool written = false;
  bool in_flight = false;  // Target of a copy that nobody has waited for.
  Access write, read[2];
};

std::vector<Cell> dynamic_cells;
std::unordered_map<const void*, Cell> static_cells;
std::set<std::pair<void*, void*>> reported;

void Where(void* pc) {
  char command[256], line[512];
  std::snprintf(command, sizeof command, "addr2line -e /proc/%d/exe %p", getpid(),
                static_cast<void*>(static_cast<char*>(pc) - 1));
  if (FILE* f = popen(command, "r")) {
    if (std::fgets(line, sizeof line, f)) {
      const char* slash = std::strrchr(line, '/');
      std::fprintf(stderr, "    %s", slash ? slash + 1 : line);
    }
    pclose(f);
  }
}
void Report(const char* what, const Access& before, const Access& now, const void* p) {
  if (!reported.insert({before.pc, now.pc}).second) return;
  const auto* base = emu::now.dynamic_shared;
  std::fprintf(stderr, "racecheck: %s in %s, block (%u,%u): ", what, emu::now.kernel,
               emu::now.block.x, emu::now.block.y);
  if (p >= base && p < base + emu::now.dynamic_bytes)
    std::fprintf(stderr, "shared byte %td", static_cast<const unsigned char*>(p) - base);
  else
    std::fprintf(stderr, "address %p", p);
  std::fprintf(stderr, ", thread %d then thread %d\n", before.thread, now.thread);
  if (before.pc) Where(before.pc);
  if (now.pc) Where(now.pc);
}
bool Ordered(const Access& a, const Access& b) {
  return a.thread < 0 || a.thread == b.thread || a.barrier != b.barrier ||
         (a.thread / 32 == b.thread / 32 && a.warp < b.warp);
}

void Touch(const void* p, size_t bytes, bool write, int thread, void* pc) {
  const auto* c = static_cast<const unsigned char*>(p);
  const auto* base = emu::now.dynamic_shared;
  const bool dynamic = c >= base && c < base + emu::now.dynamic_bytes;
  const bool fixed =
      !dynamic && p >= &__data_start && p < &_end && (p < &emu::now || p >= &emu::now + 1);
  const Access now{thread, emu::now.barrier_epoch, emu::now.warp_epoch, pc};
  if (!dynamic && !fixed) {
    if (fake_cuda::InDeviceRange(p)) {
      if (!fake_cuda::OnDevice(p, bytes))
        Report(write ? "write outside any allocation" : "read outside any allocation", {}, now, p);
      return;
    }
    const auto* frame = static_cast<const unsigned char*>(__builtin_frame_address(0));
    const auto* host = static_cast<const unsigned char*>(emu::now.host_stack);
    if (c >= frame && c < frame + emu::config.stack_bytes) return;  // Own registers.
    if (c >= host - (64 << 10) && c < host + (8 << 20)) return;     // Launch arguments.
    if (write) Report("kernel writes host memory", {}, now, p);
    return;  // Reads of constants are not told from reads of the heap.
  }
  for (size_t i = 0; i < bytes; ++i) {
    Cell& cell = dynamic ? dynamic_cells[static_cast<size_t>(c - base) + i] : static_cells[c + i];
    if (cell.serial != emu::now.serial) cell = {emu::now.serial, false, false, {}, {}};
    if (write) {
      if (!Ordered(cell.write, now)) Report("write after write", cell.write, now, c + i);
      for (const Access& r : cell.read)
        if (!Ordered(r, now)) Report("write after read", r, now, c + i);
      cell.write = now;
      cell.written = true;
      cell.read[0] = cell.read[1] = {};
    } else {
      if (cell.in_flight) Report("read of a copy in flight", cell.write, now, c + i);
      if (!cell.written && dynamic) Report("read of shared memory nobody wrote", {}, now, c + i);
      if (!Ordered(cell.write, now)) Report("read after write", cell.write, now, c + i);
      if (cell.read[0].thread >= 0 && cell.read[0].thread != thread) cell.read[1] = cell.read[0];
      cell.read[0] = now;
    }
  }
}

void Plain(const void* p, size_t bytes, bool write, void* pc) {
  if (emu::now.running) Touch(p, bytes, write, emu::now.index, pc);
}

const bool installed = [] {
  emu::on_read = [](const void* p, size_t n, int t) { Touch(p, n, false, t, nullptr); };
  emu::on_copy = [](const void* p, size_t n, int t, bool begins) {
    Touch(p, n, true, t, nullptr);
    const auto at =
        static_cast<size_t>(static_cast<const unsigned char*>(p) - emu::now.dynamic_shared);
    for (size_t i = 0; i < n; ++i) dynamic_cells[at + i].in_flight = begins;
  };
  emu::on_block = [] {
    dynamic_cells.resize(std::max(dynamic_cells.size(), emu::now.dynamic_bytes));
  };
  std::atexit([] {
    if (reported.empty()) return;
    std::fprintf(stderr, "racecheck: %zu pairs of lines\n", reported.size());
    _Exit(66);
  });
  return true;
}();

}  // namespace

#define PC __builtin_return_address(0)
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit(void*) {}
void __tsan_vptr_update(void**, void*) {}
#define SIZED(n)                                                     \
  void __tsan_read##n(void* p) { Plain(p, n, false, PC); }           \
  void __tsan_write##n(void* p) { Plain(p, n, true, PC); }           \
  void __tsan_unaligned_read##n(void* p) { Plain(p, n, false, PC); } \
  void __tsan_unaligned_write##n(void* p) { Plain(p, n, true, PC); } \
  void __tsan_volatile_read##n(void* p) { Plain(p, n, false, PC); }  \
  void __tsan_volatile_write##n(void* p) { Plain(p, n, true, PC); }
SIZED(1) SIZED(2) SIZED(4) SIZED(8) SIZED(16) void __tsan_read_range(void* p, unsigned long n) {
  Plain(p, n, false, PC);
}
void __tsan_write_range(void* p, unsigned long n) { Plain(p, n, true, PC); }
}
