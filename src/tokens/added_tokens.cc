// Matching of added tokens through tries of their patterns.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/added_tokens.h"

#include <algorithm>

#include "tokens/code_points.h"
#include "tokens/unicode_classes.h"

namespace waterline {
namespace {

bool EndsWith(std::string_view text, uint32_t classes) {
  if (text.empty()) return false;
  size_t at = PreviousStart(text, text.size());
  return (UnicodeClasses(ReadCodePoint(text, at)) & classes) != 0;
}

bool StartsWith(std::string_view text, uint32_t classes) {
  if (text.empty()) return false;
  size_t at = 0;
  return (UnicodeClasses(ReadCodePoint(text, at)) & classes) != 0;
}

}  // namespace

void AddedTokens::Add(std::span<const AddedToken> tokens, const SubwordModel& model,
                      const Normalizer& normalizer, std::pmr::memory_resource* scratch) {
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    const auto known = std::find_if(tokens_.begin(), tokens_.end(), [&](const Token& other) {
      return std::string_view(other.content) == token.content;
    });
    if (known != tokens_.end()) {
      known->single_word = token.single_word;
      known->lstrip = token.lstrip;
      known->rstrip = token.rstrip;
      continue;
    }
    const int32_t id = model.TokenId(token.content).value_or(NextId(model));
    tokens_.push_back({std::pmr::string(token.content, tokens_.get_allocator().resource()), id,
                       token.single_word, token.lstrip, token.rstrip, token.normalized});
  }
  Rebuild(normalizer, scratch);
}

int32_t AddedTokens::NextId(const SubwordModel& model) const {
  auto next = static_cast<int32_t>(model.size());
  for (const Token& token : tokens_) next = std::max(next, token.id + 1);
  return next;
}

void AddedTokens::Rebuild(const Normalizer& normalizer, std::pmr::memory_resource* scratch) {
  std::pmr::vector<std::pmr::string> patterns(scratch);
  patterns.reserve(tokens_.size());
  std::pmr::vector<TriePiece> raw(scratch);
  std::pmr::vector<TriePiece> normalized(scratch);
  for (size_t i = tokens_.size(); i > 0; --i) {  // Of equal patterns the first one shall win.
    const Token& token = tokens_[i - 1];
    const auto index = static_cast<int32_t>(i - 1);
    if (!token.normalized) {
      raw.push_back({token.content, index});
      continue;
    }
    Text text(scratch);
    Text spare(scratch);
    text.bytes = token.content;
    normalizer.Apply(text, spare);
    if (text.bytes.empty()) continue;
    patterns.push_back(std::move(text.bytes));
    normalized.push_back({patterns.back(), index});
  }
  raw_.Build(raw, scratch);
  normalized_.Build(normalized, scratch);
}

void AddedTokens::Split(const PieceTrie& patterns, std::string_view text,
                        std::pmr::vector<Stretch>& out) const {
  size_t done = 0;
  for (size_t at = 0; at < text.size() && patterns.size() > 0;) {
    uint32_t node = PieceTrie::kRoot;
    size_t match_end = at;
    int32_t index = PieceTrie::kNoId;
    for (size_t i = at; i < text.size(); ++i) {
      node = patterns.Child(node, static_cast<uint8_t>(text[i]));
      if (node == PieceTrie::kNone) break;
      if (patterns.id(node) == PieceTrie::kNoId) continue;
      index = patterns.id(node);
      match_end = i + 1;
    }
    if (index == PieceTrie::kNoId) {
      ++at;
      continue;
    }
    const Token& token = tokens_[static_cast<size_t>(index)];
    size_t begin = at;
    size_t end = match_end;
    at = match_end;
    if (token.single_word &&
        (EndsWith(text.substr(0, begin), kWordChar) || StartsWith(text.substr(end), kWordChar))) {
      continue;
    }
    while (token.lstrip && begin > done && EndsWith(text.substr(0, begin), kSpace)) {
      begin = PreviousStart(text, begin);
    }
    while (token.rstrip && StartsWith(text.substr(end), kSpace)) ReadCodePoint(text, end);
    // A token can lie in the white space that the one before it has swallowed.
    begin = std::max(begin, done);
    if (done < begin) out.push_back({done, begin, PieceTrie::kNoId});
    if (begin < end) out.push_back({begin, end, token.id});
    done = std::max(done, end);
  }
  if (done < text.size()) out.push_back({done, text.size(), PieceTrie::kNoId});
}

std::optional<int32_t> AddedTokens::TokenId(std::string_view content) const {
  for (const Token& token : tokens_) {
    if (std::string_view(token.content) == content) return token.id;
  }
  return std::nullopt;
}

int64_t AddedTokens::CountBeyond(const SubwordModel& model) const {
  return std::count_if(tokens_.begin(), tokens_.end(), [&](const Token& token) {
    return !model.TokenId(token.content).has_value();
  });
}

}  // namespace waterline
