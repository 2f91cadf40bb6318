// WordPiece and WordLevel over the trie of the vocabulary.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/word_piece.h"

#include <utility>

#include "tokens/code_points.h"

namespace waterline {
namespace {

class WordPiece final : public TrieModel {
 public:
  WordPiece(PieceTrie vocabulary, const WordPieceOptions& options)
      : TrieModel(std::move(vocabulary)),
        unk_id_(options.unk_id),
        max_chars_(options.max_input_chars_per_word),
        continuing_(trie_.Walk(PieceTrie::kRoot, options.continuing_subword_prefix)),
        continues_from_root_(options.continuing_subword_prefix.empty()) {}

  void Encode(std::string_view piece, std::pmr::vector<int32_t>& ids) const override {
    const size_t before = ids.size();
    if (!IsTooLong(piece)) {
      size_t at = 0;
      while (at < piece.size()) {
        const size_t bytes = AppendLongest(piece.substr(at), at == 0, ids);
        if (bytes == 0) break;
        at += bytes;
      }
      if (at == piece.size()) return;
    }
    ids.resize(before);
    ids.push_back(unk_id_);
  }
  std::string_view name() const override { return "WordPiece"; }

 private:
  bool IsTooLong(std::string_view piece) const {
    if (static_cast<int64_t>(piece.size()) <= max_chars_) return false;
    int64_t chars = 0;
    for (const char c : piece) chars += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
    return chars > max_chars_;
  }
  // Appends the longest token that opens `rest`; returns its bytes, 0 when there is none.
  size_t AppendLongest(std::string_view rest, bool is_first, std::pmr::vector<int32_t>& ids) const {
    if (!is_first && continuing_ == PieceTrie::kNone && !continues_from_root_) return 0;
    uint32_t node = is_first ? PieceTrie::kRoot : continuing_;
    size_t longest = 0;
    int32_t id = PieceTrie::kNoId;
    for (size_t i = 0; i < rest.size(); ++i) {
      node = trie_.Child(node, static_cast<uint8_t>(rest[i]));
      if (node == PieceTrie::kNone) break;
      if (trie_.id(node) != PieceTrie::kNoId) {
        longest = i + 1;
        id = trie_.id(node);
      }
    }
    if (longest > 0) ids.push_back(id);
    return longest;
  }

  const int32_t unk_id_;
  const int64_t max_chars_;
  const uint32_t continuing_;  // The node behind the prefix of continuing tokens.
  const bool continues_from_root_;
};

class WordLevel final : public TrieModel {
 public:
  WordLevel(PieceTrie vocabulary, std::optional<int32_t> unk_id)
      : TrieModel(std::move(vocabulary)), unk_id_(unk_id) {}

  void Encode(std::string_view piece, std::pmr::vector<int32_t>& ids) const override {
    const int32_t id = trie_.Find(piece);
    if (id != PieceTrie::kNoId) {
      ids.push_back(id);
    } else if (unk_id_.has_value()) {
      ids.push_back(*unk_id_);
    }
  }
  std::string_view name() const override { return "WordLevel"; }

 private:
  const std::optional<int32_t> unk_id_;
};

}  // namespace

std::unique_ptr<SubwordModel> MakeWordPiece(PieceTrie vocabulary, const WordPieceOptions& options) {
  return std::make_unique<WordPiece>(std::move(vocabulary), options);
}

std::unique_ptr<SubwordModel> MakeWordLevel(PieceTrie vocabulary, std::optional<int32_t> unk_id) {
  return std::make_unique<WordLevel>(std::move(vocabulary), unk_id);
}

}  // namespace waterline
