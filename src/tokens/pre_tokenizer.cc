// The steps that cut text into pieces.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/pre_tokenizer.h"

#include <algorithm>

#include "tokens/byte_level.h"
#include "tokens/code_points.h"
#include "tokens/unicode_classes.h"

namespace waterline {
namespace {

// Turns the matches and gaps of one piece, which arrive from left to right, into pieces.
class Cutter {
 public:
  Cutter(SplitBehavior behavior, std::pmr::vector<Piece>& out)
      : behavior_(behavior), out_(out), first_(out.size()) {}

  void Add(size_t begin, size_t end, bool is_match) {
    const Piece piece{static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
    const bool has_last = out_.size() > first_;
    bool joins_last = false;
    switch (behavior_) {
      case SplitBehavior::kRemoved:
        if (is_match) return;
        break;
      case SplitBehavior::kIsolated:
        break;
      case SplitBehavior::kContiguous:
        joins_last = has_last && is_match == last_is_match_;
        break;
      case SplitBehavior::kMergedWithPrevious:
        joins_last = has_last && is_match && !last_is_match_;
        break;
      case SplitBehavior::kMergedWithNext:
        joins_last = has_last && !is_match && last_is_match_;
        break;
    }
    if (joins_last) {
      out_.back().end = piece.end;
    } else {
      out_.push_back(piece);
    }
    last_is_match_ = is_match;
  }
  void Finish() {
    const auto first = out_.begin() + static_cast<std::ptrdiff_t>(first_);
    out_.erase(std::remove_if(first, out_.end(), [](Piece p) { return p.begin == p.end; }),
               out_.end());
  }

 private:
  const SplitBehavior behavior_;
  std::pmr::vector<Piece>& out_;
  const size_t first_;
  bool last_is_match_ = false;
};

// Cuts every piece with `cut(bytes, cutter, offset of the bytes)`.
template <typename Cut>
void CutPieces(Pieces& pieces, Pieces& spare, SplitBehavior behavior, Cut cut) {
  spare.pieces.clear();
  for (const Piece piece : pieces.pieces) {
    Cutter cutter(behavior, spare.pieces);
    cut(pieces.Bytes(piece), cutter, size_t{piece.begin});
    cutter.Finish();
  }
  pieces.pieces.swap(spare.pieces);
}

// Every code point of which `is_match` is true is a match of its own.
template <typename IsMatch>
void CutAtCodePoints(Pieces& pieces, Pieces& spare, SplitBehavior behavior, IsMatch is_match) {
  CutPieces(pieces, spare, behavior, [&](std::string_view text, Cutter& cutter, size_t offset) {
    size_t gap = 0;
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      if (!is_match(ReadCodePoint(text, at))) continue;
      if (gap < begin) cutter.Add(offset + gap, offset + begin, false);
      cutter.Add(offset + begin, offset + at, true);
      gap = at;
    }
    if (gap < text.size()) cutter.Add(offset + gap, offset + text.size(), false);
  });
}

// Writes the pieces anew with `rewrite(piece bytes, is at the head, out)` and keeps the head: it
// ends where the output of the piece that holds its end does.
template <typename Rewrite>
void RewritePieces(Pieces& pieces, Pieces& spare, Rewrite rewrite) {
  spare.text.bytes.clear();
  spare.text.head = 0;
  spare.pieces.clear();
  spare.text.bytes.reserve(pieces.text.bytes.size() * 2 + 16);
  for (const Piece piece : pieces.pieces) {
    const bool in_head = piece.begin < pieces.text.head;
    const auto begin = static_cast<uint32_t>(spare.text.bytes.size());
    rewrite(pieces.Bytes(piece), in_head, spare.text.bytes);
    spare.pieces.push_back({begin, static_cast<uint32_t>(spare.text.bytes.size())});
    if (in_head) spare.text.head = begin + 1;
  }
  std::swap(pieces.text.head, spare.text.head);
  pieces.text.bytes.swap(spare.text.bytes);
  pieces.pieces.swap(spare.pieces);
}

class ClassStep final : public PreTokenizerStep {
 public:
  ClassStep(uint32_t classes, SplitBehavior behavior) : classes_(classes), behavior_(behavior) {}
  void Apply(Pieces& pieces, Pieces& spare) const override {
    CutAtCodePoints(pieces, spare, behavior_,
                    [&](char32_t c) { return (UnicodeClasses(c) & classes_) != 0; });
  }

