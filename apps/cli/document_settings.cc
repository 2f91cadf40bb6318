// SPDX-License-Identifier: Apache-2.0
#include "document_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "label_json.h"

namespace waterline::cli {
namespace {

// The list that `value` stands for, made by `read` where `known` lacks it.
template <typename Lists, typename Read>
auto Shared(Lists& known, std::string_view value, Read read)
    -> Result<typename Lists::mapped_type> {
  const auto found = known.find(value);
  if (found != known.end()) return found->second;
  auto made = read();
  if (!made.ok()) return made.error();
  using List = typename Lists::mapped_type::element_type;
  return known.emplace(value, std::make_shared<List>(std::move(*made))).first->second;
}

}  // namespace

void SettingsReader::ForgetLists() {
  labels_.clear();
  relations_.clear();
}

Result<void> SettingsReader::ReadField(std::string_view name, std::string_view value,
                                       DocumentSettings& settings) {
  const auto take = [](auto&& result, auto& to) -> Result<void> {
    if (!result.ok()) return result.error();
    to = *std::move(result);
    return {};
  };
  if (name == "labels") {
    return take(Shared(labels_, value, [&] { return LabelsFromJson(parser_, value); }),
                settings.labels);
  }
  if (name == "relations") {
    return take(Shared(relations_, value, [&] { return RelationsFromJson(parser_, value); }),
                settings.relations);
  }
  if (name == "threshold") return take(ThresholdFromJson(parser_, value), settings.threshold);
  return take(SpansFromJson(parser_, value), settings.words);
}

Result<DocumentSettings> SettingsReader::Read(std::string_view line,
                                              const std::vector<JsonField>& fields,
                                              std::string_view text_field) {
  DocumentSettings settings;
  for (const std::string_view name : kSettingFields) {
    if (name == text_field) continue;
    if (std::find(ignored_.begin(), ignored_.end(), name) != ignored_.end()) continue;
    const JsonField* found = nullptr;
    for (const JsonField& field : fields) {
      if (field.name != name) continue;
      if (found != nullptr) {
        return Error{Code::kInvalidArgument, fmt::format("it has the field \"{}\" twice", name)};
      }
      found = &field;
    }
    if (found == nullptr || found->value.Of(line) == "null") continue;
    const Result<void> read = ReadField(name, found->value.Of(line), settings);
    if (read.ok()) continue;
    return Error{Code::kInvalidArgument,
                 fmt::format("its field \"{}\" sets nothing that can be used: {}; with "
                             "--ignore-fields {} it is passed on unread",
                             name, read.error().message, name)};
  }
  return settings;
}

}  // namespace waterline::cli
