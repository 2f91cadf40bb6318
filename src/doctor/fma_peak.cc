// Twelve independent chains of multiply-adds in registers.
// SPDX-License-Identifier: Apache-2.0
#include "doctor/fma_peak.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>

namespace waterline {

namespace {

#if defined(__x86_64__)

#define WATERLINE_CHAINS(op, r)                                                               \
  op " %%" r "12,%%" r "13,%%" r "0\n\t" op " %%" r "12,%%" r "13,%%" r "1\n\t" op " %%" r    \
     "12,%%" r "13,%%" r "2\n\t" op " %%" r "12,%%" r "13,%%" r "3\n\t" op " %%" r "12,%%" r  \
     "13,%%" r "4\n\t" op " %%" r "12,%%" r "13,%%" r "5\n\t" op " %%" r "12,%%" r "13,%%" r  \
     "6\n\t" op " %%" r "12,%%" r "13,%%" r "7\n\t" op " %%" r "12,%%" r "13,%%" r "8\n\t" op \
     " %%" r "12,%%" r "13,%%" r "9\n\t" op " %%" r "12,%%" r "13,%%" r "10\n\t" op " %%" r   \
     "12,%%" r "13,%%" r "11\n\t"

constexpr double kTurns = 2e6;
constexpr double kFlops = kTurns * 12 * 2;

double RunAvx2() {
  auto turns = static_cast<int64_t>(kTurns);
  asm volatile(
      "vzeroall\n1:\n\t" WATERLINE_CHAINS("vfmadd231ps", "ymm") "dec %0\n\tjnz 1b\n\tvzeroupper"
      : "+r"(turns)
      :
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory");
  return kFlops * 8;
}

double RunAvx512() {
  auto turns = static_cast<int64_t>(kTurns);
  asm volatile(
      "vzeroall\n1:\n\t" WATERLINE_CHAINS("vfmadd231ps", "zmm") "dec %0\n\tjnz 1b\n\tvzeroupper"
      : "+r"(turns)
      :
      : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
        "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory");
  return kFlops * 16;
}

double Best(double (*run)()) {
  double best = 0;
  for (int i = 0; i < 9; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const double flops = run();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    best = std::max(best, flops / taken.count() * 1e-9);
  }
  return best;
}

#endif

}  // namespace

double FmaPeak(const char* isa) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 0;
  static const double avx2 = Best(RunAvx2);
  const bool is_wide = std::strncmp(isa, "avx512", 6) == 0 || std::strcmp(isa, "amx") == 0;
  if (!is_wide) return avx2;
  static const double avx512 = __builtin_cpu_supports("avx512f") ? Best(RunAvx512) : 0;
  return avx512;
#else
  (void)isa;
  return 0;
#endif
}

}  // namespace waterline