 private:
  const uint32_t classes_;
  const SplitBehavior behavior_;
};

class BertStep final : public PreTokenizerStep {
 public:
  void Apply(Pieces& pieces, Pieces& spare) const override {
    CutPieces(pieces, spare, SplitBehavior::kIsolated,
              [](std::string_view text, Cutter& cutter, size_t offset) {
                size_t gap = 0;
                for (size_t at = 0; at < text.size();) {
                  const size_t begin = at;
                  const uint32_t classes = UnicodeClasses(ReadCodePoint(text, at));
                  if ((classes & (kSpace | kPunctuation)) == 0) continue;
                  if (gap < begin) cutter.Add(offset + gap, offset + begin, false);
                  if ((classes & kSpace) == 0) cutter.Add(offset + begin, offset + at, true);
                  gap = at;
                }
                if (gap < text.size()) cutter.Add(offset + gap, offset + text.size(), false);
              });
  }
};

// The matches of \w+|[^\w\s]+.
class WhitespaceStep final : public PreTokenizerStep {
 public:
  void Apply(Pieces& pieces, Pieces& spare) const override {
    const auto kind = [](char32_t c) {
      const uint32_t classes = UnicodeClasses(c);
      return (classes & kWordChar) != 0 ? 0 : (classes & kSpace) != 0 ? 1 : 2;
    };
    CutPieces(pieces, spare, SplitBehavior::kIsolated,
              [&](std::string_view text, Cutter& cutter, size_t offset) {
                for (size_t at = 0; at < text.size();) {
                  const size_t begin = at;
                  const int run = kind(ReadCodePoint(text, at));
                  for (size_t next = at; next < text.size(); at = next) {
                    if (kind(ReadCodePoint(text, next)) != run) break;
                  }
                  if (run != 1) cutter.Add(offset + begin, offset + at, true);
                }
              });
  }
};

class MetaspaceStep final : public PreTokenizerStep {
 public:
  MetaspaceStep(char32_t replacement, PrependScheme scheme, bool split)
      : scheme_(scheme), split_(split) {
    AppendCodePoint(replacement, replacement_);
  }
  void Apply(Pieces& pieces, Pieces& spare) const override {
    RewritePieces(pieces, spare, [&](std::string_view piece, bool in_head, std::pmr::string& out) {
      const bool prepend =
          scheme_ == PrependScheme::kAlways || (scheme_ == PrependScheme::kFirst && in_head);
      if (prepend && piece[0] != ' ' && !piece.starts_with(replacement_)) {
        out.append(replacement_);
      }
      for (const char c : piece) {
        if (c == ' ') {
          out.append(replacement_);
        } else {
          out.push_back(c);
        }
      }
    });
    if (!split_) return;
    CutPieces(pieces, spare, SplitBehavior::kMergedWithNext,
              [&](std::string_view text, Cutter& cutter, size_t offset) {
                size_t gap = 0;
                size_t at = text.find(replacement_);
                while (at != std::string_view::npos) {
                  if (gap < at) cutter.Add(offset + gap, offset + at, false);
                  gap = at + replacement_.size();
                  cutter.Add(offset + at, offset + gap, true);
                  at = text.find(replacement_, gap);
                }
                if (gap < text.size()) cutter.Add(offset + gap, offset + text.size(), false);
              });
  }

 private:
  std::string replacement_;
  const PrependScheme scheme_;
  const bool split_;
};

class ByteLevelStep final : public PreTokenizerStep {
 public:
  ByteLevelStep(bool add_prefix_space, bool use_regex)
      : add_prefix_space_(add_prefix_space), use_regex_(use_regex) {}
  void Apply(Pieces& pieces, Pieces& spare) const override {
    if (add_prefix_space_) {
      RewritePieces(pieces, spare, [](std::string_view piece, bool, std::pmr::string& out) {
        if (piece[0] != ' ') out.push_back(' ');
        out.append(piece);
      });
    }
    if (use_regex_) {
      CutPieces(pieces, spare, SplitBehavior::kIsolated,
                [](std::string_view text, Cutter& cutter, size_t offset) {
                  for (size_t at = 0; at < text.size();) {
                    const size_t end = Gpt2MatchEnd(text, at);
                    cutter.Add(offset + at, offset + end, true);
                    at = end;
                  }
                });
    }
    RewritePieces(pieces, spare, [](std::string_view piece, bool, std::pmr::string& out) {
      AppendByteLevel(piece, out);
    });
  }

