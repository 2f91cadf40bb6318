// What a line of JSONL sets for its text alone: its labels, threshold, relations and words.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json_record.h"
#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline::cli {

// Empty and nullptr: what the run says.
struct DocumentSettings {
  std::shared_ptr<const std::vector<Label>> labels;
  std::optional<float> threshold;
  std::shared_ptr<const std::vector<std::string>> relations;
  std::optional<std::vector<TextSpan>> words;
};

// The fields that set something, as label_json.h reads them; null sets nothing.
inline constexpr std::string_view kSettingFields[] = {"labels", "threshold", "relations", "words"};

// For one thread.
class SettingsReader {
 public:
  // Fields whose names are in `ignored` set nothing.
  explicit SettingsReader(std::vector<std::string> ignored) : ignored_(std::move(ignored)) {}

  // The settings in `fields` of `line`; the text's own field is none of them.
  // Errors: kInvalidArgument  a field twice, or one that cannot be used; names it.
  Result<DocumentSettings> Read(std::string_view line, const std::vector<JsonField>& fields,
                                std::string_view text_field);

  // Lists that are written alike are one until then: the engine reads it once.
  void ForgetLists();

 private:
  Result<void> ReadField(std::string_view name, std::string_view value, DocumentSettings& settings);

  std::vector<std::string> ignored_;
  simdjson::dom::parser parser_;
  std::map<std::string, std::shared_ptr<const std::vector<Label>>, std::less<>> labels_;
  std::map<std::string, std::shared_ptr<const std::vector<std::string>>, std::less<>> relations_;
};

}  // namespace waterline::cli
