// Reading tokenizer_config.json.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/tokenizer_config.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "tokens/json_fields.h"

namespace waterline {
namespace {

constexpr size_t kBytesPerFileByte = 20;  // Copy, tape, strings and index of simdjson, upper bound.
constexpr size_t kFixedBytes = size_t{64} << 10;
constexpr double kVeryLarge = 1e18;  // transformers writes 1e30 for "no limit".

// A token of the config: a string, or an object with the fields of an added token.
std::optional<std::string> TokenText(const simdjson::dom::element& json) {
  std::string_view text;
  if (json.get(text) == simdjson::SUCCESS || json["content"].get(text) == simdjson::SUCCESS) {
    return std::string(text);
  }
  return std::nullopt;
}

bool Flag(const simdjson::dom::element& json, std::string_view name, bool fallback) {
  bool value = fallback;
  return json[name].get(value) == simdjson::SUCCESS ? value : fallback;
}

void ReadTokens(const JsonFields& fields, TokenizerConfig& config) {
  for (const char* name : {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token",
                           "cls_token", "mask_token"}) {
    const auto json = fields.Find(name);
    if (!json.has_value()) continue;
    if (std::optional<std::string> text = TokenText(*json)) {
      config.special_tokens.push_back(*text);
      config.named_tokens[name] = *std::move(text);
    }
  }
  simdjson::dom::array more;
  if (const auto json = fields.Find("additional_special_tokens");
      json.has_value() && json->get(more) == simdjson::SUCCESS) {
    for (const simdjson::dom::element token : more) {
      if (std::optional<std::string> text = TokenText(token)) {
        config.special_tokens.push_back(*std::move(text));
      }
    }
  }
}

void ReadAdded(const JsonFields& fields, TokenizerConfig& config) {
  simdjson::dom::object decoder;
  const auto json = fields.Find("added_tokens_decoder");
  if (!json.has_value() || json->get(decoder) != simdjson::SUCCESS) return;
  std::vector<std::pair<int64_t, AddedToken>> tokens;
  for (const auto& [key, token] : decoder) {
    int64_t id = 0;
    std::from_chars(key.data(), key.data() + key.size(), id);
    std::optional<std::string> text = TokenText(token);
    if (!text.has_value()) continue;
    const bool special = Flag(token, "special", false);
    tokens.emplace_back(id, AddedToken{.content = *std::move(text),
                                       .single_word = Flag(token, "single_word", false),
                                       .lstrip = Flag(token, "lstrip", false),
                                       .rstrip = Flag(token, "rstrip", false),
                                       .normalized = Flag(token, "normalized", !special),
                                       .special = special});
  }
  std::stable_sort(tokens.begin(), tokens.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [id, token] : tokens) config.added_tokens.push_back(std::move(token));
}

// model_max_length is written as an integer of any size or as a double.
Result<std::optional<int64_t>> ReadMaxLength(const JsonFields& fields) {
  const auto json = fields.Find("model_max_length");
  if (!json.has_value()) return std::optional<int64_t>();
  double value = 0;
  if (json->get(value) != simdjson::SUCCESS) {
    return fields.Bad("model_max_length", "is not a number");
  }
  if (value > kVeryLarge) return std::optional<int64_t>();
  if (value < 1) return fields.Bad("model_max_length", fmt::format("is {}, below 1", value));
  return std::optional<int64_t>(static_cast<int64_t>(value));
}

// simdjson refuses integers beyond 64 bits, and transformers writes 10^30 as an integer: makes a
// double of each run of more than 18 digits outside strings, in place.
void ShortenHugeIntegers(std::string& json) {
  bool in_string = false;
  for (size_t i = 0; i < json.size(); ++i) {
    if (in_string && json[i] == '\\') {
      ++i;
    } else if (json[i] == '"') {
      in_string = !in_string;
    } else if (!in_string && json[i] >= '0' && json[i] <= '9') {
      size_t end = i;
      while (end < json.size() && json[end] >= '0' && json[end] <= '9') ++end;
      const bool is_integer =
          end == json.size() || (json[end] != '.' && json[end] != 'e' && json[end] != 'E');
      const bool is_fraction = i > 0 && (json[i - 1] == '.' || json[i - 1] == '+');
      if (end - i > 18 && is_integer && !is_fraction) {
        json.replace(i, end - i, fmt::format("1e{}", end - i - 1));
        end = i + 3;
      }
      i = end - 1;
    }
  }
}

}  // namespace

std::string TokenizerConfig::Named(const std::string& name, std::string fallback) const {
  const auto found = named_tokens.find(name);
  return found == named_tokens.end() ? std::move(fallback) : found->second;
}

Result<TokenizerConfig> ReadTokenizerConfig(const std::filesystem::path& directory,
                                            Budget& budget) {
  const std::filesystem::path path = directory / "tokenizer_config.json";
  TokenizerConfig config;
  std::error_code error;
  const uintmax_t bytes = std::filesystem::file_size(path, error);
  if (error) return config;
  Reservation reservation(budget, Use::kLoading);
  const size_t wanted = bytes * kBytesPerFileByte + kFixedBytes;
  if (!reservation.Resize(wanted)) {
    return Error{Code::kOverBudget,
                 fmt::format("reading {} takes {} bytes of the budget, which has "
                             "{} left",
                             path.string(), wanted, budget.available())};
  }
  simdjson::padded_string file;
  if (simdjson::padded_string::load(path.string()).get(file) != simdjson::SUCCESS) {
    return Error{Code::kIo, fmt::format("{} cannot be read", path.string())};
  }
  std::string text(std::string_view(file.data(), file.size()));
  ShortenHugeIntegers(text);
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  if (const auto code = parser.parse(text).get(json); code != simdjson::SUCCESS) {
    return Error{Code::kBadModel,
                 fmt::format("{} is not JSON: {}", path.string(), simdjson::error_message(code))};
  }
  const JsonFields fields(json, "tokenizer_config");
  config.exists = true;
  const Result<std::optional<int64_t>> max_length = ReadMaxLength(fields);
  if (!max_length.ok()) {
    return Error{Code::kBadModel, fmt::format("{}: {}", path.string(), max_length.error().message)};
  }
  config.max_length = *max_length;
  std::string_view name;
  if (json["tokenizer_class"].get(name) == simdjson::SUCCESS) {
    if (name.ends_with("Fast")) name.remove_suffix(4);
    config.tokenizer_class = name;
  }
  config.has_do_lower_case = fields.Find("do_lower_case").has_value();
  config.do_lower_case = Flag(json, "do_lower_case", false);
  if (fields.Find("strip_accents").has_value()) {
    config.strip_accents = Flag(json, "strip_accents", false);
  }
  config.tokenize_chinese_chars = Flag(json, "tokenize_chinese_chars", true);
  config.split_by_punct = Flag(json, "split_by_punct", false);
  config.add_prefix_space = Flag(json, "add_prefix_space", false);
  config.add_bos_token = Flag(json, "add_bos_token", true);
  config.add_eos_token = Flag(json, "add_eos_token", false);
  config.legacy = Flag(json, "legacy", true);
  int64_t extra_ids = 0;
  if (json["extra_ids"].get(extra_ids) == simdjson::SUCCESS) config.extra_ids = extra_ids;
  ReadTokens(fields, config);
  ReadAdded(fields, config);
  return config;
}

}  // namespace waterline
