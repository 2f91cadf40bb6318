// YAML as a tree that keeps lines: what rule files are read from.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "waterline/result.h"

namespace waterline::redaction {

struct YamlNode {
  enum class Kind { kNull, kText, kList, kMap };
  Kind kind = Kind::kNull;
  int line = 0;
  std::string text = {};
  std::vector<YamlNode> keys = {};    // Of a map: texts,
  std::vector<YamlNode> values = {};  // and what they stand for; of a list: its items.
};
// "text", "a list", "keys with values", "nothing".
const char* KindName(YamlNode::Kind kind);

// Reads one document. `name` stands for the file in messages. May throw std::bad_alloc, and nothing
// else. Errors: kInvalidArgument  not UTF-8, not YAML; several documents; control characters,
// anchors, aliases, tags; keys that are not text or come twice; more than 5 levels or 20,000
// values.
Result<YamlNode> ReadYaml(std::string_view yaml, const std::string& name);

}  // namespace waterline::redaction
