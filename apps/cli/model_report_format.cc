// SPDX-License-Identifier: Apache-2.0
#include "model_report_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "byte_size.h"
#include "json_writer.h"

namespace waterline::cli {
namespace {

constexpr size_t kNamedTensors = 4;

std::string ListTensors(const std::vector<std::string>& names) {
  std::string list = FormatCount(static_cast<int64_t>(names.size()));
  for (size_t i = 0; i < std::min(names.size(), kNamedTensors); ++i) {
    list += fmt::format("{}{}", i == 0 ? ": " : ", ", names[i]);
  }
  if (names.size() > kNamedTensors) list += ", ...";
  return list;
}

}  // namespace

std::string FormatModelReport(const ModelReport& report) {
  std::string text;
  const auto heading = [&](std::string_view name) {
    fmt::format_to(std::back_inserter(text), "{}\n", name);
  };
  const auto row = [&](std::string_view name, const std::string& value) {
    fmt::format_to(std::back_inserter(text), "  {:<22}{}\n", name, value);
  };
  const auto bytes = [&](std::string_view name, size_t value) {
    row(name, FormatExactByteSize(value));
  };
  heading("model");
  row("directory", report.directory);
  row("architecture", report.architecture);
  row("backbone", report.backbone);
  row("head", report.head);
  row("labels", report.labels);
  row("tokenizer", report.tokenizer);
  row("words", report.splitter);
  row("longest text", fmt::format("{} words, {} tokens at once; longer ones in windows",
                                  FormatCount(report.max_words), FormatCount(report.max_tokens)));
  row("widest entity",
      report.max_width == 0 ? "any" : fmt::format("{} words", FormatCount(report.max_width)));
  heading("weights");
  row("file", fmt::format("{}, {}", report.weights_file, FormatExactByteSize(report.file_bytes)));
  row("stored as", report.packed_as.empty()
                       ? report.stored_type
                       : fmt::format("{}; packed as {}", report.stored_type, report.packed_as));
  row("run as", PrecisionName(report.dtype));
  row("parameters", fmt::format("{} in {} tensors", FormatCount(report.parameters),
                                FormatCount(report.tensors_used)));
  row("tensors not used", ListTensors(report.tensors_unused));
  heading("memory");
  bytes("weights, packed", report.weight_bytes);
  bytes("tokenizer", report.tokenizer_bytes);
  bytes("read from the file", report.in_file_bytes);
  bytes("smallest budget", report.smallest_budget);
  heading(fmt::format("with a budget of {}", FormatByteSize(report.memory_budget)));
  if (report.memory_budget < report.smallest_budget) {
    row("too small", fmt::format("--memory-budget {} would do", report.smallest_budget));
    return text;
  }
  if (report.smallest_device_budget > 0) {
    bytes("smallest device budget", report.smallest_device_budget);
    bytes("device budget", report.device_memory_budget);
    if (report.device_memory_budget < report.smallest_device_budget) {
      row("too small",
          fmt::format("--device-memory-budget {} would do", report.smallest_device_budget));
      return text;
    }
  }
  bytes("workspace", report.workspace_bytes);
  row("longest pass",
      fmt::format("one text of {} words (10 labels)", FormatCount(report.longest_text_words)));
  row("largest pass",
      fmt::format("{} tokens of short texts", FormatCount(report.largest_batch_tokens)));
  return text;
}

std::string FormatModelReportJson(const ModelReport& report) {
  std::string text;
  JsonWriter json(text);
  const auto string = [&](std::string_view name, const std::string& value) {
    json.Key(name);
    json.String(value);
  };
  const auto count = [&](std::string_view name, int64_t value) {
    json.Key(name);
    json.Int(value);
  };
  const auto bytes = [&](std::string_view name, size_t value) {
    json.Key(name);
    json.Size(value);
  };
  json.StartObject();
  string("directory", report.directory);
  string("architecture", report.architecture);
  string("backbone", report.backbone);
  string("head", report.head);
  string("labels", report.labels);
  string("tokenizer", report.tokenizer);
  string("splitter", report.splitter);
  string("weights_file", report.weights_file);
  string("stored_type", report.stored_type);
  string("packed_as", report.packed_as);
  string("dtype", PrecisionName(report.dtype));
  count("parameters", report.parameters);
  count("tensors_used", report.tensors_used);
  json.Key("tensors_unused");
  json.StartArray();
  for (const std::string& name : report.tensors_unused) json.String(name);
  json.EndArray();
  count("max_words", report.max_words);
  count("max_tokens", report.max_tokens);
  count("max_width", report.max_width);
  bytes("file_bytes", report.file_bytes);
  bytes("weight_bytes", report.weight_bytes);
  bytes("in_file_bytes", report.in_file_bytes);
  bytes("tokenizer_bytes", report.tokenizer_bytes);
  bytes("smallest_budget", report.smallest_budget);
  bytes("memory_budget", report.memory_budget);
  if (report.smallest_device_budget > 0) {
    bytes("smallest_device_budget", report.smallest_device_budget);
    bytes("device_memory_budget", report.device_memory_budget);
  }
  bytes("workspace_bytes", report.workspace_bytes);
  count("longest_text_words", report.longest_text_words);
  count("largest_batch_tokens", report.largest_batch_tokens);
  json.EndObject();
  text += '\n';
  return text;
}

}  // namespace waterline::cli
