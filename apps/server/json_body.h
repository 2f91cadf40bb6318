// JSON from strangers: parsed within limits and held to the schemas of openapi.json.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <rapidjson/document.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http_message.h"

namespace waterline::server {

struct JsonLimits {
  int depth = 16;
  size_t values = 100'000;
};

// Parses `json` in place: strings of the document are views of it, and it is not JSON afterwards.
// Problems: 400  not JSON (says at which byte), or not UTF-8. 413  nested deeper or of more values
// than `limits` allow.
std::optional<Problem> ParseJson(std::string& json, const JsonLimits& limits,
                                 rapidjson::Document& document);

// The schemas under components/schemas of an OpenAPI document. Immutable; safe from any thread.
class Schemas {
 public:
  // `openapi` is the text of a document whose references are "#/components/schemas/NAME", not in
  // circles; it is part of the program: one that cannot be used is a defect.
  explicit Schemas(std::string_view openapi);
  ~Schemas();

  // What is wrong with `document` by the schema `name`: 422, with the field.
  std::optional<Problem> Check(const std::string& name, const rapidjson::Document& document) const;

 private:
  struct Compiled;
  std::map<std::string, std::unique_ptr<Compiled>> schemas_;
};

}  // namespace waterline::server
