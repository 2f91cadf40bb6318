// Batches of words for the LSTM, for tests, benchmarks and `waterline doctor`.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "doctor/operands.h"

namespace waterline {

struct LstmCase {
  std::vector<int64_t> lengths;
  int64_t hidden;
  int64_t directions = 2;
};

inline std::vector<LstmCase> LstmCases() {
  return {{{1}, 8},
          {{2, 0, 15}, 16},
          {{16, 17, 31, 33, 64}, 32},
          {{129, 3}, 20},
          {{300, 1, 2, 40, 40}, 64},
          {{7, 9, 9, 4, 1, 12, 30}, 13},
          {{2, 0, 15}, 16, 1},
          {{7, 9, 9, 4, 1, 12, 30}, 13, 1}};
}

// Random inputs of a case. Matrices are kept unpacked.
struct LstmInputs {
  OwnedMat gates;
  std::vector<float> forward;
  std::vector<float> backward;
  std::vector<int32_t> begins;
  int64_t hidden;
  int64_t directions;

  explicit LstmInputs(const LstmCase& test)
      : gates(RandomMat(BeginsOf(test.lengths).back(), test.directions * 4 * test.hidden, 1)),
        forward(OwnedWeight::Rows(4 * test.hidden, test.hidden, 2)),
        backward(OwnedWeight::Rows(4 * test.hidden, test.hidden, 3)),
        begins(BeginsOf(test.lengths)),
        hidden(test.hidden),
        directions(test.directions) {}

  // Runs `kernels` on the sequences [first, last), both directions at once or one after another.
  OwnedMat Run(const Kernels& kernels, size_t first, size_t last, bool at_once = true) const {
    std::vector<int64_t> lengths;
    for (size_t s = first; s < last; ++s) lengths.push_back(begins[s + 1] - begins[s]);
    const std::vector<int32_t> own = BeginsOf(lengths);
    const size_t bytes = kernels.PackedLstmFloats(hidden) * sizeof(float);
    AlignedBytes packed[2] = {AlignedBytes(bytes), AlignedBytes(bytes)};
    auto* to_forward = reinterpret_cast<float*>(packed[0].data());
    auto* to_backward = reinterpret_cast<float*>(packed[1].data());
    kernels.PackLstm(forward.data(), 0, 4 * hidden, hidden, to_forward);
    kernels.PackLstm(backward.data(), 0, 4 * hidden, hidden, to_backward);
    AlignedBytes scratch(kernels.LstmScratchBytes(hidden, static_cast<int64_t>(last - first)));
    OwnedMat out(own.back(), directions * hidden);
    LstmArgs args;
    args.gates = gates.view().Rows(begins[first], begins[last]);
    args.forward = to_forward;
    args.backward = to_backward;
    args.hidden = hidden;
    args.directions = directions;
    args.begins = own;
    args.scratch = scratch.span();
    if (at_once) {
      kernels.Lstm(args, out);
    } else {
      args.first_direction = 1;
      kernels.Lstm(args, out);
      args.first_direction = args.last_direction = 0;
      kernels.Lstm(args, out);
    }
    return out;
  }
  OwnedMat Run(const Kernels& kernels, bool at_once = true) const {
    return Run(kernels, 0, begins.size() - 1, at_once);
  }
};

}  // namespace waterline
