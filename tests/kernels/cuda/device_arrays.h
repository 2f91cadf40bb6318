// Arrays in the memory of the fake device, for tests of kernels.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <span>
#include <vector>

#include "doctor/operands.h"

namespace waterline {

// `count` elements on the device, at first those of the host or bytes 0xff (NaN).
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : count_(count) {
    EXPECT_EQ(cudaMalloc(&memory_, count * sizeof(T) + 1), cudaSuccess);
    EXPECT_EQ(cudaMemsetAsync(memory_, 0xff, count * sizeof(T), nullptr), cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
  }
  explicit DeviceArray(std::span<const T> from) : DeviceArray(from.size()) { Put(from.data()); }
  explicit DeviceArray(const std::vector<T>& from) : DeviceArray(std::span<const T>(from)) {}
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { EXPECT_EQ(cudaFree(memory_), cudaSuccess); }

  T* data() const { return static_cast<T*>(memory_); }
  std::span<T> span() const { return {data(), count_}; }
  size_t size() const { return count_; }
  void Put(const T* from) {
    EXPECT_EQ(cudaMemcpyAsync(memory_, from, count_ * sizeof(T), cudaMemcpyHostToDevice, nullptr),
              cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
  }
  std::vector<T> ToHost() const {
    std::vector<T> to(count_);
    EXPECT_EQ(
        cudaMemcpyAsync(to.data(), memory_, count_ * sizeof(T), cudaMemcpyDeviceToHost, nullptr),
        cudaSuccess);
    EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
    return to;
  }

 private:
  size_t count_;
  void* memory_ = nullptr;
};

// A matrix on the device with the stride of one on the host; rows start 64-byte aligned.
class DeviceMat {
 public:
  DeviceMat(int64_t rows, int64_t cols) : DeviceMat(OwnedMat(rows, cols).view()) {}
  explicit DeviceMat(MatView from)
      : rows_(from.rows),
        cols_(from.cols),
        stride_(from.stride),
        floats_(std::span<const float>(from.data, static_cast<size_t>(from.rows * from.stride))) {}

  operator MatView() const {  // NOLINT(google-explicit-constructor)
    return {floats_.data(), rows_, cols_, stride_};
  }
  MatView view() const { return *this; }
  // What is there now; the padding too.
  OwnedMat ToHost() const {
    OwnedMat to(rows_, cols_);
    const std::vector<float> floats = floats_.ToHost();
    std::copy(floats.begin(), floats.end(), to.view().data);
    return to;
  }

 private:
  int64_t rows_, cols_, stride_;
  DeviceArray<float> floats_;
};

}  // namespace waterline
