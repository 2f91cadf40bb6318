// Every operation of a set of kernels against its formula in double precision, on random data.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "doctor/check_result.h"
#include "doctor/reference_kernels.h"
#include "kernels/kernels.h"

namespace waterline {

// What a check runs on.
struct CheckSubject {
  const Kernels& kernels;  // Called with matrices in host memory.
  const ReferenceKernels& reference;
  WeightType type;  // Of weights.
  bool of_device;   // Has the operations that only devices have.
};

// How often a check is repeated for the types of weights.
enum class CheckScope {
  kEveryType,     // Products with weights.
  kEveryProduct,  // Attention and span scores: f32, and 16 bits where the kernels round to them.
  kOnce,          // What is f32 whatever the type; run with kF32.
};

struct KernelCheck {
  const char* name;
  CheckScope scope;
  void (*run)(const CheckSubject& subject, CaseLog& log);
};

// All checks, in the order of kernels.h.
std::span<const KernelCheck> KernelChecks();

struct KernelCheckOptions {
  WeightType type = WeightType::kF32;
  bool of_device = false;
  // Cases of more multiply-adds are left out, and counted.
  double most_work = std::numeric_limits<double>::infinity();
  // Asked after each check: why its numbers are worth nothing, if so. Empty: they are what they
  // are.
  std::function<Result<void>()> status = {};
  // Told the name of each check before it runs. May be empty.
  std::function<void(std::string_view)> progress = {};
};

// Runs the checks that concern `options.type`.
std::vector<CheckResult> CheckKernels(const Kernels& kernels, const KernelCheckOptions& options);

}  // namespace waterline
