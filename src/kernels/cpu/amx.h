// The tile instructions: eight tiles of up to 16 rows of 64 bytes. By inline assembly, because the
// intrinsics of GCC 12 do not say that they read and write memory.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/amx_config.h"

namespace waterline {
namespace {

// Of this thread; all tiles become zero.
void AmxConfigure(const AmxConfig& config) { asm volatile("ldtilecfg %0" ::"m"(config)); }
// A thread without tiles has none to be saved when it is switched out.
void AmxRelease() { asm volatile("tilerelease"); }

template <int kTile>
void AmxZero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
}
// `stride` in bytes, from one row to the next.
template <int kTile>
void AmxLoad(const float* from, int64_t stride) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(stride), "i"(kTile) : "memory");
}
template <int kTile>
void AmxStore(float* to, int64_t stride) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(stride), "i"(kTile) : "memory");
}
// Tile kSum += tile kA times tile kB: two bf16 of each in 32 bits.
template <int kSum, int kA, int kB>
void AmxMultiplyAddBf16() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kA), "i"(kB));
}
// Four uint8 of kA and int8 of kB in 32 bits.
template <int kSum, int kA, int kB>
void AmxMultiplyAddUint8Int8() {
  asm volatile("tdpbusd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kA), "i"(kB));
}

}  // namespace
}  // namespace waterline
