// tokenizer_config.json: what `transformers` lays over a tokenizer file.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "memory/budget.h"
#include "tokens/added_tokens.h"
#include "waterline/result.h"

namespace waterline {

struct TokenizerConfig {
  bool exists = false;          // False: every field has its default.
  std::string tokenizer_class;  // Without a trailing "Fast".
  std::optional<int64_t> max_length;
  bool do_lower_case = false;
  bool has_do_lower_case = false;
  std::optional<bool> strip_accents;
  bool tokenize_chinese_chars = true;
  bool split_by_punct = false;
  bool add_prefix_space = false;
  bool add_bos_token = true;
  bool add_eos_token = false;
  bool legacy = true;
  std::optional<int64_t> extra_ids;
  std::map<std::string, std::string> named_tokens;  // "cls_token" -> "[CLS]".
  std::vector<std::string>
      special_tokens;                    // The named ones and additional_special_tokens, in order.
  std::vector<AddedToken> added_tokens;  // added_tokens_decoder, by id.

  bool IsClass(std::string_view name) const { return tokenizer_class == name; }
  // The token named `name`, or `fallback`.
  std::string Named(const std::string& name, std::string fallback) const;
};

// Reads tokenizer_config.json of `directory`; defaults when there is none. Takes 20 times the
// file's size from `budget` meanwhile. Errors: kBadModel    not JSON, a key of another type.
//         kOverBudget, kIo.
Result<TokenizerConfig> ReadTokenizerConfig(const std::filesystem::path& directory, Budget& budget);

}  // namespace waterline
