// The matrix product on tiles of 16 rows and columns. After isa_body.h, bf16_dot.h, quad_dot.h and
// the instructions (amx.h).
//
// A panel of 16 columns is a row of b tiles, and a converted row of a row of the a tiles, as they
// are. Two by two tiles of sums, so that each loaded tile is used twice.
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace waterline {
namespace {

constexpr int64_t kAmxRows = 16;
constexpr int64_t kAmxDepth = 16;  // Groups; 64 bytes.
constexpr int64_t kAmxTile = kAmxRows * kAmxDepth;

struct AmxBf16Dot : Bf16Dot {
  template <int kSum, int kA, int kB>
  static void AddTiles() {
    AmxMultiplyAddBf16<kSum, kA, kB>();
  }
  static Vec AddSums(Vec x, Vec y) { return x + y; }
};

struct AmxQuadDot : QuadDot {
  template <int kSum, int kA, int kB>
  static void AddTiles() {
    AmxMultiplyAddUint8Int8<kSum, kA, kB>();
  }
  static Vec AddSums(Vec x, Vec y) { return AddInts(x, y); }
};

// Sums of a block: rows of both row tiles, columns of both column tiles.
constexpr int64_t kSumsStride = 2 * kAmxRows;
struct alignas(64) AmxSums {
  float at[2 * kAmxRows * kSumsStride];
};

struct AmxBlock {
  const float* a[2];  // First row of each row tile.
  int64_t a_stride;
  const float* b[2];  // First group of each panel.
  const float* rest;  // The groups past the last whole tile of both panels, with zeros after.
  int64_t depth;
  // The panels to fetch meanwhile, and lines of each to fetch in a step.
  const std::byte* next[2];
  int64_t lines;
};

template <typename Dot, int kRowTiles, int kColTiles>
__attribute__((noinline)) void SumBlock(const AmxBlock& block, AmxSums& sums) {
  constexpr int64_t kLine = kAmxDepth * sizeof(float);
  const float* a0 = block.a[0];
  const float* a1 = block.a[1];
  const float* b0 = block.b[0];
  const float* b1 = block.b[1];
  const int64_t a_stride = block.a_stride * static_cast<int64_t>(sizeof(float));
  const auto step = [&]() __attribute__((always_inline)) {
    AmxLoad<4>(a0, a_stride);
    AmxLoad<6>(b0, kLine);
    Dot::template AddTiles<0, 4, 6>();
    if constexpr (kColTiles > 1) {
      AmxLoad<7>(b1, kLine);
      Dot::template AddTiles<1, 4, 7>();
    }
    if constexpr (kRowTiles > 1) {
      AmxLoad<5>(a1, a_stride);
      Dot::template AddTiles<2, 5, 6>();
      if constexpr (kColTiles > 1) Dot::template AddTiles<3, 5, 7>();
    }
    a0 += kAmxDepth;
    a1 += kAmxDepth;
    b0 += kAmxTile;
    b1 += kAmxTile;
  };
  AmxZero<0>();
  if constexpr (kColTiles > 1) AmxZero<1>();
  if constexpr (kRowTiles > 1) AmxZero<2>();
  if constexpr (kRowTiles > 1 && kColTiles > 1) AmxZero<3>();
  const int64_t depth = block.depth;
  const int64_t lines = block.lines;
  const std::byte* next0 = block.next[0];
  const std::byte* next1 = block.next[1];
  for (int64_t k = 0; k + kAmxDepth <= depth; k += kAmxDepth) {
    step();
    for (int64_t i = 0; i < lines; ++i, next0 += kLine, next1 += kLine) {
      Prefetch(next0);
      Prefetch(next1);
    }
  }
  if (depth % kAmxDepth != 0) {
    b0 = block.rest;
    b1 = block.rest + kAmxTile;
    step();
  }
  constexpr int64_t kStride = kSumsStride * sizeof(float);
  float* const at = sums.at;
  AmxStore<0>(at, kStride);
  if constexpr (kColTiles > 1) AmxStore<1>(at + kAmxRows, kStride);
  if constexpr (kRowTiles > 1) AmxStore<2>(at + kAmxRows * kSumsStride, kStride);
  if constexpr (kRowTiles > 1 && kColTiles > 1) {
    AmxStore<3>(at + kAmxRows * kSumsStride + kAmxRows, kStride);
  }
}

// All row tiles have as many rows; the last one begins early enough to be whole, and what it sums
// again is dropped.
template <typename Dot>
void RunAmxGemm(const Gemm& g) {
  static_assert(kLanes == kAmxRows);
  const int64_t tile_rows = g.rows < kAmxRows ? g.rows : kAmxRows;
  AmxConfig config;
  for (int t = 0; t < 8; ++t) {
    config.row_bytes[t] = 64;
    config.rows[t] = static_cast<uint8_t>(t < 6 ? tile_rows : kAmxDepth);
  }
  AmxConfigure(config);

  const int64_t blocks = (g.rows + 2 * kAmxRows - 1) / (2 * kAmxRows);
  const int64_t panel_floats = g.b_depth * kAmxRows;
  const int64_t whole = g.depth / kAmxDepth * kAmxDepth;
  struct alignas(64) Rest {
    float at[2 * kAmxTile];
  } rest = {};
  AmxSums sums;
  AmxBlock block;
  block.a_stride = g.a_stride;
  block.rest = rest.at;
  block.depth = g.depth;
  for (int64_t n = 0; n < g.cols; n += 2 * kAmxRows) {
    const int64_t width = g.cols - n < 2 * kAmxRows ? g.cols - n : 2 * kAmxRows;
    const int64_t panels = width > kAmxRows ? 2 : 1;
    const float* const b = reinterpret_cast<const float*>(g.b) + n * g.b_depth + g.first * kAmxRows;
    for (int64_t p = 0; p < 2; ++p) {
      block.b[p] = p < panels ? b + p * panel_floats : b;
      const float* const from = block.b[p] + whole * kAmxRows;
      for (int64_t k = 0; k < g.depth - whole; ++k) {
        Vec::Load(from + k * kAmxRows).Store(rest.at + p * kAmxTile + k * kAmxRows);
      }
    }
    // Blocks fetch a share each of the panels that come next.
    const bool fetch = n + 4 * kAmxRows <= g.cols;
    block.lines = fetch ? (kAmxDepth + blocks - 1) / blocks : 0;
    int64_t fetched = 0;
    for (int64_t row = 0; row < g.rows; row += 2 * kAmxRows) {
      const int64_t end = g.rows - row < 2 * kAmxRows ? g.rows : row + 2 * kAmxRows;
      int64_t first[2];  // Rows of the row tiles.
      for (int64_t t = 0; t < 2; ++t) {
        const int64_t latest = g.rows - tile_rows;
        first[t] = row + t * kAmxRows < latest ? row + t * kAmxRows : latest;
        block.a[t] = g.a + first[t] * g.a_stride;
        const float* const next = fetch ? b + (2 + t) * panel_floats : b;
        block.next[t] = reinterpret_cast<const std::byte*>(next + fetched * kAmxRows);
      }
      fetched += block.lines * (g.depth / kAmxDepth);
      if (fetched > g.depth) fetched = 0;
      const bool two_rows = end - row > kAmxRows;
      if (two_rows) {
        panels == 2 ? SumBlock<Dot, 2, 2>(block, sums) : SumBlock<Dot, 2, 1>(block, sums);
      } else {
        panels == 2 ? SumBlock<Dot, 1, 2>(block, sums) : SumBlock<Dot, 1, 1>(block, sums);
      }

      float* const c = g.c + n;
      for (int64_t z = 0; z < width; z += kLanes) {
        const int64_t lanes = width - z < kLanes ? width - z : kLanes;
        const FinishOf<Dot> finish(g, n + z, lanes);
        for (int64_t r = row; r < end; ++r) {
          const int64_t t = r - row < kAmxRows ? 0 : 1;
          float* const to = c + r * g.c_stride + z;
          Vec x = Vec::Load(sums.at + (t * kAmxRows + r - first[t]) * kSumsStride + z);
          if (g.accumulate) x = Dot::AddSums(x, LoadN(to, lanes));
          StoreN(finish(x, r), to, lanes);
        }
      }
      Activate(g.act, c + row * g.c_stride, g.c_stride, end - row, width);
    }
  }
  AmxRelease();
}

// `product` on tiles.
template <typename Dot>
constexpr Product OnTiles(Product product) {
  product.panel = kAmxRows;
  product.gemm = RunAmxGemm<Dot>;
  return product;
}

}  // namespace
}  // namespace waterline
