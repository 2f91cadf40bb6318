// SPDX-License-Identifier: Apache-2.0
#include "stats.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace waterline::python {
namespace {

namespace nb = nanobind;

nb::dict DeviceDict(const DeviceStats& device) {
  nb::dict made;
  made["name"] = device.name;
  made["model"] = device.model;
  made["memory_budget"] = device.memory_budget;
  made["automatic"] = device.automatic;
  made["in_use"] = device.in_use;
  made["peak"] = device.peak;
  made["weights"] = device.weights;
  made["workspace"] = device.workspace;
  made["workspace_held"] = device.workspace_held;
  made["workspace_in_use"] = device.workspace_in_use;
  made["workspace_peak"] = device.workspace_peak;
  made["stages"] = device.stages;
  made["context"] = device.context;
  made["free"] = device.free;
  made["total"] = device.total;
  return made;
}

}  // namespace

nb::dict StatsDict(const EngineStats& stats) {
  nb::dict made;
  made["memory_budget"] = stats.memory_budget;
  made["automatic"] = stats.automatic;
  made["available"] = stats.available;
  made["in_use"] = stats.in_use;
  made["peak"] = stats.peak;
  made["recent_peak"] = stats.recent_peak;
  made["weights"] = stats.weights;
  made["tokenizer"] = stats.tokenizer;
  made["staging"] = stats.staging;
  made["staging_in_use"] = stats.staging_in_use;
  made["staging_peak"] = stats.staging_peak;
  made["workspace"] = stats.workspace;
  made["workspace_in_use"] = stats.workspace_in_use;
  made["workspace_peak"] = stats.workspace_peak;
  made["leased"] = stats.leased;
  made["in_file"] = stats.in_file;
  made["batches"] = stats.batches;
  made["tokens"] = stats.tokens;
  made["texts"] = stats.texts;
  made["plans"] = stats.plans;
  made["splits"] = stats.splits;
  made["refusals"] = stats.refusals;
  made["trims"] = stats.trims;
  made["largest_plan"] = stats.largest_plan;
  made["last_plan"] = stats.last_plan;
  made["batch_tokens"] = stats.batch_tokens;
  made["threads"] = stats.threads;
  made["isa"] = stats.isa;
  made["dtype"] = PrecisionName(stats.dtype);
  made["input_levels"] = stats.input_levels;
  made["resident"] = stats.resident;
  made["resident_peak"] = stats.resident_peak;
  nb::list devices;
  for (const DeviceStats& device : stats.devices) devices.append(DeviceDict(device));
  made["devices"] = devices;
  return made;
}

nb::dict ReportDict(const ModelReport& report) {
  nb::dict made;
  made["directory"] = report.directory;
  made["architecture"] = report.architecture;
  made["backbone"] = report.backbone;
  made["head"] = report.head;
  made["labels"] = report.labels;
  made["tokenizer"] = report.tokenizer;
  made["splitter"] = report.splitter;
  made["weights_file"] = report.weights_file;
  made["stored_type"] = report.stored_type;
  made["packed_as"] = report.packed_as;
  made["dtype"] = PrecisionName(report.dtype);
  made["parameters"] = report.parameters;
  made["tensors_used"] = report.tensors_used;
  made["tensors_unused"] = report.tensors_unused;
  made["max_words"] = report.max_words;
  made["max_tokens"] = report.max_tokens;
  made["max_width"] = report.max_width;
  made["file_bytes"] = report.file_bytes;
  made["weight_bytes"] = report.weight_bytes;
  made["in_file_bytes"] = report.in_file_bytes;
  made["tokenizer_bytes"] = report.tokenizer_bytes;
  made["smallest_budget"] = report.smallest_budget;
  made["smallest_device_budget"] = report.smallest_device_budget;
  made["device_memory_budget"] = report.device_memory_budget;
  made["memory_budget"] = report.memory_budget;
  made["workspace_bytes"] = report.workspace_bytes;
  made["longest_text_words"] = report.longest_text_words;
  made["largest_batch_tokens"] = report.largest_batch_tokens;
  return made;
}

}  // namespace waterline::python
