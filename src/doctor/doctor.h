// Does Waterline work on this machine? Every operation against its formula, a model end to end, the
// promises about memory, and the speed of products, on the CPU and on each GPU that is found.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "doctor/check_result.h"
#include "doctor/machine_facts.h"
#include "doctor/speed.h"
#include "waterline/result.h"

namespace waterline {

// How much is done.
struct DoctorSizes {
  double most_work = std::numeric_limits<double>::infinity();  // Multiply-adds of a kernel's case.
  size_t texts = 12;                                           // Of the model's checks.
  int batches = 30;                                            // As in MemoryCheckOptions.
  int most_texts = 12;
  int most_repeats = 6;
  SpeedOptions speed = {};

  // Half of the time: without the largest cases, with fewer batches and repeats.
  static DoctorSizes Quick() {
    return {.most_work = 4e6, .batches = 12, .speed = {.seconds = 0.1}};
  }
};

struct DoctorOptions {
  std::string device = "all";  // "cpu", "all" for the CPU and all GPUs, or as FindDevices takes it.
  std::string model;           // As Engine::Load takes it.
  DoctorSizes sizes = {};
  // Told what is done next, in a few words. May be empty.
  std::function<void(std::string_view)> progress = {};
};

// Checks of one thing: "kernels avx2", "model", "memory".
struct CheckSection {
  std::string name;
  std::vector<CheckResult> checks;
};

struct ProcessorReport {
  std::string name;         // "cpu", "cuda:0"
  std::vector<Fact> facts;  // Of a device.
  std::vector<CheckSection> sections;
  std::vector<SpeedResult> speeds;
  std::string peak;  // What the speeds are shares of.
  double seconds = 0;
};

struct DoctorReport {
  std::vector<Fact> machine;
  std::vector<Fact> model;
  std::string no_gpu;  // Why no GPU was looked at, where all were asked for; one sentence.
  std::vector<ProcessorReport> processors;
  double seconds = 0;

  int64_t checks() const {
    return Count([](const CheckResult&) { return true; });
  }
  // Checks with a case that failed.
  int64_t failed() const {
    return Count([](const CheckResult& check) { return !check.ok(); });
  }

 private:
  template <typename Condition>
  int64_t Count(Condition condition) const {
    int64_t count = 0;
    for (const ProcessorReport& processor : processors) {
      for (const CheckSection& section : processor.sections) {
        count += std::count_if(section.checks.begin(), section.checks.end(), condition);
      }
    }
    return count;
  }
};

// Runs everything; what fails is in the report.
// Errors: kInvalidArgument  a device of another name. Those of Inspect for the model.
Result<DoctorReport> RunDoctor(const DoctorOptions& options);

}  // namespace waterline
