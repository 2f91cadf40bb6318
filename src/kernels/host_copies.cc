// Copies between matrices in host memory, and what only devices do.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/check.h"
#include "kernels/kernels.h"

namespace waterline {

void Kernels::GatherRows(MatView x, std::span<const int64_t> rows, MatView out) const {
  for (size_t n = 0; n < rows.size(); ++n) {
    std::copy_n(x.row(rows[n]), x.cols, out.row(static_cast<int64_t>(n)));
  }
}

void Kernels::CopyRows(MatView from, MatView to) const {
  for (int64_t r = 0; r < from.rows; ++r) std::copy_n(from.row(r), from.cols, to.row(r));
}

void Kernels::FeedForward(MatView, const Weight&, Act, const Weight&, std::span<std::byte>,
                          MatView) const {
  WATERLINE_CHECK(false);
}

size_t Kernels::FeedForwardScratchBytes(int64_t, const Weight&, const Weight&) const { return 0; }

void Kernels::FindCandidates(const CandidateArgs&, MatView) const { WATERLINE_CHECK(false); }

}  // namespace waterline
