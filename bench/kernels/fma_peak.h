// The fused multiply-adds this core can do: the ceiling the benchmarks are measured against.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline {

// Measured GFLOP/s of one core with the widest registers of `isa` ("avx512", "avx2"); for other
// instruction sets, of AVX2 or, without it, 0. Takes about 50 ms the first time.
double FmaPeak(const char* isa);

}  // namespace waterline
