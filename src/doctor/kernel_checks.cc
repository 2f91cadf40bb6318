// SPDX-License-Identifier: Apache-2.0
#include "doctor/kernel_checks.h"

#include <fmt/format.h>

#include "doctor/check_lists.h"
#include "doctor/operands.h"

namespace waterline {
namespace {

// Whether a check of this scope says anything about `type` that it does not say of another.
bool Concerns(CheckScope scope, const Kernels& kernels, WeightType type) {
  if (scope == CheckScope::kEveryType || type == WeightType::kF32) return true;
  if (scope == CheckScope::kOnce) return false;
  const Rounding rounding = kernels.ProductRounding();
  return (type == WeightType::kBf16 && rounding.bf16) || (type == WeightType::kF16 && rounding.f16);
}

}  // namespace

std::span<const KernelCheck> KernelChecks() {
  static const std::vector<KernelCheck> all = [] {
    std::vector<KernelCheck> checks;
    for (const auto list : {ProductChecks(), RowChecks(), SequenceChecks()}) {
      checks.insert(checks.end(), list.begin(), list.end());
    }
    return checks;
  }();
  return all;
}

std::vector<CheckResult> CheckKernels(const Kernels& kernels, const KernelCheckOptions& options) {
  const ReferenceKernels reference(&kernels);
  const CheckSubject subject{kernels, reference, options.type, options.of_device};
  std::vector<CheckResult> results;
  for (const KernelCheck& check : KernelChecks()) {
    if (!Concerns(check.scope, kernels, options.type)) continue;
    std::string name = check.name;
    if (check.scope != CheckScope::kOnce) name += fmt::format(" {}", WeightTypeName(options.type));
    if (options.progress) options.progress(name);
    CaseLog log(std::move(name), options.most_work);
    check.run(subject, log);
    if (options.status) {
      const Result<void> status = options.status();
      if (!status.ok()) log.ExpectAlso(false, status.error().message);
    }
    const CheckResult& result = log.result();
    if (result.cases > 0 || result.left_out > 0) results.push_back(result);
  }
  return results;
}

}  // namespace waterline
