// Copies between matrices in host memory.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

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

}  // namespace waterline
