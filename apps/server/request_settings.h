// What a request asks for, out of its JSON.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rapidjson/document.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http_message.h"
#include "job.h"
#include "redaction/redaction.h"

namespace waterline::server {

struct RequestSettings {
  std::string model;  // "": the first one.
  std::shared_ptr<const std::vector<Label>> labels;
  std::shared_ptr<const std::vector<std::string>> relations;
  float threshold = 0.5f;
  CallSettings call;
  std::string preset;  // Of redaction: its labels and patterns; "": none.
  redaction::ReplacementOptions redaction;
  std::chrono::milliseconds timeout{30'000};
};

// Overrides those of `settings` that `object` has. It fits its schema.
// Problem: 422  a field twice.
std::optional<Problem> ReadSettings(const rapidjson::Value& object, RequestSettings& settings);

// The texts in the field "text" of `object`, a string or a list; none where there is no such field.
// Views of the JSON.
std::vector<std::string_view> ReadTexts(const rapidjson::Value& object);

// That `field` is not there.
Problem Missing(std::string_view field);

}  // namespace waterline::server
