// The tile instructions (kernels/cpu/amx.h) on any machine. What would fault there ends the program
// here.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "kernels/cpu/amx_config.h"

namespace waterline {
namespace {

struct EmulatedTile {
  int rows = 0;
  int row_bytes = 0;
  uint8_t at[16][64] = {};
};

struct EmulatedTiles {
  bool configured = false;
  EmulatedTile tile[8];
};

thread_local EmulatedTiles emulated_tiles;

void FaultUnless(bool fine, const char* instruction) {
  if (fine) return;
  std::fprintf(stderr, "%s would fault\n", instruction);
  std::abort();
}

EmulatedTile& TileOrFault(int tile, const char* instruction) {
  EmulatedTile& found = emulated_tiles.tile[tile];
  FaultUnless(emulated_tiles.configured && found.rows > 0, instruction);
  return found;
}

void AmxConfigure(const AmxConfig& config) {
  bool fine = config.palette == 1 && config.first_row == 0;
  for (const uint8_t byte : config.reserved) fine = fine && byte == 0;
  for (int t = 0; t < 16; ++t) {
    const int rows = config.rows[t], bytes = config.row_bytes[t];
    fine = fine && (t < 8 ? rows <= 16 && bytes <= 64 && (rows == 0) == (bytes == 0)
                          : rows == 0 && bytes == 0);
  }
  FaultUnless(fine, "ldtilecfg");
  if (emulated_tiles.configured) {
    std::fputs("tiles were not released\n", stderr);
    std::abort();
  }
  emulated_tiles = {};
  emulated_tiles.configured = true;
  for (int t = 0; t < 8; ++t) {
    emulated_tiles.tile[t].rows = config.rows[t];
    emulated_tiles.tile[t].row_bytes = config.row_bytes[t];
  }
}

void AmxRelease() { emulated_tiles = {}; }

template <int kTile>
void AmxZero() {
  EmulatedTile& tile = TileOrFault(kTile, "tilezero");
  std::memset(tile.at, 0, sizeof tile.at);
}

template <int kTile>
void AmxLoad(const float* from, int64_t stride) {
  EmulatedTile& tile = TileOrFault(kTile, "tileloadd");
  std::memset(tile.at, 0, sizeof tile.at);
  for (int r = 0; r < tile.rows; ++r) {
    std::memcpy(tile.at[r], reinterpret_cast<const std::byte*>(from) + r * stride,
                static_cast<size_t>(tile.row_bytes));
  }
}

template <int kTile>
void AmxStore(float* to, int64_t stride) {
  const EmulatedTile& tile = TileOrFault(kTile, "tilestored");
  for (int r = 0; r < tile.rows; ++r) {
    std::memcpy(reinterpret_cast<std::byte*>(to) + r * stride, tile.at[r],
                static_cast<size_t>(tile.row_bytes));
  }
}

// Calls f(sum, a, b) for the four bytes of a and b of each product and the sum they belong to.
template <typename Sum, int kSum, int kA, int kB, typename F>
void ForProducts(const char* instruction, const F& f) {
  static_assert(kSum != kA && kSum != kB && kA != kB);
  EmulatedTile& sums = TileOrFault(kSum, instruction);
  const EmulatedTile& a = TileOrFault(kA, instruction);
  const EmulatedTile& b = TileOrFault(kB, instruction);
  FaultUnless(sums.rows == a.rows && sums.row_bytes == b.row_bytes && a.row_bytes == 4 * b.rows &&
                  sums.row_bytes % 4 == 0,
              instruction);
  for (int m = 0; m < sums.rows; ++m) {
    for (int n = 0; n < sums.row_bytes / 4; ++n) {
      Sum sum;
      std::memcpy(&sum, sums.at[m] + 4 * n, sizeof sum);
      sum = f(
          sum, [&](int k) { return a.at[m] + 4 * k; }, [&](int k) { return b.at[k] + 4 * n; },
          b.rows);
      std::memcpy(sums.at[m] + 4 * n, &sum, sizeof sum);
    }
  }
}

// First and second products of the groups are summed apart.
template <int kSum, int kA, int kB>
void AmxMultiplyAddBf16() {
  ForProducts<float, kSum, kA, kB>("tdpbf16ps", [](float sum, auto a, auto b, int depth) {
    const auto product = [&](int k, int which) {
      uint16_t x, y;
      std::memcpy(&x, a(k) + 2 * which, sizeof x);
      std::memcpy(&y, b(k) + 2 * which, sizeof y);
      return FloatOfBf16(x) * FloatOfBf16(y);
    };
    float first = 0, second = 0;
    for (int k = 0; k < depth; ++k) {
      first += product(k, 0);
      second += product(k, 1);
    }
    return sum + (first + second);
  });
}

template <int kSum, int kA, int kB>
void AmxMultiplyAddUint8Int8() {
  ForProducts<int32_t, kSum, kA, kB>("tdpbusd", [](int32_t sum, auto a, auto b, int depth) {
    for (int k = 0; k < depth; ++k) {
      for (int i = 0; i < 4; ++i) sum += a(k)[i] * static_cast<int8_t>(b(k)[i]);
    }
    return sum;
  });
}

}  // namespace
}  // namespace waterline
