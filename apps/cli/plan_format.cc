// SPDX-License-Identifier: Apache-2.0
#include "plan_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "byte_size.h"
#include "engine_stats_json.h"
#include "json_writer.h"
#include "report_table.h"
#include "utf8_text.h"

namespace waterline::cli {
namespace {

constexpr size_t kAllBatches = 20;    // So many batches are all shown;
constexpr size_t kFirstBatches = 10;  // of more, the first of them and the largest.
constexpr size_t kFirstRefused = 20;

void AddModel(const PlanReport& report, ReportTable& table) {
  const EngineStats& engine = report.engine;
  table.Heading("model");
  table.Row("directory", ShowName(report.model.directory));
  table.Row("backbone", report.model.backbone);
  table.Heading("memory budget");
  table.Row("budget", DescribeBudget(engine));
  table.Bytes("weights", engine.weights);
  table.Bytes("tokenizer", engine.tokenizer);
  table.Bytes("texts in flight", engine.staging);
  table.Bytes("workspace", engine.workspace);
  table.Bytes("in use, the sum", engine.in_use);
  table.Bytes("smallest budget", report.model.smallest_budget);
  table.Bytes("read from the file", engine.in_file);
  for (const DeviceStats& device : engine.devices) {
    table.Heading(fmt::format("memory of {} ({})", device.name, device.model));
    table.Bytes("budget", device.memory_budget);
    table.Bytes("weights", device.weights);
    table.Bytes("workspace", device.workspace);
    table.Bytes("after passes", device.stages);
    table.Bytes("smallest budget", report.model.smallest_device_budget);
  }
  table.Heading("what fits");
  const bool all = report.model.longest_text_words == report.model.max_words;
  table.Row("longest text",
            fmt::format("{} words (10 labels){}", FormatCount(report.model.longest_text_words),
                        all ? ", as many as the model reads at once" : ""));
  table.Row("largest batch", fmt::format("{} tokens of short texts",
                                         FormatCount(report.model.largest_batch_tokens)));
  table.Count("batch tokens", engine.batch_tokens);
  table.Row("threads", fmt::format("{}, {}", engine.threads, engine.isa));
  table.Row("dtype", PrecisionName(engine.dtype));
}

void AddBatchRow(size_t index, const InputPlan& input, ReportTable& table) {
  const BatchPlan& batch = input.batches[index];
  table.Line(fmt::format("{:>8} {:>9} {:>9} {:>9} {:>7}  {}{}",
                         FormatCount(static_cast<int64_t>(index) + 1), FormatCount(batch.sequences),
                         FormatCount(batch.tokens), FormatCount(batch.words),
                         FormatCount(batch.labels), FormatExactByteSize(batch.bytes),
                         index == input.largest_index ? ", the largest" : ""));
}

void AddBatches(const InputPlan& input, ReportTable& table) {
  const size_t count = input.batches.size();
  if (count == 0) return;
  table.Heading("batches");
  table.Line(fmt::format("{:>8} {:>9} {:>9} {:>9} {:>7}  {}", "number", "sequences", "tokens",
                         "words", "labels", "peak"));
  const size_t first = count > kAllBatches ? kFirstBatches : count;
  for (size_t i = 0; i < first; ++i) AddBatchRow(i, input, table);
  if (first == count) return;
  const bool largest_apart = input.largest_index >= first;
  if (largest_apart) AddBatchRow(input.largest_index, input, table);
  const size_t more = count - first - (largest_apart ? 1 : 0);
  table.Line(fmt::format("{:>8} more; --json lists all", FormatCount(static_cast<int64_t>(more))));
}

void AddRefused(const std::vector<RefusedText>& refused, ReportTable& table) {
  if (refused.empty()) return;
  table.Heading("refused");
  const size_t shown = std::min(refused.size(), kFirstRefused);
  for (size_t i = 0; i < shown; ++i) {
    table.Line(
        fmt::format("{}: {}", ShowName(refused[i].place), ShowName(refused[i].error.message)));
  }
  if (shown == refused.size()) return;
  table.Line(fmt::format("{} more; --json lists all",
                         FormatCount(static_cast<int64_t>(refused.size() - shown))));
}

void AddInput(const InputPlan& input, ReportTable& table) {
  table.Heading("input");
  table.Count("texts", input.texts);
  table.Row("refused", fmt::format("{} ({} for size)", FormatCount(input.RefusedTexts()),
                                   FormatCount(input.Refusals())));
  if (input.lost_files > 0) table.Count("files lost", input.lost_files);
  table.Count("batches", static_cast<int64_t>(input.batches.size()));
  table.Count("tokens", input.tokens);
  table.Count("split to fit", input.splits);
  table.Bytes("largest plan", input.largest.bytes);
  AddBatches(input, table);
  AddRefused(input.refused, table);
}

// The keys of a batch, into an open object.
void WriteBatch(const BatchPlan& batch, JsonWriter& json) {
  json.IntField("sequences", batch.sequences);
  json.IntField("tokens", batch.tokens);
  json.IntField("words", batch.words);
  json.IntField("labels", batch.labels);
  json.SizeField("peak", batch.bytes);
}

void WriteInput(const InputPlan& input, JsonWriter& json) {
  json.IntField("texts", input.texts);
  json.IntField("refused_texts", input.RefusedTexts());
  json.IntField("lost_files", input.lost_files);
  json.IntField("refusals", input.Refusals());
  json.IntField("batches", static_cast<int64_t>(input.batches.size()));
  json.IntField("tokens", input.tokens);
  json.IntField("splits", input.splits);
  json.SizeField("largest_plan", input.largest.bytes);
  json.Key("batch_plans");
  json.StartArray();
  for (const BatchPlan& batch : input.batches) {
    json.StartObject();
    WriteBatch(batch, json);
    json.EndObject();
  }
  json.EndArray();
  if (!input.batches.empty()) {
    json.Key("largest_batch");
    json.StartObject();
    json.IntField("number", static_cast<int64_t>(input.largest_index) + 1);
    WriteBatch(input.largest, json);
    WriteBuffers(input.largest.buffers, json);
    json.EndObject();
  }
  json.Key("refused");
  json.StartArray();
  for (const RefusedText& text : input.refused) {
    json.StartObject();
    json.Field("place", ShowName(text.place));
    json.Field("code", CodeName(text.error.code));
    json.Field("error", ShowName(text.error.message));
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace

void WriteBuffers(const std::vector<PlannedBuffer>& buffers, JsonWriter& json) {
  json.Key("buffers");
  json.StartArray();
  for (const PlannedBuffer& buffer : buffers) {
    json.StartObject();
    json.Field("name", buffer.name);
    json.SizeField("bytes", buffer.bytes);
    json.SizeField("offset", buffer.offset);
    json.IntField("birth", buffer.birth);
    json.IntField("death", buffer.death);
    json.EndObject();
  }
  json.EndArray();
}

void InputPlan::Add(RunPlan plan) {
  tokens += plan.tokens;
  splits += plan.splits;
  const size_t before = batches.size();
  for (BatchPlan& batch : plan.batches) batches.push_back(std::move(batch));
  if (plan.largest.bytes <= largest.bytes) return;
  largest = std::move(plan.largest);
  for (largest_index = before; batches[largest_index].bytes != largest.bytes;) ++largest_index;
}

int64_t InputPlan::Refusals() const {
  return std::count_if(refused.begin(), refused.end(), [](const RefusedText& text) {
    return text.error.code == Code::kOverBudget;
  });
}

std::string FormatPlan(const PlanReport& report) {
  ReportTable table;
  AddModel(report, table);
  if (report.input) AddInput(*report.input, table);
  return table.Take();
}

std::string FormatPlanJson(const PlanReport& report) {
  std::string text;
  JsonWriter json(text);
  json.StartObject();
  json.Field("directory", ShowName(report.model.directory));
  WriteLoadedEngine(report.engine, json);
  json.SizeField("smallest_budget", report.model.smallest_budget);
  json.IntField("longest_text_words", report.model.longest_text_words);
  json.IntField("largest_batch_tokens", report.model.largest_batch_tokens);
  if (report.input) WriteInput(*report.input, json);
  json.EndObject();
  text += '\n';
  return text;
}

}  // namespace waterline::cli
