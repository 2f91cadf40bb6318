// Dispatch on the "type" of each component.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/components.h"

#include <utility>
#include <variant>

#include "tokens/code_points.h"
#include "tokens/json_fields.h"

namespace waterline {
namespace {

constexpr int kMostNested = 16;

template <typename T>
bool Take(Result<T> result, T& value, Error& error) {
  if (!result.ok()) {
    error = result.error();
    return false;
  }
  value = *std::move(result);
  return true;
}

Error Unknown(const JsonFields& fields, std::string_view what, std::string_view type) {
  return {Code::kUnsupported,
          fmt::format("key {}: the {} \"{}\" is not known", fields.key(), what, type)};
}

// A pattern: {"String": ...} or {"Regex": ...}; old files have a plain string.
Result<std::variant<std::string, Regex>> ReadPattern(const JsonFields& fields,
                                                     std::pmr::memory_resource* memory) {
  const std::optional<simdjson::dom::element> pattern = fields.Find("pattern");
  if (!pattern.has_value()) return fields.Bad("pattern", "is missing");
  std::string_view text;
  if (pattern->get(text) == simdjson::SUCCESS ||
      (*pattern)["String"].get(text) == simdjson::SUCCESS) {
    return std::variant<std::string, Regex>(std::string(text));
  }
  if ((*pattern)["Regex"].get(text) != simdjson::SUCCESS) {
    return fields.Bad("pattern", "is neither a String nor a Regex");
  }
  Result<Regex> regex = Regex::Compile(text, memory);
  if (!regex.ok()) {
    return Error{regex.error().code,
                 fmt::format("key {}: {}", fields.key(), regex.error().message)};
  }
  return std::variant<std::string, Regex>(*std::move(regex));
}

// The bytes of RFC 4648 base64; nullopt when `text` is not.
std::optional<std::string> DecodeBase64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 4 * 3);
  uint32_t bits = 0;
  size_t held = 0;
  size_t pad = 0;
  for (const char c : text) {
    uint32_t value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<uint32_t>(c - 'a' + 26);
    } else if (c >= '0' && c <= '9') {
      value = static_cast<uint32_t>(c - '0' + 52);
    } else if (c == '+') {
      value = 62;
    } else if (c == '/') {
      value = 63;
    } else if (c == '=') {
      ++pad;
    } else {
      return std::nullopt;
    }
    if (pad > 0 && c != '=') return std::nullopt;
    bits = bits << 6 | value;
    if (++held < 4) continue;
    out.push_back(static_cast<char>(bits >> 16));
    out.push_back(static_cast<char>(bits >> 8));
    out.push_back(static_cast<char>(bits));
    bits = 0;
    held = 0;
  }
  if (pad > 2) return std::nullopt;
  out.resize(out.size() - pad);
  return out;
}

Result<std::unique_ptr<NormalizerStep>> ReadBert(const JsonFields& fields) {
  BertNormalizerOptions options;
  Error error{};
  if (!Take(fields.Get<bool>("clean_text", true), options.clean_text, error) ||
      !Take(fields.Get<bool>("handle_chinese_chars", true), options.handle_chinese_chars, error) ||
      !Take(fields.Get<bool>("lowercase", true), options.lowercase, error)) {
    return error;
  }
  if (fields.Find("strip_accents").has_value()) {
    bool strip = false;
    if (!Take(fields.Get<bool>("strip_accents"), strip, error)) return error;
    options.strip_accents = strip;
  }
  return MakeBertNormalizer(options);
}

Result<std::unique_ptr<NormalizerStep>> ReadPrecompiled(const JsonFields& fields,
                                                        std::pmr::memory_resource* memory) {
  const Result<std::string_view> text = fields.Get<std::string_view>("precompiled_charsmap");
  if (!text.ok()) return text.error();
  const std::optional<std::string> blob = DecodeBase64(*text);
  if (!blob.has_value()) return fields.Bad("precompiled_charsmap", "is not base64");
  Result<PrecompiledMap> map = PrecompiledMap::Parse(*blob, memory);
  if (!map.ok()) {
    return Error{map.error().code, fmt::format("key {}: {}", fields.key(), map.error().message)};
  }
  return MakePrecompiled(*std::move(map));
}

Result<std::unique_ptr<NormalizerStep>> ReadReplace(const JsonFields& fields,
                                                    std::pmr::memory_resource* memory) {
  const Result<std::string_view> content = fields.Get<std::string_view>("content");
  if (!content.ok()) return content.error();
  std::string_view regex;
  if (const auto pattern = fields.Find("pattern");
      pattern.has_value() && (*pattern)["Regex"].get(regex) == simdjson::SUCCESS &&
      regex == " {2,}") {
    return MakeReplaceSpaceRuns(std::string(*content));
  }
  Result<std::variant<std::string, Regex>> pattern = ReadPattern(fields, memory);
  if (!pattern.ok()) return pattern.error();
  if (auto* literal = std::get_if<std::string>(&*pattern)) {
    return MakeReplace(std::move(*literal), std::string(*content));
  }
  return MakeReplace(std::get<Regex>(std::move(*pattern)), std::string(*content));
}

