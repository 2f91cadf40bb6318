// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/fields.h"

#include <memory_resource>

#include "base/file.h"

namespace waterline {

namespace dom = simdjson::dom;

Result<dom::object> ParseJsonObject(const std::filesystem::path& file, dom::parser& parser) {
  const Result<File> open = File::Open(file);
  if (!open.ok()) return open.error();
  const Result<std::pmr::string> text = open->ReadAll(std::pmr::get_default_resource());
  if (!text.ok()) return text.error();
  if (text->empty()) return Error{Code::kBadModel, fmt::format("{} is empty", file.string())};
  dom::element root;
  dom::object object;
  simdjson::error_code status = parser.parse(text->data(), text->size()).get(root);
  if (status == simdjson::SUCCESS) status = root.get(object);
  if (status != simdjson::SUCCESS) {
    return Error{Code::kBadModel, fmt::format("{} is not a JSON object: {}", file.string(),
                                              simdjson::error_message(status))};
  }
  return object;
}

}  // namespace waterline
