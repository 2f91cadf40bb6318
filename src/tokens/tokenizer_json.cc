// Reading tokenizer.json: small components through a DOM, vocabulary and merges on demand.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <simdjson.h>

#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tokens/bpe.h"
#include "tokens/byte_level.h"
#include "tokens/checkpoint_tokenizers.h"
#include "tokens/components.h"
#include "tokens/json_fields.h"
#include "tokens/unigram.h"
#include "tokens/word_piece.h"

namespace waterline {
namespace {

// simdjson on demand: a padded copy (1), the index of structural characters (4), unescaped strings
// (5/3), all by the size of the file.
constexpr size_t kBytesPerFileByte = 7;
// A part read through a DOM: copy (1), index (4), strings (5/3), tape (8).
constexpr size_t kBytesPerPartByte = 16;
constexpr size_t kFixedBytes = size_t{256} << 10;

namespace ondemand = simdjson::ondemand;

class JsonReader {
 public:
  explicit JsonReader(const TokenizerSource& source)
      : source_(source),
        loading_(source.budget, Use::kLoading),
        reservation_(source.budget, Use::kLoading),
        pieces_(&loading_),
        scores_(source.memory),
        trie_(source.memory),
        pipeline_(source.memory) {}

  Result<Pipeline> Read() {
    for (const auto step : {&JsonReader::Open, &JsonReader::ReadParts, &JsonReader::BuildModel}) {
      Result<void> done = (this->*step)();
      if (!done.ok()) return InFile(done.error());
    }
    pipeline_.added.Add(added_, *pipeline_.model, pipeline_.normalizer, &loading_);
    return std::move(pipeline_);
  }

 private:
  Error InFile(const Error& error) const {
    return {error.code, fmt::format("{}: {}", source_.path.string(), error.message)};
  }
  static Error Bad(std::string_view key, std::string_view what) {
    return {Code::kBadModel, fmt::format("key {} {}", key, what)};
  }
  static Error Broken(std::string_view key, simdjson::error_code code) {
    return Bad(key, fmt::format("cannot be read: {}", simdjson::error_message(code)));
  }
  Result<void> Reserve(size_t bytes) {
    if (reservation_.Resize(bytes)) return {};
    return Error{Code::kOverBudget,
                 fmt::format("reading it takes {} bytes of the budget, which has {} left beside {}",
                             bytes, source_.budget.available(), reservation_.bytes())};
  }

  Result<void> Open() {
    std::error_code error;
    const uintmax_t bytes = std::filesystem::file_size(source_.path, error);
    if (error) return Error{Code::kIo, fmt::format("cannot be read: {}", error.message())};
    file_bytes_ = bytes * kBytesPerFileByte + kFixedBytes;
    if (Result<void> done = Reserve(file_bytes_); !done.ok()) return done;
    if (simdjson::padded_string::load(source_.path.string()).get(file_) != simdjson::SUCCESS) {
      return Error{Code::kIo, "cannot be read"};
    }
    if (const auto code = parser_.iterate(file_).get(document_); code != simdjson::SUCCESS) {
      return Error{Code::kBadModel, fmt::format("is not JSON: {}", simdjson::error_message(code))};
    }
    return {};
  }

  // Calls `read(key, element)` with the part `value` of the file parsed into a DOM.
  template <typename ReadPart>
  Result<void> WithPart(std::string_view key, ondemand::value value, ReadPart read) {
    std::string_view raw;
    if (const auto code = simdjson::to_json_string(value).get(raw); code != simdjson::SUCCESS) {
      return Broken(key, code);
    }
    return WithText(key, raw, read);
  }
  template <typename ReadPart>
  Result<void> WithText(std::string_view key, std::string_view raw, ReadPart read) {
    if (Result<void> done = Reserve(file_bytes_ + raw.size() * kBytesPerPartByte); !done.ok()) {
      return done;
    }
    simdjson::dom::parser parser;
    simdjson::dom::element element;
    const auto code = parser.parse(raw.data(), raw.size()).get(element);
    return code == simdjson::SUCCESS ? read(std::string(key), element) : Broken(key, code);
  }