Result<std::unique_ptr<NormalizerStep>> ReadStrip(const JsonFields& fields) {
  bool left = true;
  bool right = true;
  Error error{};
  if (!Take(fields.Get<bool>("strip_left", true), left, error) ||
      !Take(fields.Get<bool>("strip_right", true), right, error)) {
    return error;
  }
  return MakeStrip(left, right);
}

Result<std::unique_ptr<NormalizerStep>> ReadNormalizer(const JsonFields& fields,
                                                       std::string_view type,
                                                       std::pmr::memory_resource* memory) {
  if (type == "BertNormalizer") return ReadBert(fields);
  if (type == "Lowercase") return MakeLowercase();
  if (type == "NFC") return MakeNormalForm(NormalForm::kNfc);
  if (type == "NFD") return MakeNormalForm(NormalForm::kNfd);
  if (type == "NFKC") return MakeNormalForm(NormalForm::kNfkc);
  if (type == "NFKD") return MakeNormalForm(NormalForm::kNfkd);
  if (type == "StripAccents") return MakeStripAccents();
  if (type == "Strip") return ReadStrip(fields);
  if (type == "Replace") return ReadReplace(fields, memory);
  if (type == "Precompiled") return ReadPrecompiled(fields, memory);
  if (type == "Nmt") return MakeNmt();
  if (type == "ByteLevel") return MakeByteLevelNormalizer();
  if (type == "Prepend") {
    const Result<std::string_view> prefix = fields.Get<std::string_view>("prepend");
    if (!prefix.ok()) return prefix.error();
    return MakePrepend(std::string(*prefix));
  }
  return Unknown(fields, "normalizer", type);
}

