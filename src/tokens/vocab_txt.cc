// vocab.txt: a WordPiece vocabulary, one token a line, and BERT's pipeline around it.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/file.h"
#include "base/utf8.h"
#include "tokens/checkpoint_tokenizers.h"
#include "tokens/word_piece.h"

namespace waterline {
namespace {

// Lines end with \n, \r\n or \r, as Python reads text.
void ReadLines(std::string_view text, std::pmr::vector<TriePiece>& pieces) {
  int32_t id = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find_first_of("\r\n", at), text.size());
    pieces.push_back({text.substr(at, end - at), id++});
    at = end + (text.substr(end, 2) == "\r\n" ? 2 : 1);
  }
}

}  // namespace

Result<Pipeline> ReadVocabTxt(const TokenizerSource& source) {
  const Result<File> file = File::Open(source.path);
  if (!file.ok()) return file.error();
  BudgetResource loading(source.budget, Use::kLoading);
  const Result<std::pmr::string> read = file->ReadAll(&loading);
  if (!read.ok()) return read.error();
  const std::string_view text = *read;
  if (const size_t bad = FindInvalidUtf8(text); bad != kValidUtf8) {
    return Error{Code::kBadModel,
                 fmt::format("{} is not UTF-8 at byte {}", source.path.string(), bad)};
  }
  std::pmr::vector<TriePiece> pieces(&loading);
  ReadLines(text, pieces);
  PieceTrie trie(source.memory);
  trie.Build(pieces, &loading);

  const TokenizerConfig& config = source.config;
  const auto find = [&](const char* name, const char* fallback) -> Result<int32_t> {
    const std::string token = config.Named(name, fallback);
    const int32_t id = trie.Find(token);
    if (id != PieceTrie::kNoId) return id;
    return Error{Code::kBadModel,
                 fmt::format("{} lacks the {} {}", source.path.string(), name, token)};
  };
  Pipeline pipeline(source.memory);
  const Result<int32_t> unk = find("unk_token", "[UNK]");
  const Result<int32_t> cls = find("cls_token", "[CLS]");
  const Result<int32_t> sep = find("sep_token", "[SEP]");
  for (const Result<int32_t>* id : {&unk, &cls, &sep}) {
    if (!id->ok()) return id->error();
  }
  pipeline.prefix.push_back(*cls);
  pipeline.suffix.push_back(*sep);
  pipeline.normalizer.Add(
      MakeBertNormalizer({.handle_chinese_chars = config.tokenize_chinese_chars,
                          .strip_accents = config.strip_accents,
                          .lowercase = !config.has_do_lower_case || config.do_lower_case}));
  pipeline.pre_tokenizer.Add(MakeBertPreTokenizer());
  pipeline.model = MakeWordPiece(std::move(trie), {.unk_id = *unk});
  std::vector<AddedToken> added;
  const auto add = [&](const char* name, const char* fallback) {
    added.push_back(
        {.content = config.Named(name, fallback), .normalized = false, .special = true});
  };
  add("unk_token", "[UNK]");
  add("sep_token", "[SEP]");
  add("pad_token", "[PAD]");
  add("cls_token", "[CLS]");
  add("mask_token", "[MASK]");
  pipeline.added.Add(added, *pipeline.model, pipeline.normalizer, &loading);
  return pipeline;
}

}  // namespace waterline
