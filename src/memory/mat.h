// Matrices in working memory: row-major f32, always two-dimensional.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/check.h"
#include "memory/arena.h"

namespace waterline {

// A view of rows x cols floats; consecutive rows are `stride` floats apart. data is nullptr when
// the pass is dry. Never owns; never outlives the call it is passed to.
struct MatView {
  float* data = nullptr;
  int64_t rows = 0;
  int64_t cols = 0;
  int64_t stride = 0;

  constexpr float* row(int64_t r) const { return data + r * stride; }
  constexpr bool empty() const { return rows == 0 || cols == 0; }

  // Rows [begin, end).
  MatView Rows(int64_t begin, int64_t end) const {
    WATERLINE_CHECK(0 <= begin && begin <= end && end <= rows);
    return {data == nullptr ? nullptr : data + begin * stride, end - begin, cols, stride};
  }
  // Columns [begin, end).
  MatView Cols(int64_t begin, int64_t end) const {
    WATERLINE_CHECK(0 <= begin && begin <= end && end <= cols);
    return {data == nullptr ? nullptr : data + begin, rows, end - begin, stride};
  }
};

// A matrix taken from an arena; its memory goes back when it dies. Rows start 64-byte aligned.
class Mat {
 public:
  Mat() = default;
  Mat(Arena& arena, int64_t rows, int64_t cols, const char* name);
  Mat(Mat&& other) noexcept
      : arena_(std::exchange(other.arena_, nullptr)), slot_(other.slot_), view_(other.view_) {}
  Mat& operator=(Mat&& other) noexcept {
    std::swap(arena_, other.arena_);
    std::swap(slot_, other.slot_);
    std::swap(view_, other.view_);
    return *this;
  }
  ~Mat() { Release(); }

  // Gives the memory back before the end of the scope.
  void Release();

  operator MatView() const { return view_; }  // NOLINT(google-explicit-constructor)
  const MatView& view() const { return view_; }
  int64_t rows() const { return view_.rows; }
  int64_t cols() const { return view_.cols; }

 private:
  Arena* arena_ = nullptr;
  int slot_ = 0;
  MatView view_;
};

}  // namespace waterline
