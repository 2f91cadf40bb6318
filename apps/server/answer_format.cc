// SPDX-License-Identifier: Apache-2.0
#include "answer_format.h"

#include <fmt/format.h>

#include <vector>

#include "plan_format.h"
#include "redaction_format.h"

namespace waterline::server {
namespace {

void WriteScore(float score, cli::JsonWriter& json) {
  json.Key("score");
  json.Double(static_cast<double>(score));
}

std::string_view SliceOf(const JobText& text, const Entity& entity) {
  return text.text.substr(entity.byte_start, entity.byte_end - entity.byte_start);
}

const std::string& LabelOf(const JobText& text, const Entity& entity) {
  return (*text.labels)[static_cast<size_t>(entity.label)].name;
}

void WriteEntities(const JobText& text, const Extraction& found, cli::JsonWriter& json) {
  json.Key("entities");
  json.StartArray();
  for (const Entity& entity : found.entities) {
    json.StartObject();
    json.SizeField("start", entity.start);
    json.SizeField("end", entity.end);
    json.Field("text", SliceOf(text, entity));
    json.Field("label", LabelOf(text, entity));
    WriteScore(entity.score, json);
    json.EndObject();
  }
  json.EndArray();
}

// One side of a relation, with the keys of the Python package.
void WriteEnd(const JobText& text, const Extraction& found, int32_t index, cli::JsonWriter& json) {
  const Entity& entity = found.entities[static_cast<size_t>(index)];
  json.StartObject();
  json.SizeField("start", entity.start);
  json.SizeField("end", entity.end);
  json.Field("text", SliceOf(text, entity));
  json.Field("type", LabelOf(text, entity));
  json.IntField("entity_idx", index);
  json.EndObject();
}

void WriteRelations(const JobText& text, const Extraction& found, cli::JsonWriter& json) {
  json.Key("relations");
  json.StartArray();
  for (const Relation& relation : found.relations) {
    json.StartObject();
    json.Key("head");
    WriteEnd(text, found, relation.head, json);
    json.Key("tail");
    WriteEnd(text, found, relation.tail, json);
    json.Field("relation", (*text.relations)[static_cast<size_t>(relation.relation)]);
    WriteScore(relation.score, json);
    json.EndObject();
  }
  json.EndArray();
}

void WriteRedaction(const AnswerFormat& format, const JobText& text, const Extraction& found,
                    cli::JsonWriter& json) {
  static const std::vector<redaction::PatternRule> kNoPatterns;
  const auto& patterns = format.preset != nullptr ? format.preset->rules.patterns : kNoPatterns;
  std::vector<redaction::PatternMatch> matches;
  if (format.preset != nullptr) {
    Result<std::vector<redaction::PatternMatch>> matched = format.preset->patterns.Find(text.text);
    if (!matched.ok()) return WriteError(ProblemOf(matched.error()), {}, json);
    matches = *std::move(matched);
  }
  const cli::TextFindings findings =
      cli::FindingsOf(matches, patterns, found.entities, *text.labels);
  const redaction::RedactedText made =
      redaction::Redact(text.text, findings.findings, format.redaction);
  json.Field("text", made.text);
  cli::WriteRedactions(text.text, made, findings, patterns, format.offsets, json);
}

}  // namespace

void WriteAnswer(const AnswerFormat& format, const Job& job, size_t index, cli::JsonWriter& json) {
  const JobText& text = job.texts[index];
  const Extraction& found = job.results[index];
  if (found.error) {
    WriteError(ProblemOf(*found.error), {}, json);
    return;
  }
  if (format.kind == AnswerKind::kRedaction) {
    WriteRedaction(format, text, found, json);
  } else {
    WriteEntities(text, found, json);
    if (format.kind == AnswerKind::kRelations) WriteRelations(text, found, json);
  }
  if (found.words_cut > 0) json.IntField("truncated_words", found.words_cut);
}

void WritePlan(const RunPlan& plan, cli::JsonWriter& json) {
  json.IntField("passes", static_cast<int64_t>(plan.batches.size()));
  json.IntField("tokens", plan.largest.tokens);
  json.IntField("words", plan.largest.words);
  json.SizeField("bytes", plan.largest.bytes);
  cli::WriteBuffers(plan.largest.buffers, json);
}

void WriteLabelVectors(const LabelVectors& vectors, cli::JsonWriter& json) {
  json.IntField("width", vectors.width());
  json.Key("labels");
  json.StartArray();
  for (const Label& label : vectors.labels()) json.String(label.name);
  json.EndArray();
  json.Key("vectors");
  json.StartArray();
  const std::span<const float> values = vectors.values();
  const auto width = static_cast<size_t>(vectors.width());
  for (size_t row = 0; row * width < values.size(); ++row) {
    json.StartArray();
    for (const float value : values.subspan(row * width, width)) {
      json.RawValue(fmt::format("{}", value));  // The fewest digits that are the same float.
    }
    json.EndArray();
  }
  json.EndArray();
}

void WriteTiming(const Job& job, cli::JsonWriter& json) {
  const auto field = [&](const char* name, Clock::duration time) {
    json.Key(name);
    const double ms = std::chrono::duration<double, std::milli>(time).count();
    json.RawValue(fmt::format("{:.3f}", ms));
  };
  json.Key("timing");
  json.StartObject();
  field("queue_ms", job.started - job.queued);
  field("compute_ms", job.ended - job.started);
  json.EndObject();
}

}  // namespace waterline::server
