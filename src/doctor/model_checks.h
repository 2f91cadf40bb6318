// A model end to end: the same answers as the plainest kernels of the CPU give in f32.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "doctor/check_result.h"
#include "waterline/engine.h"

namespace waterline {

// The texts of the checks, a dozen of a sentence or two, and what is looked for in them.
std::vector<std::string_view> CheckTexts();
std::vector<Label> CheckLabels();

// How far probabilities may be from those of f32 on the CPU: each of them in f32, their mean in the
// shorter types, where single ones may go far in models that are sensitive.
double ScoreTolerance(Precision dtype);

struct ModelCheckOptions {
  std::string model;
  std::string device = "cpu";
  std::vector<Precision> dtypes;
  size_t texts = 12;  // The first of CheckTexts.
  // Of a device; 0: the smallest that the model loads with, and 512 MiB.
  size_t device_memory_budget = 0;
  std::function<void(std::string_view)> progress = {};
};

// A result for each dtype: entities above the threshold, nested and of several labels, compared
// by place, label and score; one that only one side has counts as at the threshold on the other.
// And each text alone has the bits that it has among others. A dtype that the checkpoint or the
// processor cannot run as is told in the detail. In f32 there is one more where the model ships
// with answers (published_answers.h).
std::vector<CheckResult> CheckModel(const ModelCheckOptions& options);

}  // namespace waterline
