// SentencePiece models as pipelines: the conversions of transformers' convert_slow_tokenizer.py.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "base/file.h"
#include "tokens/checkpoint_tokenizers.h"
#include "tokens/sentencepiece_model.h"
#include "tokens/unigram.h"

namespace waterline {
namespace {

enum class Family { kDeberta, kXlmRoberta, kT5 };

constexpr int64_t kMostExtraIds = 100'000;

Result<Family> FamilyOf(const TokenizerSource& source) {
  const TokenizerConfig& config = source.config;
  const std::string file = source.path.filename().string();
  if (config.IsClass("DebertaV2Tokenizer")) return Family::kDeberta;
  if (config.IsClass("XLMRobertaTokenizer")) return Family::kXlmRoberta;
  if (config.IsClass("T5Tokenizer") || config.IsClass("MT5Tokenizer")) return Family::kT5;
  if (config.tokenizer_class.empty() || config.IsClass("PreTrainedTokenizer")) {
    if (file == "spm.model") return Family::kDeberta;
    if (file == "spiece.model") return Family::kT5;
    if (file == "sentencepiece.bpe.model") return Family::kXlmRoberta;
  }
  return Error{Code::kUnsupported,
               fmt::format("{}: no rule to convert this file for tokenizer_class \"{}\"; a "
                           "tokenizer.json beside it would do",
                           source.path.string(), config.tokenizer_class)};
}

// The vocabulary under construction: index is id.
struct Vocabulary {
  std::pmr::vector<TriePiece> pieces;
  std::pmr::vector<double> scores;

