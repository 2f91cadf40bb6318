// The recurrence of an LSTM in one or both directions: all sequences step together, so that the
// recurrent product has as many rows as there are sequences still running. SPDX-License-Identifier:
// Apache-2.0
#include <algorithm>
#include <numeric>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/scratch.h"

namespace waterline {

namespace {

struct Buffers {
  float* z;        // [sequences, 4 H]: h Whhᵀ
  float* h;        // [sequences, H], longest sequence first.
  float* c;        // [sequences, H]
  int32_t* order;  // [sequences]: the sequence of each row.
  size_t bytes;

  Buffers(std::byte* at, int64_t hidden, int64_t sequences) {
    Scratch scratch(at);
    z = scratch.Take<float>(sequences * 4 * hidden);
    h = scratch.Take<float>(sequences * hidden);
    c = scratch.Take<float>(sequences * hidden);
    order = scratch.Take<int32_t>(sequences);
    bytes = scratch.bytes();
  }
};

}  // namespace

size_t CpuKernelSet::LstmScratchBytes(int64_t hidden, int64_t sequences) const {
  return Buffers(nullptr, hidden, sequences).bytes;
}

void CpuKernelSet::Lstm(const LstmArgs& args, MatView out) const {
  const int64_t hidden = args.hidden;
  const auto sequences = static_cast<int64_t>(args.begins.size()) - 1;
  if (sequences <= 0) return;
  const Buffers buffers(args.scratch.data(), hidden, sequences);
  const auto length = [&](int32_t s) {
    const auto at = static_cast<size_t>(s);
    return args.begins[at + 1] - args.begins[at];
  };
  const std::span order(buffers.order, static_cast<size_t>(sequences));
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return length(a) != length(b) ? length(a) > length(b) : a < b;
  });

  for (int64_t direction = 0; direction < args.directions; ++direction) {
    std::fill_n(buffers.z, sequences * 4 * hidden, 0.0f);
    std::fill_n(buffers.c, sequences * hidden, 0.0f);
    int64_t active = sequences;
    for (int64_t step = 0; step < length(order.front()); ++step) {
      while (length(order[static_cast<size_t>(active - 1)]) <= step) --active;
      if (step > 0) {  // The first hidden state is zero.
        Gemm g;
        g.a = buffers.h;
        g.a_stride = hidden;
        g.rows = active;
        g.b = BytesOf(direction == 0 ? args.forward : args.backward);
        g.b_depth = hidden;
        g.depth = hidden;
        g.cols = 4 * hidden;
        g.c = buffers.z;
        g.c_stride = 4 * hidden;
        isa_.f32.gemm(g);
      }
      for (int64_t r = 0; r < active; ++r) {
        const auto s = static_cast<size_t>(order[static_cast<size_t>(r)]);
        const int64_t word = direction == 0 ? args.begins[s] + step : args.begins[s + 1] - 1 - step;
        float* h = buffers.h + r * hidden;
        isa_.lstm_cell(buffers.z + r * 4 * hidden, args.gates.row(word) + direction * 4 * hidden,
                       hidden, buffers.c + r * hidden, h);
        std::copy_n(h, hidden, out.row(word) + direction * hidden);
      }
    }
  }
}

}  // namespace waterline
