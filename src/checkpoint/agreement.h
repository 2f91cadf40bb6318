// dtypes.json: what shorter types were measured to cost a checkpoint.
//
//   {"data": "...", "program": "...", "f32_f1": 61.5,
//    "bf16": {"f1_lost": 0.01}, "int8": {"127": {"f1_lost": 0.2}, "2047": {"f1_lost": -0.03}}}
//
// f1_lost is in points: the F1 of f32 less that of the type, on the same sentences. int8 depends on
// the levels that a row of inputs is rounded to, which instruction sets differ in. Written by
// ./dev bench quality.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>

#include "waterline/result.h"

namespace waterline {

struct Agreement {
  std::optional<double> bf16_lost;
  std::map<int64_t, double> int8_lost;  // By levels.
};

// Reads `directory`/dtypes.json; empty without such a file.
// Errors: kIo.  kBadModel  not JSON, or a value of the wrong type: names file and key.
Result<Agreement> ReadAgreement(const std::filesystem::path& directory);

}  // namespace waterline
