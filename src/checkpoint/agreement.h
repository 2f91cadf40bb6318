// dtypes.json: what shorter types were measured to cost a checkpoint.
//
//   {"bf16": {"f1_points": -0.01},
//    "int8": {"127": {"f1_points": -0.2}, "2047": {"f1_points": 0.03}}}
//
// f1_points is the F1 of the type less that of f32, in points, on the same sentences. int8 depends
// on the levels that a row of inputs is rounded to, which instruction sets differ in. Other keys
// are for people. Written by ./dev bench quality --record.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>

#include "waterline/result.h"

namespace waterline {

struct Agreement {
  std::optional<double> bf16;      // Points of F1.
  std::map<int64_t, double> int8;  // By levels.
};

// Reads `directory`/dtypes.json; empty without such a file.
// Errors: kIo.  kBadModel  not JSON, or a value of the wrong type: names file and key.
Result<Agreement> ReadAgreement(const std::filesystem::path& directory);

}  // namespace waterline
