// The fused multiply-adds this core can do: the ceiling the benchmarks are measured against.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline {

// Measured f32 GFLOP/s of one core with the widest registers of `isa` (AVX-512's for "avx512...",
// "amx"); for other instruction sets, of AVX2 or, without it, 0. Takes about 50 ms the first time.
double FmaPeak(const char* isa);

}  // namespace waterline
