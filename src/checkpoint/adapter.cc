// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/adapter.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <cmath>
#include <string>
#include <string_view>
#include <system_error>

#include "checkpoint/fields.h"

namespace waterline {

namespace {

namespace dom = simdjson::dom;

}  // namespace

double Adapter::scale(int64_t rank) const {
  const auto r = static_cast<double>(rank);
  return alpha / (rank_stabilised ? std::sqrt(r) : r);
}

Result<std::optional<Adapter>> ReadAdapter(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "adapter_config.json";
  std::error_code ignored;
  if (directory.empty() || !std::filesystem::exists(file, ignored)) return std::optional<Adapter>();
  dom::parser parser;
  const Result<dom::object> object = ParseJsonObject(file, parser);
  if (!object.ok()) return object.error();
  Fields fields(*object, "");
  Adapter adapter;
  std::string kind = "LORA";
  bool decomposed = false;
  fields.Real("lora_alpha", adapter.alpha);
  fields.Flag("use_rslora", adapter.rank_stabilised);
  fields.Flag("use_dora", decomposed);
  fields.Text("peft_type", kind);
  if (!fields.problems().empty()) return fields.BadFile(file);
  const auto unsupported = [&](std::string_view what) {
    return Error{Code::kUnsupported, fmt::format("{}: {} not supported", file.string(), what)};
  };
  if (kind != "LORA") return unsupported(fmt::format("peft_type \"{}\" is", kind));
  if (decomposed) return unsupported("use_dora = true is");
  for (const std::string_view key : {"rank_pattern", "alpha_pattern"}) {
    const std::optional<dom::element> value = fields.Value(key);
    dom::object patterns;
    if (value.has_value() && value->get(patterns) == simdjson::SUCCESS && patterns.size() > 0) {
      return unsupported(fmt::format("{} is", key));
    }
  }
  return std::optional<Adapter>(adapter);
}

}  // namespace waterline
