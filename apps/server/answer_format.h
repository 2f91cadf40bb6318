// What was found, as the JSON that openapi.json describes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "http_message.h"
#include "json_writer.h"
#include "redaction_presets.h"
#include "request_settings.h"

namespace waterline::server {

enum class AnswerKind { kEntities, kRelations, kRedaction };

// How a text's extraction is written.
struct AnswerFormat {
  AnswerKind kind = AnswerKind::kEntities;
  Offsets offsets = Offsets::kCodePoints;
  redaction::ReplacementOptions redaction;
  PresetPointer preset;  // Whose patterns are looked for; nullptr: none.
};

// The members of the object of text `index` of `job`, without its braces.
void WriteAnswer(const AnswerFormat& format, const Job& job, size_t index, cli::JsonWriter& json);

// The plan of one text: what its largest pass needs, buffer by buffer.
void WritePlan(const RunPlan& plan, cli::JsonWriter& json);

void WriteLabelVectors(const LabelVectors& vectors, cli::JsonWriter& json);

// "timing": how long the job waited and was computed.
void WriteTiming(const Job& job, cli::JsonWriter& json);

}  // namespace waterline::server
