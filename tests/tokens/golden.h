// Reading the golden cases of tests/golden/tokenizers.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace waterline {

inline std::filesystem::path GoldenTokenizers() {
  return std::filesystem::path(WATERLINE_GOLDEN_DIR) / "tokenizers";
}

inline const std::vector<std::string>& GoldenKinds() {
  static const std::vector<std::string> kinds = {"bert_cased",
                                                 "bert_uncased",
                                                 "deberta_v3",
                                                 "deberta_v3_legacy",
                                                 "gpt2_prefix_space",
                                                 "llama_byte_fallback",
                                                 "mdeberta_v3",
                                                 "modernbert",
                                                 "mt5",
                                                 "qwen",
                                                 "roberta",
                                                 "wordpiece_small_cased",
                                                 "wordpiece_small_uncased",
                                                 "xlm_roberta"};
  return kinds;
}

// Calls `use` with each line of a .jsonl file; returns how many there were.
template <typename Use>
int ForEachLine(const std::filesystem::path& path, Use use) {
  std::ifstream file(path);
  std::string line;
  simdjson::dom::parser parser;
  int lines = 0;
  while (std::getline(file, line)) {
    use(simdjson::dom::element(parser.parse(line)));
    ++lines;
  }
  return lines;
}

inline std::vector<int32_t> Ids(const simdjson::dom::element& list) {
  std::vector<int32_t> ids;
  for (const simdjson::dom::element id : simdjson::dom::array(list)) {
    ids.push_back(id.is_null() ? -1 : static_cast<int32_t>(int64_t(id)));
  }
  return ids;
}

inline std::vector<std::string> Strings(const simdjson::dom::element& list) {
  std::vector<std::string> strings;
  for (const simdjson::dom::element text : simdjson::dom::array(list)) {
    strings.emplace_back(std::string_view(text));
  }
  return strings;
}

}  // namespace waterline