  Result<void> ReadParts() {
    ondemand::object root;
    if (const auto code = document_.get_object().get(root); code != simdjson::SUCCESS) {
      return Error{Code::kBadModel, "is not a JSON object"};
    }
    for (auto item : root) {
      ondemand::field field;
      std::string_view key;
      if (auto code = std::move(item).get(field); code != simdjson::SUCCESS) {
        return Broken("(root)", code);
      }
      if (auto code = field.unescaped_key().get(key); code != simdjson::SUCCESS) {
        return Broken("(root)", code);
      }
      Result<void> done = ReadPart(key, field.value());
      if (!done.ok()) return done;
    }
    return {};
  }

  Result<void> ReadPart(std::string_view key, ondemand::value value) {
    if (key == "normalizer") {
      return WithPart(key, value, [&](std::string name, const simdjson::dom::element& json) {
        return ReadNormalizer(name, json);
      });
    }
    if (key == "pre_tokenizer") {
      return WithPart(key, value, [&](std::string name, const simdjson::dom::element& json) {
        return ReadPreTokenizer(name, json);
      });
    }
    if (key == "post_processor") {
      return WithPart(key, value, [&](std::string name, const simdjson::dom::element& json) {
        return ReadPostProcessor(json, name, pipeline_);
      });
    }
    if (key == "added_tokens") {
      return WithPart(key, value,
                      [&](std::string name, const simdjson::dom::element& json) -> Result<void> {
                        Result<std::vector<AddedToken>> tokens = ReadAddedTokens(json, name);
                        if (!tokens.ok()) return tokens.error();
                        added_ = *std::move(tokens);
                        return {};
                      });
    }
    return key == "model" ? ReadModel(value) : Result<void>();
  }

  // BertTokenizer lays the options of the config over those of the file.
  Result<void> ReadNormalizer(const std::string& name, const simdjson::dom::element& json) {
    const TokenizerConfig& config = source_.config;
    std::string_view type;
    if (config.IsClass("BertTokenizer") && json["type"].get(type) == simdjson::SUCCESS &&
        type == "BertNormalizer") {
      BertNormalizerOptions options;
      options.lowercase = !config.has_do_lower_case || config.do_lower_case;
      options.strip_accents = config.strip_accents;
      options.handle_chinese_chars = config.tokenize_chinese_chars;
      bool clean = true;
      if (json["clean_text"].get(clean) == simdjson::SUCCESS) options.clean_text = clean;
      pipeline_.normalizer.Add(MakeBertNormalizer(options));
      return {};
    }
    return AddNormalizer(json, name, source_.memory, pipeline_.normalizer);
  }

  // Every fast tokenizer of transformers lays the config's add_prefix_space (absent: false) over a
  // ByteLevel that stands alone.
  Result<void> ReadPreTokenizer(const std::string& name, const simdjson::dom::element& json) {
    std::string_view type;
    if (source_.config.exists && json["type"].get(type) == simdjson::SUCCESS &&
        type == "ByteLevel") {
      const JsonFields fields(json, name);
      const Result<bool> use_regex = fields.Get<bool>("use_regex", true);
      if (!use_regex.ok()) return use_regex.error();
      pipeline_.pre_tokenizer.Add(MakeByteLevel(source_.config.add_prefix_space, *use_regex));
      return {};
    }
    return AddPreTokenizer(json, name, source_.memory, pipeline_.pre_tokenizer);
  }

  Result<void> ReadModel(ondemand::value value) {
    ondemand::object model;
    if (value.get_object().get(model) != simdjson::SUCCESS) return Bad("model", "is no object");
    for (auto item : model) {
      ondemand::field field;
      std::string_view key;
      if (auto code = std::move(item).get(field); code != simdjson::SUCCESS) {
        return Broken("model", code);
      }
      if (auto code = field.unescaped_key().get(key); code != simdjson::SUCCESS) {
        return Broken("model", code);
      }
      if (key == "vocab") {
        Result<void> done = ReadVocabulary(field.value());
        if (!done.ok()) return done;
      } else if (key == "merges") {
        has_merges_ = true;
      } else {
        std::string_view raw;
        if (auto code = simdjson::to_json_string(field.value()).get(raw);
            code != simdjson::SUCCESS) {
          return Broken(fmt::format("model.{}", key), code);
        }
        options_ += fmt::format("{}\"{}\":{}", options_.size() > 1 ? "," : "", key, raw);
      }
    }
    options_ += '}';
    return {};
  }