  void Add(std::string_view text, double score) {
    pieces.push_back({text, static_cast<int32_t>(scores.size())});
    scores.push_back(score);
  }
};

void AddNormalizerSteps(Family family, const TokenizerConfig& config, PrecompiledMap* map,
                        Normalizer& normalizer) {
  if (family == Family::kDeberta) {
    if (config.do_lower_case) normalizer.Add(MakeLowercase());
    normalizer.Add(MakeStrip(true, true));
    if (map != nullptr) normalizer.Add(MakePrecompiled(std::move(*map)));
    normalizer.Add(MakeReplaceSpaceRuns(" "));
    return;
  }
  if (map != nullptr) normalizer.Add(MakePrecompiled(std::move(*map)));
  normalizer.Add(MakeStrip(false, true));
  normalizer.Add(MakeReplaceSpaceRuns("\xE2\x96\x81"));
}

// The special tokens that each class knows without a config.
std::vector<AddedToken> SpecialTokens(Family family, const TokenizerConfig& config,
                                      const std::vector<std::string>& extra) {
  std::vector<AddedToken> tokens;
  const auto add = [&](const char* name, const char* fallback, bool normalized = false,
                       bool lstrip = false) {
    tokens.push_back({.content = config.Named(name, fallback),
                      .lstrip = lstrip,
                      .normalized = normalized,
                      .special = true});
  };
  if (family == Family::kDeberta) {
    add("cls_token", "[CLS]");
    add("sep_token", "[SEP]");
    add("unk_token", "[UNK]", true);
    add("pad_token", "[PAD]");
    add("mask_token", "[MASK]");
    return tokens;
  }
  add("eos_token", "</s>");
  add("unk_token", "<unk>");
  add("pad_token", "<pad>");
  if (family == Family::kXlmRoberta) {
    add("bos_token", "<s>");
    add("mask_token", "<mask>", true, true);
  }
  for (const std::string& token : extra) {
    tokens.push_back({.content = token, .normalized = false, .special = true});
  }
  return tokens;
}

Result<void> AddTemplate(const TokenizerSource& source, Family family, Pipeline& pipeline) {
  const auto add = [&](const char* token, std::pmr::vector<int32_t>& ids) -> Result<void> {
    const std::optional<int32_t> id = pipeline.added.TokenId(token);
    const std::optional<int32_t> known = id.has_value() ? id : pipeline.model->TokenId(token);
    if (!known.has_value()) {
      return Error{Code::kBadModel, fmt::format("{} has no piece {}", source.path.string(), token)};
    }
    ids.push_back(*known);
    return {};
  };
  if (family == Family::kDeberta) {
    Result<void> done = add("[CLS]", pipeline.prefix);
    return done.ok() ? add("[SEP]", pipeline.suffix) : done;
  }
  if (family == Family::kXlmRoberta) {
    if (Result<void> done = add("<s>", pipeline.prefix); !done.ok()) return done;
  }
  return add("</s>", pipeline.suffix);
}

}  // namespace

Result<Pipeline> ReadSentencePiece(const TokenizerSource& source) {
  const Result<Family> family = FamilyOf(source);
  if (!family.ok()) return family.error();
  const Result<File> file = File::Open(source.path);
  if (!file.ok()) return file.error();
  BudgetResource loading(source.budget, Use::kLoading);
  const Result<std::pmr::string> bytes = file->ReadAll(&loading);
  if (!bytes.ok()) return bytes.error();
  const Result<SentencePieceModel> model = ParseSentencePieceModel(*bytes, &loading);
  const auto in_file = [&](const Error& error) {
    return Error{error.code, fmt::format("{}: {}", source.path.string(), error.message)};
  };
  if (!model.ok()) return in_file(model.error());
  if (model->model_type != 1) {
    return in_file({Code::kUnsupported,
                    fmt::format("model_type is {} instead of 1 (Unigram)", model->model_type)});
  }

  Vocabulary vocabulary{std::pmr::vector<TriePiece>(&loading),
                        std::pmr::vector<double>(source.memory)};
  const size_t most = model->pieces.size() + 8;
  vocabulary.pieces.reserve(most);
  vocabulary.scores.reserve(most);
  int32_t unk_id = model->unk_id;
  size_t skipped = 0;
  if (*family == Family::kXlmRoberta) {  // fairseq's order of the first four.
    for (const char* token : {"<s>", "<pad>", "</s>", "<unk>"}) vocabulary.Add(token, 0.0);
    unk_id = 3;
    skipped = 3;
  }
  for (size_t i = skipped; i < model->pieces.size(); ++i) {
    const SentencePiece& piece = model->pieces[i];
    if (!std::isfinite(piece.score)) {
      return in_file({Code::kBadModel, fmt::format("the score of piece {} is no number", i)});
    }
    vocabulary.Add(piece.text, piece.score);
  }
  std::vector<std::string> extra;
  if (*family == Family::kXlmRoberta) vocabulary.Add("<mask>", 0.0);
  if (*family == Family::kT5) {
    const int64_t count = source.config.extra_ids.value_or(100);
    if (count < 0 || count > kMostExtraIds) {
      return in_file({Code::kBadModel, fmt::format("extra_ids is {}", count)});
    }
    for (int64_t i = count; i > 0; --i) extra.push_back(fmt::format("<extra_id_{}>", i - 1));
    for (const std::string& token : extra) vocabulary.Add(token, 0.0);
  }
  if (unk_id < 0 || unk_id >= static_cast<int32_t>(vocabulary.scores.size())) {
    return in_file({Code::kBadModel, fmt::format("unk_id is {}, outside the {} pieces", unk_id,
                                                 vocabulary.scores.size())});
  }

  Pipeline pipeline(source.memory);
  std::optional<PrecompiledMap> map;
  if (!model->precompiled_charsmap.empty()) {
    Result<PrecompiledMap> parsed =
        PrecompiledMap::Parse(model->precompiled_charsmap, source.memory);
    if (!parsed.ok()) return in_file(parsed.error());
    map.emplace(*std::move(parsed));
  }
  AddNormalizerSteps(*family, source.config, map.has_value() ? &*map : nullptr,
                     pipeline.normalizer);
  if (*family == Family::kDeberta && source.config.split_by_punct) {
    pipeline.pre_tokenizer.Add(MakePunctuation(SplitBehavior::kIsolated));
  }
  const bool is_first = *family == Family::kT5 && !source.config.legacy;
  pipeline.pre_tokenizer.Add(
      MakeMetaspace(U'\u2581', is_first ? PrependScheme::kFirst : PrependScheme::kAlways, true));

  PieceTrie trie(source.memory);
  trie.Build(vocabulary.pieces, &loading);
  pipeline.model = MakeUnigram(std::move(trie), std::move(vocabulary.scores), {.unk_id = unk_id});
  std::vector<AddedToken> added;
  for (const SentencePiece& piece : model->pieces) {
    const bool is_control = piece.type == SentencePieceType::kControl;
    if (!is_control && piece.type != SentencePieceType::kUserDefined) continue;
    added.push_back(
        {.content = std::string(piece.text), .normalized = false, .special = is_control});
  }
  for (AddedToken& token : SpecialTokens(*family, source.config, extra)) {
    added.push_back(std::move(token));
  }
  pipeline.added.Add(added, *pipeline.model, pipeline.normalizer, &loading);
  Result<void> done = AddTemplate(source, *family, pipeline);
  if (!done.ok()) return done.error();
  return pipeline;
}

}  // namespace waterline