Result<SplitBehavior> ReadBehavior(const JsonFields& fields,
                                   std::optional<std::string_view> fallback) {
  const Result<std::string_view> behavior =
      fallback.has_value() ? fields.Get<std::string_view>("behavior", *fallback)
                           : fields.Get<std::string_view>("behavior");
  if (!behavior.ok()) return behavior.error();
  if (*behavior == "Removed") return SplitBehavior::kRemoved;
  if (*behavior == "Isolated") return SplitBehavior::kIsolated;
  if (*behavior == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (*behavior == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (*behavior == "Contiguous") return SplitBehavior::kContiguous;
  return Unknown(fields, "behavior", *behavior);
}

// The one code point of a field; nullopt when it holds another number of them.
std::optional<char32_t> OneCodePoint(std::string_view text) {
  if (text.empty()) return std::nullopt;
  size_t at = 0;
  const char32_t code_point = ReadCodePoint(text, at);
  return at == text.size() ? std::optional<char32_t>(code_point) : std::nullopt;
}

Result<std::unique_ptr<PreTokenizerStep>> ReadMetaspace(const JsonFields& fields) {
  const Result<std::string_view> text = fields.Get<std::string_view>("replacement");
  if (!text.ok()) return text.error();
  const std::optional<char32_t> replacement = OneCodePoint(*text);
  if (!replacement.has_value()) return fields.Bad("replacement", "is not one character");
  bool split = true;
  bool add_prefix_space = true;  // The notation before prepend_scheme.
  std::string_view scheme;
  Error error{};
  if (!Take(fields.Get<bool>("split", true), split, error) ||
      !Take(fields.Get<bool>("add_prefix_space", true), add_prefix_space, error) ||
      !Take(fields.Get<std::string_view>("prepend_scheme", "always"), scheme, error)) {
    return error;
  }
  if (!add_prefix_space) {
    if (fields.Find("prepend_scheme").has_value() && scheme != "never") {
      return fields.Bad("add_prefix_space", "is false against prepend_scheme");
    }
    scheme = "never";
  }
  if (scheme == "always") return MakeMetaspace(*replacement, PrependScheme::kAlways, split);
  if (scheme == "first") return MakeMetaspace(*replacement, PrependScheme::kFirst, split);
  if (scheme == "never") return MakeMetaspace(*replacement, PrependScheme::kNever, split);
  return Unknown(fields, "prepend_scheme", scheme);
}

Result<std::unique_ptr<PreTokenizerStep>> ReadByteLevel(const JsonFields& fields) {
  bool add_prefix_space = true;
  bool use_regex = true;
  Error error{};
  if (!Take(fields.Get<bool>("add_prefix_space", true), add_prefix_space, error) ||
      !Take(fields.Get<bool>("use_regex", true), use_regex, error)) {
    return error;
  }
  return MakeByteLevel(add_prefix_space, use_regex);
}

Result<std::unique_ptr<PreTokenizerStep>> ReadSplit(const JsonFields& fields,
                                                    std::pmr::memory_resource* memory) {
  Result<std::variant<std::string, Regex>> pattern = ReadPattern(fields, memory);
  if (!pattern.ok()) return pattern.error();
  const Result<SplitBehavior> behavior = ReadBehavior(fields, std::nullopt);
  if (!behavior.ok()) return behavior.error();
  const Result<bool> invert = fields.Get<bool>("invert", false);
  if (!invert.ok()) return invert.error();
  return MakeSplit(*std::move(pattern), *behavior, *invert);
}

Result<std::unique_ptr<PreTokenizerStep>> ReadPreTokenizer(const JsonFields& fields,
                                                           std::string_view type,
                                                           std::pmr::memory_resource* memory) {
  if (type == "BertPreTokenizer") return MakeBertPreTokenizer();
  if (type == "Whitespace") return MakeWhitespace();
  if (type == "WhitespaceSplit") return MakeWhitespaceSplit();
  if (type == "Metaspace") return ReadMetaspace(fields);
  if (type == "ByteLevel") return ReadByteLevel(fields);
  if (type == "Split") return ReadSplit(fields, memory);
  if (type == "Punctuation") {
    const Result<SplitBehavior> behavior = ReadBehavior(fields, "Isolated");
    if (!behavior.ok()) return behavior.error();
    return MakePunctuation(*behavior);
  }
  if (type == "Digits") {
    const Result<bool> individual = fields.Get<bool>("individual_digits", false);
    if (!individual.ok()) return individual.error();
    return MakeDigits(*individual);
  }
  if (type == "CharDelimiterSplit") {
    const Result<std::string_view> text = fields.Get<std::string_view>("delimiter");
    if (!text.ok()) return text.error();
    const std::optional<char32_t> delimiter = OneCodePoint(*text);
    if (!delimiter.has_value()) return fields.Bad("delimiter", "is not one character");
    return MakeCharDelimiterSplit(*delimiter);
  }
  return Unknown(fields, "pre_tokenizer", type);
}

// Calls `leaf(fields, type)` for each component in `json`, opening the lists `list` of Sequences.
template <typename Leaf>
Result<void> WalkSequence(const simdjson::dom::element& json, const std::string& key,
                          std::string_view list, int nested, Leaf leaf) {
  if (json.is_null()) return {};
  if (nested > kMostNested) {
    return Error{Code::kBadModel,
                 fmt::format("key {} nests more than {} sequences", key, kMostNested)};
  }
  const JsonFields fields(json, key);
  const Result<std::string_view> type = fields.Get<std::string_view>("type");
  if (!type.ok()) return type.error();
  if (*type != "Sequence") return leaf(fields, *type);
  const Result<simdjson::dom::array> parts = fields.Get<simdjson::dom::array>(list);
  if (!parts.ok()) return parts.error();
  size_t index = 0;
  for (const simdjson::dom::element part : *parts) {
    Result<void> done =
        WalkSequence(part, fmt::format("{}.{}[{}]", key, list, index++), list, nested + 1, leaf);
    if (!done.ok()) return done;
  }
  return {};
}

Result<int32_t> ReadId(const JsonFields& fields, std::string_view name,
                       const simdjson::dom::element& json) {
  int64_t id = 0;
  if (json.get(id) != simdjson::SUCCESS) return fields.Bad(name, "is not an id");
  if (id < 0 || id > INT32_MAX - 1) {
    return fields.Bad(name, fmt::format("is {}, which is no id", id));
  }
  return static_cast<int32_t>(id);
}

// Appends the ids of the special token `token` of a template.
Result<void> AppendTemplateToken(const JsonFields& fields, std::string_view token,
                                 std::pmr::vector<int32_t>& ids) {
  const auto special = fields.Find("special_tokens");
  simdjson::dom::element entry;
  simdjson::dom::array list;
  if (!special.has_value() || (*special)[token].get(entry) != simdjson::SUCCESS ||
      entry["ids"].get(list) != simdjson::SUCCESS) {
    return fields.Bad("special_tokens", fmt::format("lacks the ids of {}", token));
  }
  for (const simdjson::dom::element json : list) {
    const Result<int32_t> id = ReadId(fields, "special_tokens", json);
    if (!id.ok()) return id.error();
    ids.push_back(*id);
  }
  return {};
}

Result<void> ReadTemplate(const JsonFields& fields, Pipeline& pipeline) {
  const Result<simdjson::dom::array> single = fields.Get<simdjson::dom::array>("single");
  if (!single.ok()) return single.error();
  int sequences = 0;
  std::pmr::vector<int32_t> prefix(pipeline.prefix.get_allocator());
  std::pmr::vector<int32_t> suffix(pipeline.prefix.get_allocator());
  for (const simdjson::dom::element part : *single) {
    std::string_view id;
    if (part["Sequence"]["id"].get(id) == simdjson::SUCCESS) {
      ++sequences;
    } else if (part["SpecialToken"]["id"].get(id) == simdjson::SUCCESS) {
      Result<void> done = AppendTemplateToken(fields, id, sequences == 0 ? prefix : suffix);
      if (!done.ok()) return done;
    } else {
      return fields.Bad("single", "has an entry that is neither SpecialToken nor Sequence");
    }
  }
  if (sequences != 1) {
    return Error{Code::kUnsupported, fmt::format("key {}.single holds {} sequences instead of 1",
                                                 fields.key(), sequences)};
  }
  pipeline.prefix.insert(pipeline.prefix.begin(), prefix.begin(), prefix.end());
  pipeline.suffix.insert(pipeline.suffix.end(), suffix.begin(), suffix.end());
  return {};
}

// BertProcessing and RobertaProcessing: "cls" and "sep", each [token, id].
Result<void> ReadClsAndSep(const JsonFields& fields, Pipeline& pipeline) {
  const auto read = [&](std::string_view name) -> Result<int32_t> {
    const Result<simdjson::dom::array> pair = fields.Get<simdjson::dom::array>(name);
    if (!pair.ok()) return pair.error();
    simdjson::dom::element id;
    if (pair->at(1).get(id) != simdjson::SUCCESS) return fields.Bad(name, "has no id");
    return ReadId(fields, name, id);
  };
  const Result<int32_t> cls = read("cls");
  if (!cls.ok()) return cls.error();
  const Result<int32_t> sep = read("sep");
  if (!sep.ok()) return sep.error();
  pipeline.prefix.insert(pipeline.prefix.begin(), *cls);
  pipeline.suffix.push_back(*sep);
  return {};
}

}  // namespace

Result<void> AddNormalizer(const simdjson::dom::element& json, const std::string& key,
                           std::pmr::memory_resource* memory, Normalizer& normalizer) {
  return WalkSequence(json, key, "normalizers", 0,
                      [&](const JsonFields& fields, std::string_view type) -> Result<void> {
                        auto step = ReadNormalizer(fields, type, memory);
                        if (!step.ok()) return step.error();
                        normalizer.Add(*std::move(step));
                        return {};
                      });
}

Result<void> AddPreTokenizer(const simdjson::dom::element& json, const std::string& key,
                             std::pmr::memory_resource* memory, PreTokenizer& pre_tokenizer) {
  return WalkSequence(json, key, "pretokenizers", 0,
                      [&](const JsonFields& fields, std::string_view type) -> Result<void> {
                        auto step = ReadPreTokenizer(fields, type, memory);
                        if (!step.ok()) return step.error();
                        pre_tokenizer.Add(*std::move(step));
                        return {};
                      });
}

Result<void> ReadPostProcessor(const simdjson::dom::element& json, const std::string& key,
                               Pipeline& pipeline) {
  return WalkSequence(json, key, "processors", 0,
                      [&](const JsonFields& fields, std::string_view type) -> Result<void> {
                        if (type == "ByteLevel") return {};  // Trims offsets only.
                        if (type == "TemplateProcessing") return ReadTemplate(fields, pipeline);
                        if (type == "BertProcessing" || type == "RobertaProcessing") {
                          return ReadClsAndSep(fields, pipeline);
                        }
                        return Unknown(fields, "post_processor", type);
                      });
}

Result<std::vector<AddedToken>> ReadAddedTokens(const simdjson::dom::element& json,
                                                const std::string& key) {
  std::vector<AddedToken> tokens;
  if (json.is_null()) return tokens;
  simdjson::dom::array list;
  if (json.get(list) != simdjson::SUCCESS) {
    return Error{Code::kBadModel, fmt::format("key {} is not a list", key)};
  }
  for (const simdjson::dom::element entry : list) {
    const JsonFields fields(entry, fmt::format("{}[{}]", key, tokens.size()));
    AddedToken token;
    std::string_view content;
    Error error{};
    if (!Take(fields.Get<std::string_view>("content"), content, error) ||
        !Take(fields.Get<bool>("single_word", false), token.single_word, error) ||
        !Take(fields.Get<bool>("lstrip", false), token.lstrip, error) ||
        !Take(fields.Get<bool>("rstrip", false), token.rstrip, error) ||
        !Take(fields.Get<bool>("special", false), token.special, error) ||
        !Take(fields.Get<bool>("normalized", !token.special), token.normalized, error)) {
      return error;
    }
    if (const auto id = fields.Find("id"); id.has_value()) {
      const Result<int32_t> read = ReadId(fields, "id", *id);
      if (!read.ok()) return read.error();
    }
    token.content = content;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace waterline
