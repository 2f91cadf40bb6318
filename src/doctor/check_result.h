// What a check found, and the log in which one collects its cases.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/mat.h"

namespace waterline {

struct CheckResult {
  std::string name;      // "linear bf16"
  int64_t cases = 0;     // That were compared.
  int64_t left_out = 0;  // That were larger than the check was allowed to run.
  // Where numbers were compared: the largest |got - expected| of the case that came nearest to its
  // tolerance, or went farthest beyond it. A tolerance of 0 asks for equality.
  bool compared = false;
  double error = 0;
  double tolerance = 0;
  std::string detail;                 // What else there is to say; one line.
  int64_t failed = 0;                 // What went wrong, in so many places.
  std::vector<std::string> failures;  // The first of them, a line each.

  bool ok() const { return failed == 0; }
};

// Collects the cases of one check. Not thread-safe.
class CaseLog {
 public:
  static constexpr size_t kMostFailures = 3;  // That are told; all are counted.

  // Cases of more than `most_work` multiply-adds are left out.
  explicit CaseLog(std::string name, double most_work = std::numeric_limits<double>::infinity())
      : most_work_(most_work) {
    result_.name = std::move(name);
  }

  // Whether a case of `work` multiply-adds is to be run; counts it as left out if not.
  bool Admits(double work);
  // One case: every number within `tolerance` of what is expected, infinities and NaN equal.
  void Compare(std::string_view what, MatView got, MatView expected, double tolerance);
  void Compare(std::string_view what, std::span<const float> got, std::span<const float> expected,
               double tolerance);
  // One case that measures `error` itself.
  void Measure(std::string_view what, double error, double tolerance);
  // One case that is right or wrong.
  void Expect(bool right, std::string_view what_is_wrong);
  // The same of a case that was counted already.
  void ExpectAlso(bool right, std::string_view what_is_wrong);
  void SetDetail(std::string detail) { result_.detail = std::move(detail); }

  const CheckResult& result() const { return result_; }

 private:
  void Fail(std::string line);
  // True when within the tolerance.
  bool Note(double error, double tolerance);

  const double most_work_;
  CheckResult result_;
  double nearest_ = -1;  // Error / tolerance of what `result_` tells.
};

}  // namespace waterline
