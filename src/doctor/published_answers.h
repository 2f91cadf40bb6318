// The answers that a model ships with.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "doctor/check_result.h"
#include "waterline/engine.h"

namespace waterline {

// The file of `model` (as Engine::Load takes it) with answers of the Python package,
// expected.jsonl; none when it has no such file. A line is an object with "text", "labels",
// "threshold" and "entities", each of these with "start", "end", "label" and "score", offsets in
// code points.
std::optional<std::filesystem::path> PublishedAnswers(const std::string& model);

// Whether `engine`, in f32, gives the answers of `file`: the same entities in the same order, with
// scores that differ by at most `tolerance`.
CheckResult CheckPublishedAnswers(const Engine& engine, const std::filesystem::path& file,
                                  double tolerance);

}  // namespace waterline
