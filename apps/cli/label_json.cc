// SPDX-License-Identifier: Apache-2.0
#include "label_json.h"

#include <fmt/format.h>

#include <cstdint>

#include "utf8_text.h"

namespace waterline::cli {
namespace {

namespace dom = simdjson::dom;

// Longer values are cut in messages.
constexpr size_t kShown = 60;

Error Invalid(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

std::string Shown(dom::element value) {
  std::string text = simdjson::minify(value);
  if (text.size() > kShown) {
    size_t end = kShown;
    while ((static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;  // Whole characters.
    text = text.substr(0, end) + "...";
  }
  return ShowControls(text);
}

Result<dom::element> Parse(dom::parser& parser, std::string_view json) {
  dom::element value;
  const simdjson::error_code error = parser.parse(json.data(), json.size()).get(value);
  if (error == simdjson::SUCCESS) return value;
  return Invalid(fmt::format("it is not JSON ({})", simdjson::error_message(error)));
}

Result<float> ReadThreshold(dom::element value) {
  double number = 0;
  if (value.get(number) == simdjson::SUCCESS && number >= 0 && number <= 1) {
    return static_cast<float>(number);
  }
  return Invalid(fmt::format("{} is not a number from 0 to 1", Shown(value)));
}

// The fields of a label that is an object into `label`. Only one in a list has a "name".
Result<void> ReadLabelFields(dom::object fields, bool in_list, Label& label) {
  for (const auto& [key, value] : fields) {
    std::string_view text;
    const bool is_text = value.get(text) == simdjson::SUCCESS;
    if (key == "threshold") {
      const Result<float> threshold = ReadThreshold(value);
      if (!threshold.ok()) return Invalid("its threshold " + threshold.error().message);
      label.threshold = *threshold;
    } else if (key == "description" && is_text) {
      label.description = text;
    } else if (key == "name" && in_list && is_text) {
      label.name = text;
    } else if (key == "description" || (key == "name" && in_list)) {
      return Invalid(fmt::format("its {} is {}, not a string", key, Shown(value)));
    } else {
      return Invalid(fmt::format("it has \"{}\", where {}\"description\" and \"threshold\" may be",
                                 ShowControls(key), in_list ? "\"name\", " : ""));
    }
  }
  return {};
}

Result<Label> ReadListed(dom::element value) {
  Label label;
  std::string_view name;
  dom::object fields;
  if (value.get(name) == simdjson::SUCCESS) {
    label.name = name;
  } else if (value.get(fields) == simdjson::SUCCESS) {
    const Result<void> read = ReadLabelFields(fields, /*in_list=*/true, label);
    if (!read.ok()) return read.error();
  } else {
    return Invalid(fmt::format("{} is neither a name nor an object with one", Shown(value)));
  }
  if (label.name.empty()) return Invalid("its name is empty");
  return label;
}

Result<Label> ReadNamed(std::string_view name, dom::element value) {
  Label label;
  label.name = name;
  std::string_view description;
  dom::object fields;
  if (name.empty()) return Invalid("its name is empty");
  if (value.get(description) == simdjson::SUCCESS) {
    label.description = description;
  } else if (value.get(fields) == simdjson::SUCCESS) {
    const Result<void> read = ReadLabelFields(fields, /*in_list=*/false, label);
    if (!read.ok()) return read.error();
  } else if (!value.is_null()) {
    return Invalid(
        fmt::format("{} is neither a description, nor an object with \"description\" "
                    "and \"threshold\", nor null",
                    Shown(value)));
  }
  return label;
}

}  // namespace

Result<std::vector<Label>> LabelsFromJson(dom::parser& parser, std::string_view json) {
  const Result<dom::element> value = Parse(parser, json);
  if (!value.ok()) return value.error();
  std::vector<Label> labels;
  dom::array list;
  dom::object named;
  if (value->get(list) == simdjson::SUCCESS) {
    for (const dom::element item : list) {
      Result<Label> label = ReadListed(item);
      if (!label.ok()) {
        return Invalid(fmt::format("label {}: {}", labels.size() + 1, label.error().message));
      }
      labels.push_back(std::move(*label));
    }
  } else if (value->get(named) == simdjson::SUCCESS) {
    for (const auto& [name, item] : named) {
      Result<Label> label = ReadNamed(name, item);
      if (!label.ok()) {
        return Invalid(fmt::format("label \"{}\": {}", ShowControls(name), label.error().message));
      }
      labels.push_back(std::move(*label));
    }
  } else {
    return Invalid(
        fmt::format("{} is neither a list of labels nor an object that names them", Shown(*value)));
  }
  return labels;
}

Result<std::vector<std::string>> RelationsFromJson(dom::parser& parser, std::string_view json) {
  const Result<dom::element> value = Parse(parser, json);
  if (!value.ok()) return value.error();
  dom::array list;
  if (value->get(list) != simdjson::SUCCESS) {
    return Invalid(fmt::format("{} is not a list of names", Shown(*value)));
  }
  std::vector<std::string> relations;
  for (const dom::element item : list) {
    std::string_view name;
    if (item.get(name) != simdjson::SUCCESS || name.empty()) {
      return Invalid(
          fmt::format("relation {}: {} is not a name", relations.size() + 1, Shown(item)));
    }
    relations.emplace_back(name);
  }
  return relations;
}

Result<float> ThresholdFromJson(dom::parser& parser, std::string_view json) {
  const Result<dom::element> value = Parse(parser, json);
  if (!value.ok()) return value.error();
  return ReadThreshold(*value);
}

Result<std::vector<TextSpan>> SpansFromJson(dom::parser& parser, std::string_view json) {
  const Result<dom::element> value = Parse(parser, json);
  if (!value.ok()) return value.error();
  dom::array list;
  if (value->get(list) != simdjson::SUCCESS) {
    return Invalid(fmt::format("{} is not a list of [start, end]", Shown(*value)));
  }
  std::vector<TextSpan> spans;
  for (const dom::element item : list) {
    dom::array pair;
    uint64_t start = 0, end = 0;
    if (item.get(pair) != simdjson::SUCCESS || pair.size() != 2 ||
        pair.at(0).get(start) != simdjson::SUCCESS || pair.at(1).get(end) != simdjson::SUCCESS) {
      return Invalid(fmt::format("word {}: {} is not [start, end]", spans.size() + 1, Shown(item)));
    }
    spans.push_back({start, end});
  }
  return spans;
}

}  // namespace waterline::cli