  Result<void> ReadVocabulary(ondemand::value value) {
    pieces_.clear();
    scores_.clear();
    ondemand::json_type type;
    if (auto code = value.type().get(type); code != simdjson::SUCCESS) {
      return Broken("model.vocab", code);
    }
    is_list_ = type == ondemand::json_type::array;
    Result<void> done = is_list_ ? ReadScoredPieces(value) : ReadTokenIds(value);
    if (!done.ok()) return done;
    trie_.Build(pieces_, &loading_);
    std::pmr::vector<TriePiece>(&loading_).swap(pieces_);
    scores_.shrink_to_fit();
    return {};
  }

  // {"token": id, ...}
  Result<void> ReadTokenIds(ondemand::value value) {
    ondemand::object tokens;
    if (value.get_object().get(tokens) != simdjson::SUCCESS) {
      return Bad("model.vocab", "is neither an object nor a list");
    }
    for (auto item : tokens) {
      ondemand::field field;
      std::string_view token;
      int64_t id = 0;
      if (auto code = std::move(item).get(field); code != simdjson::SUCCESS) {
        return Broken("model.vocab", code);
      }
      if (auto code = field.unescaped_key().get(token); code != simdjson::SUCCESS) {
        return Broken("model.vocab", code);
      }
      if (auto code = field.value().get_int64().get(id); code != simdjson::SUCCESS) {
        return Broken(fmt::format("model.vocab[{}]", token), code);
      }
      if (id < 0 || id >= INT32_MAX) {
        return Bad(fmt::format("model.vocab[{}]", token), fmt::format("is {}, which is no id", id));
      }
      pieces_.push_back({token, static_cast<int32_t>(id)});
    }
    return {};
  }

  // [["piece", score], ...]
  Result<void> ReadScoredPieces(ondemand::value value) {
    ondemand::array list;
    if (auto code = value.get_array().get(list); code != simdjson::SUCCESS) {
      return Broken("model.vocab", code);
    }
    for (auto item : list) {
      const auto index = static_cast<int32_t>(scores_.size());
      const auto bad = [&] {
        return Bad(fmt::format("model.vocab[{}]", index), "is not a pair of piece and score");
      };
      ondemand::array pair;
      if (item.get_array().get(pair) != simdjson::SUCCESS) return bad();
      std::string_view piece;
      double score = 0;
      int count = 0;
      for (auto part : pair) {
        const auto code = count == 0   ? part.get_string().get(piece)
                          : count == 1 ? part.get_double().get(score)
                                       : simdjson::INCORRECT_TYPE;
        if (code != simdjson::SUCCESS) return bad();
        ++count;
      }
      if (count != 2 || !std::isfinite(score)) return bad();
      pieces_.push_back({piece, index});
      scores_.push_back(score);
    }
    return {};
  }

  Result<void> BuildModel() {
    if (options_.size() < 2) return Bad("model", "is missing");
    return WithText("model", options_,
                    [&](std::string name, const simdjson::dom::element& json) -> Result<void> {
                      const JsonFields fields(json, std::move(name));
                      Result<std::string_view> type = fields.Get<std::string_view>("type", "");
                      if (!type.ok()) return type.error();
                      if (type->empty()) type = InferType(fields);
                      if (*type != "Unigram" && is_list_) {
                        return Bad("model.vocab",
                                   fmt::format("is a list, but the model is {}", *type));
                      }
                      if (trie_.size() == 0) return Bad("model.vocab", "is missing or empty");
                      if (*type == "WordPiece") return BuildWordPiece(fields);
                      if (*type == "Unigram") return BuildUnigram(fields);
                      if (*type == "BPE") return BuildBpe(fields);
                      if (*type == "WordLevel") return BuildWordLevel(fields);
                      return Error{Code::kUnsupported,
                                   fmt::format("key model: the model \"{}\" is not known", *type)};
                    });
  }

  // Files from before "type" was written.
  std::string_view InferType(const JsonFields& fields) const {
    if (is_list_) return "Unigram";
    if (has_merges_) return "BPE";
    return fields.Find("continuing_subword_prefix").has_value() ? "WordPiece" : "WordLevel";
  }

