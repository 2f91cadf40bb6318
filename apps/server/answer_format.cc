// SPDX-License-Identifier: Apache-2.0
#include "answer_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "plan_format.h"

namespace waterline::server {
namespace {

// What `text` measures in `unit`.
size_t Measure(std::string_view text, Offsets unit) {
  if (unit == Offsets::kBytes) return text.size();
  size_t count = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    count += (byte & 0xC0) != 0x80;                             // A code point begins.
    count += unit == Offsets::kUtf16 && (byte & 0xF8) == 0xF0;  // It takes two units.
  }
  return count;
}

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
  std::vector<redaction::Finding> findings;
  std::vector<redaction::PatternMatch> matches;  // The first of the findings.
  if (format.preset != nullptr) {
    Result<std::vector<redaction::PatternMatch>> matched = format.preset->patterns.Find(text.text);
    if (!matched.ok()) return WriteError(ProblemOf(matched.error()), {}, json);
    matches = *std::move(matched);
  }
  for (const redaction::PatternMatch& match : matches) {
    const std::string& label = format.preset->rules.patterns[match.rule].label;
    findings.push_back({match.byte_start, match.byte_end, label});
  }
  for (const Entity& entity : found.entities) {
    findings.push_back({entity.byte_start, entity.byte_end, LabelOf(text, entity), entity.score});
  }
  const redaction::RedactedText made = redaction::Redact(text.text, findings, format.redaction);
  json.Field("text", made.text);
  json.Key("redactions");
  json.StartArray();
  size_t from = 0;  // Bytes of the given text and of the new one that are measured,
  size_t new_from = 0;
  size_t at = 0;  // and what they measure.
  size_t new_at = 0;
  const std::string_view made_text = made.text;
  for (const redaction::RedactedSpan& span : made.spans) {
    const auto to = [&](size_t byte) {
      at += Measure(text.text.substr(from, byte - from), format.offsets);
      from = byte;
      return at;
    };
    const auto new_to = [&](size_t byte) {
      new_at += Measure(made_text.substr(new_from, byte - new_from), format.offsets);
      new_from = byte;
      return new_at;
    };
    json.StartObject();
    json.SizeField("start", to(span.byte_start));
    json.SizeField("end", to(span.byte_end));
    json.SizeField("new_start", new_to(span.new_byte_start));
    json.SizeField("new_end", new_to(span.new_byte_end));
    json.Field("label", findings[span.finding].label);
    if (span.finding < matches.size()) {
      json.Field("rule", format.preset->rules.patterns[matches[span.finding].rule].name);
    } else {
      WriteScore(findings[span.finding].score, json);
    }
    json.EndObject();
  }
  json.EndArray();
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