 private:
  const bool add_prefix_space_;
  const bool use_regex_;
};

class SplitStep final : public PreTokenizerStep {
 public:
  SplitStep(std::variant<std::string, Regex> pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
  void Apply(Pieces& pieces, Pieces& spare) const override {
    CutPieces(pieces, spare, behavior_, [&](std::string_view text, Cutter& cutter, size_t offset) {
      size_t gap = 0;
      const auto take = [&](RegexMatch match) {
        if (gap < match.begin) cutter.Add(offset + gap, offset + match.begin, invert_);
        cutter.Add(offset + match.begin, offset + match.end, !invert_);
        gap = match.end;
      };
      if (const auto* regex = std::get_if<Regex>(&pattern_)) {
        Regex::Matches matches(*regex, text, spare.pieces.get_allocator().resource());
        while (const auto match = matches.Next()) take(*match);
      } else if (const auto& literal = std::get<std::string>(pattern_); !literal.empty()) {
        for (size_t at = text.find(literal); at != std::string_view::npos;
             at = text.find(literal, gap)) {
          take({at, at + literal.size()});
        }
      }
      if (gap < text.size()) cutter.Add(offset + gap, offset + text.size(), invert_);
    });
  }

 private:
  const std::variant<std::string, Regex> pattern_;
  const SplitBehavior behavior_;
  const bool invert_;
};

class DelimiterStep final : public PreTokenizerStep {
 public:
  explicit DelimiterStep(char32_t delimiter) : delimiter_(delimiter) {}
  void Apply(Pieces& pieces, Pieces& spare) const override {
    CutAtCodePoints(pieces, spare, SplitBehavior::kRemoved,
                    [&](char32_t c) { return c == delimiter_; });
  }

 private:
  const char32_t delimiter_;
};

}  // namespace

std::unique_ptr<PreTokenizerStep> MakeBertPreTokenizer() { return std::make_unique<BertStep>(); }
std::unique_ptr<PreTokenizerStep> MakeWhitespace() { return std::make_unique<WhitespaceStep>(); }
std::unique_ptr<PreTokenizerStep> MakeWhitespaceSplit() {
  return std::make_unique<ClassStep>(kSpace, SplitBehavior::kRemoved);
}
std::unique_ptr<PreTokenizerStep> MakePunctuation(SplitBehavior behavior) {
  return std::make_unique<ClassStep>(kPunctuation, behavior);
}
std::unique_ptr<PreTokenizerStep> MakeDigits(bool individual) {
  return std::make_unique<ClassStep>(
      kNumeric, individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
}
std::unique_ptr<PreTokenizerStep> MakeMetaspace(char32_t replacement, PrependScheme scheme,
                                                bool split) {
  return std::make_unique<MetaspaceStep>(replacement, scheme, split);
}
std::unique_ptr<PreTokenizerStep> MakeByteLevel(bool add_prefix_space, bool use_regex) {
  return std::make_unique<ByteLevelStep>(add_prefix_space, use_regex);
}
std::unique_ptr<PreTokenizerStep> MakeSplit(std::variant<std::string, Regex> pattern,
                                            SplitBehavior behavior, bool invert) {
  return std::make_unique<SplitStep>(std::move(pattern), behavior, invert);
}
std::unique_ptr<PreTokenizerStep> MakeCharDelimiterSplit(char32_t delimiter) {
  return std::make_unique<DelimiterStep>(delimiter);
}

void PreTokenizer::Apply(Pieces& pieces, Pieces& spare) const {
  pieces.pieces.clear();
  if (pieces.text.bytes.empty()) return;
  pieces.pieces.push_back({0, static_cast<uint32_t>(pieces.text.bytes.size())});
  for (const std::unique_ptr<PreTokenizerStep>& step : steps_) step->Apply(pieces, spare);
}

}  // namespace waterline