  // The id of unk_token; nullopt where there is none.
  Result<std::optional<int32_t>> UnkId(const JsonFields& fields, bool is_needed) {
    if (!fields.Find("unk_token").has_value()) return std::optional<int32_t>();
    const Result<std::string_view> token = fields.Get<std::string_view>("unk_token");
    if (!token.ok()) return token.error();
    const int32_t id = trie_.Find(*token);
    if (id != PieceTrie::kNoId) return std::optional<int32_t>(id);
    if (!is_needed) return std::optional<int32_t>();
    return Bad("model.unk_token", fmt::format("is {}, which model.vocab lacks", *token));
  }

  Result<void> BuildWordPiece(const JsonFields& fields) {
    WordPieceOptions options;
    const Result<std::optional<int32_t>> unk = UnkId(fields, true);
    if (!unk.ok()) return unk.error();
    if (!unk->has_value()) return Bad("model.unk_token", "is missing");
    options.unk_id = **unk;
    const auto prefix = fields.Get<std::string_view>("continuing_subword_prefix", "##");
    if (!prefix.ok()) return prefix.error();
    options.continuing_subword_prefix = *prefix;
    const auto most = fields.Get<int64_t>("max_input_chars_per_word", 100);
    if (!most.ok()) return most.error();
    options.max_input_chars_per_word = *most;
    pipeline_.model = MakeWordPiece(std::move(trie_), options);
    return {};
  }

  Result<void> BuildWordLevel(const JsonFields& fields) {
    const Result<std::optional<int32_t>> unk = UnkId(fields, true);
    if (!unk.ok()) return unk.error();
    pipeline_.model = MakeWordLevel(std::move(trie_), *unk);
    return {};
  }

  Result<void> BuildUnigram(const JsonFields& fields) {
    if (!is_list_) return Bad("model.vocab", "is not a list of pieces and scores");
    UnigramOptions options;
    const Result<int64_t> unk = fields.Get<int64_t>("unk_id");
    if (!unk.ok()) return unk.error();
    if (*unk < 0 || *unk >= static_cast<int64_t>(scores_.size())) {
      return Bad("model.unk_id",
                 fmt::format("is {}, outside the {} pieces of model.vocab", *unk, scores_.size()));
    }
    options.unk_id = static_cast<int32_t>(*unk);
    const Result<bool> fallback = fields.Get<bool>("byte_fallback", false);
    if (!fallback.ok()) return fallback.error();
    options.byte_fallback = *fallback;
    pipeline_.model = MakeUnigram(std::move(trie_), std::move(scores_), options);
    return {};
  }

  // Whether every byte has its character of the byte-level alphabet: then nothing is unknown.
  bool IsByteLevelComplete() const {
    for (int byte = 0; byte < 256; ++byte) {
      const char c = static_cast<char>(byte);
      std::pmr::string text;
      AppendByteLevel({&c, 1}, text);
      if (trie_.Find(text) == PieceTrie::kNoId) return false;
    }
    return true;
  }

  Result<void> BuildBpe(const JsonFields& fields) {
    BpeOptions options;
    const auto unk = UnkId(fields, !IsByteLevelComplete());
    const auto prefix = fields.Get<std::string_view>("continuing_subword_prefix", "");
    const auto suffix = fields.Get<std::string_view>("end_of_word_suffix", "");
    const auto dropout = fields.Get<double>("dropout", 0.0);
    const auto fuse = fields.Get<bool>("fuse_unk", false);
    const auto bytes = fields.Get<bool>("byte_fallback", false);
    const auto ignore = fields.Get<bool>("ignore_merges", false);
    if (!unk.ok()) return unk.error();
    for (const auto* result : {&prefix, &suffix}) {
      if (!result->ok()) return result->error();
    }
    for (const auto* result : {&fuse, &bytes, &ignore}) {
      if (!result->ok()) return result->error();
    }
    if (!dropout.ok()) return dropout.error();
    if (*dropout != 0.0) {
      return Error{Code::kUnsupported,
                   fmt::format("key model.dropout is {}: its results would be random", *dropout)};
    }
    options.unk_id = *unk;
    options.continuing_subword_prefix = *prefix;
    options.end_of_word_suffix = *suffix;
    options.fuse_unk = *fuse;
    options.byte_fallback = *bytes;
    options.ignore_merges = *ignore;
    Result<MergeTable> merges = ReadMerges(options.continuing_subword_prefix.size());
    if (!merges.ok()) return merges.error();
    pipeline_.model = MakeBpe(std::move(trie_), *std::move(merges), options);
    return {};
  }

