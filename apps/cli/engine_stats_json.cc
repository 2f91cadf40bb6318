// SPDX-License-Identifier: Apache-2.0
#include "engine_stats_json.h"

namespace waterline::cli {
namespace {

void WriteDevice(const DeviceStats& device, JsonWriter& json) {
  json.StartObject();
  json.Field("name", device.name);
  json.Field("model", device.model);
  json.SizeField("memory_budget", device.memory_budget);
  json.Key("automatic");
  json.Bool(device.automatic);
  json.SizeField("in_use", device.in_use);
  json.SizeField("peak", device.peak);
  json.SizeField("weights", device.weights);
  json.SizeField("workspace", device.workspace);
  json.SizeField("workspace_held", device.workspace_held);
  json.SizeField("workspace_in_use", device.workspace_in_use);
  json.SizeField("workspace_peak", device.workspace_peak);
  json.SizeField("stages", device.stages);
  json.SizeField("context", device.context);
  json.SizeField("free", device.free);
  json.SizeField("total", device.total);
  json.EndObject();
}

}  // namespace

void WriteLoadedEngine(const EngineStats& engine, JsonWriter& json) {
  json.SizeField("memory_budget", engine.memory_budget);
  json.Key("automatic");
  json.Bool(engine.automatic);
  if (engine.automatic) json.SizeField("available", engine.available);
  json.SizeField("in_use", engine.in_use);
  json.SizeField("weights", engine.weights);
  json.SizeField("tokenizer", engine.tokenizer);
  json.SizeField("staging", engine.staging);
  json.SizeField("workspace", engine.workspace);
  json.SizeField("in_file", engine.in_file);
  json.IntField("batch_tokens", engine.batch_tokens);
  json.IntField("threads", engine.threads);
  json.Field("isa", engine.isa);
  json.Field("dtype", PrecisionName(engine.dtype));
  if (engine.dtype == Precision::kInt8) json.IntField("input_levels", engine.input_levels);
  if (engine.devices.empty()) return;
  json.Key("devices");
  json.StartArray();
  for (const DeviceStats& device : engine.devices) WriteDevice(device, json);
  json.EndArray();
}

}  // namespace waterline::cli
