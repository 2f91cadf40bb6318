// Column slices of matrices on the fake device, and every legal order of a kernel's threads.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/cuda/device_arrays.h"

namespace waterline {

// A matrix on the device that begins `offset` columns into its rows: at 4, not at 16 bytes, unless
// offset is a multiple of 4. What lies around it holds kUntouched.
class DeviceSlice {
 public:
  DeviceSlice(MatView from, int64_t offset)
      : offset_(offset), cols_(from.cols), wide_(Widened(from, offset).view()) {}
  DeviceSlice(int64_t rows, int64_t cols, int64_t offset)
      : DeviceSlice(OwnedMat(rows, cols).view(), offset) {}

  operator MatView() const { return view(); }  // NOLINT(google-explicit-constructor)
  MatView view() const { return wide_.view().Cols(offset_, offset_ + cols_); }
  // What is there now; expects that nothing was written around it.
  OwnedMat ToHost() const {
    const OwnedMat wide = wide_.ToHost();
    EXPECT_TRUE(wide.PaddingUntouched());
    OwnedMat to(wide.view().rows, cols_);
    for (int64_t r = 0; r < to.view().rows; ++r) {
      for (int64_t c = 0; c < offset_; ++c) EXPECT_EQ(wide.view().row(r)[c], OwnedMat::kUntouched);
      std::copy_n(wide.view().row(r) + offset_, cols_, to.view().row(r));
    }
    return to;
  }

 private:
  static OwnedMat Widened(MatView from, int64_t offset) {
    OwnedMat wide(from.rows, offset + from.cols);
    for (int64_t r = 0; r < from.rows; ++r) {
      std::copy_n(from.row(r), from.cols, wide.view().row(r) + offset);
    }
    return wide;
  }

  int64_t offset_, cols_;
  DeviceMat wide_;
};

// Calls f under several orders of threads and times at which asynchronous copies land.
template <class F>
void ForEachThreadOrder(const F& f) {
  const emu::Config before = emu::config;
  for (const emu::Order order : {emu::Order::kForward, emu::Order::kReverse, emu::Order::kRandom}) {
    for (const bool eager : {false, true}) {
      emu::config.order = order;
      emu::config.eager_copies = eager;
      f();
    }
  }
  emu::config = before;
}

}  // namespace waterline
