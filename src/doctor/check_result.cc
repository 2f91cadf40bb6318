// SPDX-License-Identifier: Apache-2.0
#include "doctor/check_result.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace waterline {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// |a - b|; 0 for equal infinities and two NaN, infinity where one alone is not finite.
double Distance(float a, float b) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return 0;
  const double distance = std::abs(static_cast<double>(a) - b);
  return std::isnan(distance) ? kInfinity : distance;
}

}  // namespace

bool CaseLog::Admits(double work) {
  if (work <= most_work_) return true;
  ++result_.left_out;
  return false;
}

void CaseLog::Fail(std::string line) {
  ++result_.failed;
  if (result_.failures.size() < kMostFailures) result_.failures.push_back(std::move(line));
}

bool CaseLog::Note(double error, double tolerance) {
  ++result_.cases;
  result_.compared = true;
  const double share = error == 0 ? 0 : tolerance == 0 ? kInfinity : error / tolerance;
  // Of exact cases and others the others tell more.
  if (share > nearest_ || (share == nearest_ && tolerance > result_.tolerance)) {
    nearest_ = share;
    result_.error = error;
    result_.tolerance = tolerance;
  }
  return error <= tolerance;
}

void CaseLog::Compare(std::string_view what, MatView got, MatView expected, double tolerance) {
  double most = 0;
  int64_t row = 0, column = 0;
  for (int64_t r = 0; r < expected.rows; ++r) {
    for (int64_t c = 0; c < expected.cols; ++c) {
      const double distance = Distance(got.row(r)[c], expected.row(r)[c]);
      if (distance <= most) continue;
      most = distance;
      row = r;
      column = c;
    }
  }
  if (Note(most, tolerance)) return;
  Fail(fmt::format("{}: row {} column {} is {:.9g}, expected {:.9g} within {:.2g}", what, row,
                   column, got.row(row)[column], expected.row(row)[column], tolerance));
}

void CaseLog::Compare(std::string_view what, std::span<const float> got,
                      std::span<const float> expected, double tolerance) {
  const auto matrix = [](std::span<const float> v) {
    const auto size = static_cast<int64_t>(v.size());
    return MatView{const_cast<float*>(v.data()), 1, size, size};
  };
  if (got.size() != expected.size()) {
    Expect(false, fmt::format("{}: {} numbers for {}", what, got.size(), expected.size()));
    return;
  }
  Compare(what, matrix(got), matrix(expected), tolerance);
}

void CaseLog::Measure(std::string_view what, double error, double tolerance) {
  if (Note(error, tolerance)) return;
  Fail(fmt::format("{}: off by {:.3g}, at most {:.2g} is expected", what, error, tolerance));
}

void CaseLog::Expect(bool right, std::string_view what_is_wrong) {
  ++result_.cases;
  ExpectAlso(right, what_is_wrong);
}

void CaseLog::ExpectAlso(bool right, std::string_view what_is_wrong) {
  if (!right) Fail(std::string(what_is_wrong));
}

}  // namespace waterline
