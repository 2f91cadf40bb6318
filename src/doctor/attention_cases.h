// Batches of sequences for attention, for tests, benchmarks and `waterline doctor`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "doctor/operands.h"

namespace waterline {

enum class Terms { kNone, kC2p, kP2c, kBoth, kBias };

inline const char* TermsName(Terms terms) {
  constexpr const char* kNames[] = {"none", "c2p", "p2c", "c2p and p2c", "bias"};
  return kNames[static_cast<int>(terms)];
}

struct AttentionCase {
  std::vector<int64_t> lengths;
  int heads;
  int64_t width;  // Of a head.
  Terms terms;
  int64_t window = kAllKeys;
  bool causal = false;
  int key_heads = 0;  // 0: heads.
};

// Every combination of terms and of what a query sees.
inline std::vector<AttentionCase> MaskedAttentionCases() {
  std::vector<AttentionCase> cases;
  for (const Terms terms : {Terms::kNone, Terms::kC2p, Terms::kP2c, Terms::kBoth, Terms::kBias}) {
    for (const int64_t window : {int64_t{0}, int64_t{1}, int64_t{8}, int64_t{15}, int64_t{16},
                                 int64_t{40}, int64_t{64}, int64_t{1000}, kAllKeys}) {
      for (const bool causal : {false, true}) {
        cases.push_back({{17, 1, 150, 16, 33}, 2, 16, terms, window, causal});
      }
    }
  }
  cases.push_back({{200, 7}, 6, 8, Terms::kNone, kAllKeys, true, 2});
  cases.push_back({{200, 7}, 6, 8, Terms::kNone, 20, true, 1});
  cases.push_back({{40, 90}, 4, 20, Terms::kNone, kAllKeys, false, 2});
  cases.push_back({{40, 90}, 4, 16, Terms::kBias, 5, false, 2});
  return cases;
}

inline std::vector<AttentionCase> AttentionCases() {
  std::vector<AttentionCase> cases;
  for (const int64_t length : {1, 2, 15, 16, 17, 31, 33, 64, 129, 300, 600}) {
    cases.push_back({{length}, 2, 16, Terms::kBoth});
  }
  for (const Terms terms : {Terms::kNone, Terms::kC2p, Terms::kP2c, Terms::kBoth, Terms::kBias}) {
    cases.push_back({{17, 1, 70, 16}, 3, 8, terms});
    cases.push_back({{40, 90}, 2, 32, terms});
    cases.push_back({{65}, 1, 64, terms});
    cases.push_back({{33, 5}, 2, 7, terms});
    cases.push_back({{5, 20}, 1, 60, terms});
  }
  return cases;
}

// Random inputs of a case. Distances beyond 256 share the outermost of the 40 + 1 rows of a table,
// as DeBERTa's buckets do beyond their last.
struct AttentionInputs {
  static constexpr int64_t kRows = 41;

  OwnedMat qkv;
  OwnedMat tables;
  std::vector<float> bias;
  std::vector<int32_t> begins;
  std::vector<int32_t> bucket;
  int64_t longest;
  RelativeTerms relative;
  AttentionArgs args;

  explicit AttentionInputs(const AttentionCase& test)
      : qkv(RandomMat(BeginsOf(test.lengths).back(), 3 * test.heads * test.width, 1)),
        tables(RandomMat(kRows, 2 * test.heads * test.width, 2)),
        bias(RandomFloats(kRows * test.heads, 3, 8)),
        begins(BeginsOf(test.lengths)),
        longest(*std::max_element(test.lengths.begin(), test.lengths.end())) {
    const int64_t columns = test.heads * test.width;
    const int64_t reach = longest + 3;
    for (int64_t distance = -reach; distance <= reach; ++distance) {
      bucket.push_back(
          static_cast<int32_t>(std::clamp<int64_t>(distance / 7 + kRows / 2, 0, kRows - 1)));
    }
    if (test.terms == Terms::kC2p || test.terms == Terms::kBoth) {
      relative.keys = tables.view().Cols(0, columns);
    }
    if (test.terms == Terms::kP2c || test.terms == Terms::kBoth) {
      relative.queries = tables.view().Cols(columns, 2 * columns);
    }
    if (test.terms == Terms::kBias) {
      relative.bias = {.rows = kRows,
                       .cols = test.heads,
                       .data = reinterpret_cast<const std::byte*>(bias.data())};
    }
    relative.bucket = bucket;
    relative.reach = reach;
    args.q = qkv.view().Cols(0, columns);
    args.key_heads = test.key_heads == 0 ? test.heads : test.key_heads;
    args.k = qkv.view().Cols(columns, columns + args.key_heads * test.width);
    args.v = qkv.view().Cols(2 * columns, 2 * columns + args.key_heads * test.width);
    args.window = test.window;
    args.causal = test.causal;
    args.begins = begins;
    args.longest = longest;
    args.heads = test.heads;
    args.scale = 0.5f / static_cast<float>(test.width);
    args.relative = test.terms == Terms::kNone ? nullptr : &relative;
  }
  AttentionInputs(const AttentionInputs&) = delete;

  // Runs `kernels` on this.
  OwnedMat Run(const Kernels& kernels) const {
    AlignedBytes scratch(
        kernels.AttentionScratchBytes(args.longest, args.q.cols / args.heads, args.relative));
    OwnedMat out(args.q.rows, args.q.cols);
    AttentionArgs run = args;
    run.scratch = scratch.span();
    kernels.Attention(run, out);
    return out;
  }
};

}  // namespace waterline
