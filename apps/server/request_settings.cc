// SPDX-License-Identifier: Apache-2.0
#include "request_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace waterline::server {
namespace {

using rapidjson::Value;

std::string_view View(const Value& text) { return {text.GetString(), text.GetStringLength()}; }

std::string Copy(const Value& text) { return std::string(View(text)); }

// A description, or an object with a description and a threshold, or null: of a label.
void ReadLabel(const Value& value, Label& label) {
  if (value.IsString()) label.description = Copy(value);
  if (!value.IsObject()) return;
  for (const auto& member : value.GetObject()) {
    const std::string_view name = View(member.name);
    if (member.value.IsNull()) continue;
    if (name == "name") label.name = Copy(member.value);
    if (name == "description") label.description = Copy(member.value);
    if (name == "threshold") label.threshold = static_cast<float>(member.value.GetDouble());
  }
}

std::vector<Label> ReadLabels(const Value& value) {
  std::vector<Label> labels;
  if (value.IsArray()) {
    for (const Value& each : value.GetArray()) {
      Label& label = labels.emplace_back();
      if (each.IsString()) {
        label.name = Copy(each);
      } else {
        ReadLabel(each, label);
      }
    }
    return labels;
  }
  for (const auto& member : value.GetObject()) {
    Label& label = labels.emplace_back();
    label.name = Copy(member.name);
    ReadLabel(member.value, label);
  }
  return labels;
}

std::vector<std::string> ReadNames(const Value& value) {
  std::vector<std::string> names;
  for (const Value& each : value.GetArray()) names.push_back(Copy(each));
  return names;
}

Offsets ReadOffsets(std::string_view name) {
  if (name == "bytes") return Offsets::kBytes;
  return name == "utf16" ? Offsets::kUtf16 : Offsets::kCodePoints;
}

void ReadField(std::string_view name, const Value& value, RequestSettings& settings) {
  const auto probability = [&] { return static_cast<float>(value.GetDouble()); };
  if (name == "model") settings.model = Copy(value);
  if (name == "labels") {
    settings.labels = std::make_shared<const std::vector<Label>>(ReadLabels(value));
  }
  if (name == "relations") {
    settings.relations = std::make_shared<const std::vector<std::string>>(ReadNames(value));
  }
  if (name == "threshold") settings.threshold = probability();
  if (name == "relation_threshold") settings.call.relation_threshold = probability();
  if (name == "adjacency_threshold") settings.call.adjacency_threshold = probability();
  if (name == "nested") settings.call.nested = value.GetBool();
  if (name == "multi_label") settings.call.multi_label = value.GetBool();
  if (name == "truncate") settings.call.truncate = value.GetBool();
  if (name == "labels_per_pass") settings.call.labels_per_pass = value.GetInt64();
  if (name == "offsets") settings.call.offsets = ReadOffsets(View(value));
  if (name == "preset") settings.preset = Copy(value);
  if (name == "replacement") {
    settings.redaction.replacement = *redaction::ParseReplacement(View(value));
  }
  if (name == "word") settings.redaction.word = Copy(value);
  if (name == "timeout") {
    settings.timeout =
        std::chrono::milliseconds(static_cast<int64_t>(std::ceil(value.GetDouble() * 1000)));
  }
}

}  // namespace

std::optional<Problem> ReadSettings(const Value& object, RequestSettings& settings) {
  std::vector<std::string_view> seen;
  for (const auto& member : object.GetObject()) {
    const std::string_view name = View(member.name);
    if (std::find(seen.begin(), seen.end(), name) != seen.end()) {
      return Problem{422, "invalid_field", fmt::format("\"/{}\" is there twice", name),
                     fmt::format("/{}", name)};
    }
    seen.push_back(name);
    ReadField(name, member.value, settings);
  }
  return std::nullopt;
}

std::vector<std::string_view> ReadTexts(const Value& object) {
  std::vector<std::string_view> texts;
  const auto found = object.FindMember("text");
  if (found == object.MemberEnd()) return texts;
  if (found->value.IsString()) return {View(found->value)};
  for (const Value& each : found->value.GetArray()) texts.push_back(View(each));
  return texts;
}

Problem Missing(std::string_view field) {
  return {422, "invalid_field", fmt::format("\"{}\" is missing", field), std::string(field)};
}

}  // namespace waterline::server
