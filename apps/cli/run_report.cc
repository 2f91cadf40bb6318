// SPDX-License-Identifier: Apache-2.0
#include "run_report.h"

#include <fmt/format.h>

#include <string_view>

#include "byte_size.h"
#include "engine_stats_json.h"
#include "json_writer.h"
#include "progress.h"
#include "report_table.h"

namespace waterline::cli {
namespace {

std::string Rate(int64_t count, double seconds) {
  if (seconds <= 0) return "-";
  const double rate = static_cast<double>(count) / seconds;
  return rate < 100 ? fmt::format("{:.1f}", rate) : FormatCount(static_cast<int64_t>(rate));
}

std::string Texts(int64_t count) {
  return fmt::format("{} {}", FormatCount(count), count == 1 ? "text" : "texts");
}

void AddDevice(const DeviceStats& device, ReportTable& table) {
  table.Heading(fmt::format("memory of {} ({})", device.name, device.model));
  table.Bytes("budget", device.memory_budget);
  table.Bytes("in use", device.in_use);
  table.Bytes("weights", device.weights);
  table.Bytes("workspace", device.workspace);
  table.Bytes("workspace in use at once", device.workspace_peak);
  table.Bytes("after passes", device.stages);
  table.Bytes("driver and others at load", device.context);
  table.Bytes("free now", device.free);
}

void AddMemory(const EngineStats& engine, ReportTable& table) {
  table.Heading("memory budget");
  table.Row("budget", DescribeBudget(engine));
  table.Bytes("in use", engine.in_use);
  table.Bytes("peak", engine.peak);
  table.Bytes("weights", engine.weights);
  table.Bytes("tokenizer", engine.tokenizer);
  table.Bytes("texts in flight", engine.staging);
  table.Bytes("  of it in use", engine.staging_in_use);
  table.Bytes("  most at once", engine.staging_peak);
  table.Bytes("workspace", engine.workspace);
  table.Bytes("  of it in use", engine.workspace_in_use);
  table.Bytes("  most at once", engine.workspace_peak);
  if (engine.leased > 0) table.Bytes("  of it leased", engine.leased);
  for (const DeviceStats& device : engine.devices) AddDevice(device, table);
  table.Heading("passes");
  table.Count("passes", engine.batches);
  table.Count("planned", engine.plans);
  table.Count("split to fit", engine.splits);
  table.Count("texts refused for size", engine.refusals);
  table.Bytes("largest plan", engine.largest_plan);
  table.Bytes("last plan", engine.last_plan);
  table.Count("batch tokens", engine.batch_tokens);
  if (engine.trims > 0) table.Count("idle memory given back", engine.trims);
  table.Heading("process");
  table.Bytes("resident", engine.resident);
  table.Bytes("resident peak", engine.resident_peak);
  table.Bytes("read from the file", engine.in_file);
}

}  // namespace

std::string FormatStatistics(const RunTotals& totals, const EngineStats& engine) {
  ReportTable table;
  table.Heading("work");
  table.Count("texts", totals.texts);
  table.Count("refused", totals.refused);
  table.Count("words", totals.words);
  table.Count("tokens", engine.tokens);
  table.Count("entities", totals.entities);
  if (totals.relations) table.Count("relations", *totals.relations);
  table.Count("texts in windows", totals.windowed);
  table.Count("files lost", totals.lost_files);
  table.Row("texts cut", fmt::format("{} ({} words not read)", FormatCount(totals.cut),
                                     FormatCount(totals.words_cut)));
  table.Heading("time");
  table.Seconds("load", totals.load_seconds);
  if (totals.first_entity_seconds) table.Seconds("first entity", *totals.first_entity_seconds);
  table.Seconds("extract", totals.extract_seconds);
  table.Seconds("whole run", totals.total_seconds);
  table.Row("texts/s", Rate(totals.texts, totals.extract_seconds));
  table.Row("tokens/s", Rate(engine.tokens, totals.extract_seconds));
  table.Row("threads", fmt::format("{}, {}", engine.threads, engine.isa));
  table.Row("dtype", PrecisionName(engine.dtype));
  AddMemory(engine, table);
  return table.Take();
}

std::string FormatStatisticsJson(const RunTotals& totals, const EngineStats& engine) {
  std::string text;
  JsonWriter json(text);
  const auto seconds = [&](std::string_view name, double value) {
    json.Key(name);
    json.Double(value);
  };
  json.StartObject();
  json.IntField("texts", totals.texts);
  json.IntField("refused_texts", totals.refused);
  json.IntField("words", totals.words);
  json.IntField("tokens", engine.tokens);
  json.IntField("entities", totals.entities);
  if (totals.relations) json.IntField("relations", *totals.relations);
  json.IntField("windowed_texts", totals.windowed);
  json.IntField("cut_texts", totals.cut);
  json.IntField("words_cut", totals.words_cut);
  json.IntField("lost_files", totals.lost_files);
  json.IntField("changed_files", totals.changed_files);
  json.IntField("replaced_texts", totals.replaced);
  json.IntField("repeated_ids", totals.repeated_ids);
  seconds("load_seconds", totals.load_seconds);
  if (totals.first_entity_seconds) seconds("first_entity_seconds", *totals.first_entity_seconds);
  seconds("extract_seconds", totals.extract_seconds);
  seconds("total_seconds", totals.total_seconds);
  WriteLoadedEngine(engine, json);
  json.SizeField("peak", engine.peak);
  json.SizeField("staging_in_use", engine.staging_in_use);
  json.SizeField("staging_peak", engine.staging_peak);
  json.SizeField("workspace_in_use", engine.workspace_in_use);
  json.SizeField("workspace_peak", engine.workspace_peak);
  json.SizeField("leased", engine.leased);
  json.IntField("batches", engine.batches);
  json.IntField("plans", engine.plans);
  json.IntField("splits", engine.splits);
  json.IntField("refusals", engine.refusals);
  json.IntField("trims", engine.trims);
  json.SizeField("largest_plan", engine.largest_plan);
  json.SizeField("last_plan", engine.last_plan);
  json.SizeField("resident", engine.resident);
  json.SizeField("resident_peak", engine.resident_peak);
  json.EndObject();
  text += '\n';
  return text;
}

std::string DescribeTrouble(const RunTotals& totals) {
  std::string trouble;
  const auto add = [&](int64_t count, const std::string& what) {
    if (count > 0) trouble += (trouble.empty() ? "" : "; ") + what;
  };
  const auto files = [](int64_t count) {
    return fmt::format("{} {}", FormatCount(count), count == 1 ? "file" : "files");
  };
  add(totals.refused, fmt::format("{} of {} {} refused", FormatCount(totals.refused),
                                  Texts(totals.texts), totals.refused == 1 ? "was" : "were"));
  add(totals.lost_files, fmt::format("{} could not be read to the end", files(totals.lost_files)));
  add(totals.changed_files, fmt::format("{} changed meanwhile", files(totals.changed_files)));
  add(totals.replaced,
      fmt::format("{} had bytes that are not valid in their encoding", Texts(totals.replaced)));
  add(totals.repeated_ids,
      fmt::format("{} had an id that was there before", Texts(totals.repeated_ids)));
  return trouble;
}

std::string DescribeWork(const RunTotals& totals) {
  return fmt::format("{}, {} {} in {}", Texts(totals.texts), FormatCount(totals.entities),
                     totals.entities == 1 ? "entity" : "entities",
                     FormatClock(totals.total_seconds));
}

std::string DescribeCut(const RunTotals& totals) {
  return fmt::format("{} {} cut to what the model reads at once ({} words not read)",
                     Texts(totals.cut), totals.cut == 1 ? "was" : "were",
                     FormatCount(totals.words_cut));
}

}  // namespace waterline::cli
