// SPDX-License-Identifier: Apache-2.0
#include "engine_stats_json.h"

namespace waterline::cli {

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
}

}  // namespace waterline::cli