  // A second walk, as merges need the whole vocabulary.
  Result<MergeTable> ReadMerges(size_t prefix_bytes) {
    document_.rewind();
    ondemand::array list;
    size_t count = 0;
    if (!has_merges_) return Bad("model.merges", "is missing");
    if (document_["model"]["merges"].get_array().get(list) != simdjson::SUCCESS ||
        list.count_elements().get(count) != simdjson::SUCCESS) {
      return Bad("model.merges", "is not a list");
    }
    MergeTable merges(count, source_.memory);
    int32_t rank = 0;
    for (auto item : list) {
      std::string_view left;
      std::string_view right;
      ondemand::value value;
      if (auto code = std::move(item).get(value); code != simdjson::SUCCESS) {
        return Broken("model.merges", code);
      }
      const Result<bool> is_merge = ReadMerge(value, rank, left, right);
      if (!is_merge.ok()) return is_merge.error();
      if (!*is_merge) continue;
      const uint32_t left_node = trie_.Walk(PieceTrie::kRoot, left);
      const int32_t left_id = trie_.Find(left);
      const int32_t right_id = trie_.Find(right);
      const uint32_t node = left_id == PieceTrie::kNoId || right.size() < prefix_bytes
                                ? PieceTrie::kNone
                                : trie_.Walk(left_node, right.substr(prefix_bytes));
      const int32_t id = node == PieceTrie::kNone ? PieceTrie::kNoId : trie_.id(node);
      if (left_id == PieceTrie::kNoId || right_id == PieceTrie::kNoId || id == PieceTrie::kNoId) {
        return Bad(fmt::format("model.merges[{}]", rank),
                   fmt::format("merges \"{}\" and \"{}\", but model.vocab lacks one of them or "
                               "their product",
                               left, right));
      }
      merges.Set(left_id, right_id, rank++, id);
    }
    return merges;
  }

  // ["left", "right"] or "left right"; false for the version line of old files.
  static Result<bool> ReadMerge(ondemand::value value, int32_t rank, std::string_view& left,
                                std::string_view& right) {
    const auto bad = [&] {
      return Bad(fmt::format("model.merges[{}]", rank), "is not a pair of tokens");
    };
    ondemand::json_type type;
    if (value.type().get(type) != simdjson::SUCCESS) return bad();
    if (type == ondemand::json_type::array) {
      ondemand::array pair;
      if (value.get_array().get(pair) != simdjson::SUCCESS) return bad();
      int count = 0;
      for (auto part : pair) {
        std::string_view token;
        if (count > 1 || part.get_string().get(token) != simdjson::SUCCESS) return bad();
        (count++ == 0 ? left : right) = token;
      }
      if (count != 2) return bad();
      return true;
    }
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) return bad();
    if (text.starts_with("#version")) return false;
    const size_t space = text.find(' ');
    if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
      return bad();
    }
    left = text.substr(0, space);
    right = text.substr(space + 1);
    return true;
  }

  const TokenizerSource& source_;
  BudgetResource loading_;
  Reservation reservation_;
  size_t file_bytes_ = 0;
  simdjson::padded_string file_;
  ondemand::parser parser_;
  ondemand::document document_;
  std::pmr::vector<TriePiece> pieces_;
  std::pmr::vector<double> scores_;
  PieceTrie trie_;
  bool is_list_ = false;
  bool has_merges_ = false;
  std::string options_ = "{";  // The model without vocabulary and merges.
  std::vector<AddedToken> added_;
  Pipeline pipeline_;
};

}  // namespace

Result<Pipeline> ReadTokenizerJson(const TokenizerSource& source) {
  JsonReader reader(source);
  return reader.Read();
}

}  // namespace waterline
