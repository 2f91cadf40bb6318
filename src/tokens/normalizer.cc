// The steps of normalisation.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/normalizer.h"

#include <algorithm>
#include <utility>

#include "tokens/byte_level.h"
#include "tokens/code_points.h"
#include "tokens/unicode_classes.h"

namespace waterline {
namespace {

// Calls `map(code_point, out)` for each code point and keeps the head.
template <typename Map>
void MapCodePoints(const Text& in, Text& out, Map map) {
  out.bytes.reserve(in.bytes.size() + 8);
  const std::string_view text = in.bytes;
  for (size_t at = 0; at < text.size();) {
    const bool in_head = at < in.head;
    const char32_t code_point = ReadCodePoint(text, at);
    map(code_point, out.bytes);
    if (in_head) out.head = out.bytes.size();
  }
}

// The head after a step that keeps no track of single characters: the first one.
void TakeFirstAsHead(const Text& in, Text& out) {
  if (in.head == 0 || out.bytes.empty()) return;
  out.head = SequenceBytes(static_cast<unsigned char>(out.bytes[0]));
}

std::pmr::memory_resource* Memory(const Text& text) {
  return text.bytes.get_allocator().resource();
}

// The blocks that BERT sets spaces around.
bool IsHan(char32_t c) {
  return c >= 0x3400 && ((c >= 0x4E00 && c <= 0x9FFF) || c <= 0x4DBF ||
                         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x2A6DF) ||
                         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) ||
                         (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0x2F800 && c <= 0x2FA1F));
}

class BertStep final : public NormalizerStep {
 public:
  explicit BertStep(const BertNormalizerOptions& options)
      : options_(options), strip_(options.strip_accents.value_or(options.lowercase)) {}

  void Apply(const Text& in, Text& out) const override {
    if (!strip_ || IsAscii(in.bytes)) {
      MapCodePoints(in, out, [&](char32_t c, std::pmr::string& bytes) {
        Clean(c, bytes, [&](char32_t cleaned) { Case(cleaned, bytes); });
      });
      return;
    }
    Text clean(Memory(out));
    MapCodePoints(in, clean, [&](char32_t c, std::pmr::string& bytes) {
      Clean(c, bytes, [&](char32_t cleaned) { AppendCodePoint(cleaned, bytes); });
    });
    Text decomposed(Memory(out));
    AppendNormalForm(clean.bytes, NormalForm::kNfd, Memory(out), decomposed.bytes);
    TakeFirstAsHead(clean, decomposed);
    MapCodePoints(decomposed, out, [&](char32_t c, std::pmr::string& bytes) {
      if ((UnicodeClasses(c) & kNonspacingMark) == 0) Case(c, bytes);
    });
  }

 private:
  template <typename Emit>
  void Clean(char32_t c, std::pmr::string& bytes, Emit emit) const {
    if (options_.clean_text) {
      const uint32_t classes = UnicodeClasses(c);
      if (c == 0 || c == 0xFFFD || (classes & kBertRemoved) != 0) return;
      if ((classes & kSpace) != 0) c = ' ';
    }
    if (options_.handle_chinese_chars && IsHan(c)) {
      bytes.push_back(' ');
      emit(c);
      bytes.push_back(' ');
      return;
    }
    emit(c);
  }
  void Case(char32_t c, std::pmr::string& bytes) const {
    if (options_.lowercase) {
      AppendLower(c, bytes);
    } else {
      AppendCodePoint(c, bytes);
    }
  }

  const BertNormalizerOptions options_;
  const bool strip_;
};

class LowercaseStep final : public NormalizerStep {
 public:
  void Apply(const Text& in, Text& out) const override { MapCodePoints(in, out, AppendLower); }
};

class FormStep final : public NormalizerStep {
 public:
  explicit FormStep(NormalForm form) : form_(form) {}
  void Apply(const Text& in, Text& out) const override {
    AppendNormalForm(in.bytes, form_, Memory(out), out.bytes);
    TakeFirstAsHead(in, out);
  }

 private:
  const NormalForm form_;
};

class StripAccentsStep final : public NormalizerStep {
 public:
  void Apply(const Text& in, Text& out) const override {
    MapCodePoints(in, out, [](char32_t c, std::pmr::string& bytes) {
      if ((UnicodeClasses(c) & kCombiningMark) == 0) AppendCodePoint(c, bytes);
    });
  }
};

class StripStep final : public NormalizerStep {
 public:
  StripStep(bool left, bool right) : left_(left), right_(right) {}
  void Apply(const Text& in, Text& out) const override {
    const std::string_view text = in.bytes;
    const auto is_space = [&](size_t at) {
      return (UnicodeClasses(ReadCodePoint(text, at)) & kSpace) != 0;
    };
    size_t begin = 0;
    size_t end = text.size();
    while (left_ && begin < end && is_space(begin)) ReadCodePoint(text, begin);
    while (right_ && begin < end && is_space(PreviousStart(text, end))) {
      end = PreviousStart(text, end);
    }
    out.bytes.append(text.substr(begin, end - begin));
    out.head = std::min(out.bytes.size(), in.head > begin ? in.head - begin : 0);
  }

 private:
  const bool left_;
  const bool right_;
};

// Replaces the matches that `next` gives from left to right. The reference aligns the content with
// the last character of its match.
template <typename Next>
void ReplaceMatches(const Text& in, Text& out, std::string_view content, Next next) {
  const std::string_view text = in.bytes;
  out.bytes.reserve(text.size() + 16);
  size_t at = 0;
  const auto copy_until = [&](size_t end) {
    if (in.head > at && end > at) out.head = out.bytes.size() + std::min(end, in.head) - at;
    out.bytes.append(text.substr(at, end - at));
    at = end;
  };
  while (const std::optional<RegexMatch> match = next(at)) {
    copy_until(match->begin);
    out.bytes.append(content);
    if (match->end <= in.head && !content.empty()) out.head = out.bytes.size();
    at = match->end;
  }
  copy_until(text.size());
}

class ReplaceStringStep final : public NormalizerStep {
 public:
  ReplaceStringStep(std::string pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void Apply(const Text& in, Text& out) const override {
    ReplaceMatches(in, out, content_, [&](size_t from) -> std::optional<RegexMatch> {
      if (pattern_.empty()) return std::nullopt;
      const size_t found = in.bytes.find(pattern_, from);
      if (found == std::string::npos) return std::nullopt;
      return RegexMatch{found, found + pattern_.size()};
    });
  }

 private:
  const std::string pattern_;
  const std::string content_;
};

class ReplaceRegexStep final : public NormalizerStep {
 public:
  ReplaceRegexStep(Regex pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void Apply(const Text& in, Text& out) const override {
    Regex::Matches matches(pattern_, in.bytes, Memory(out));
    ReplaceMatches(in, out, content_, [&](size_t) { return matches.Next(); });
  }

 private:
  const Regex pattern_;
  const std::string content_;
};

class SpaceRunsStep final : public NormalizerStep {
 public:
  explicit SpaceRunsStep(std::string content) : content_(std::move(content)) {}
  void Apply(const Text& in, Text& out) const override {
    ReplaceMatches(in, out, content_, [&](size_t from) -> std::optional<RegexMatch> {
      const size_t run = in.bytes.find("  ", from);
      if (run == std::string::npos) return std::nullopt;
      const size_t end = in.bytes.find_first_not_of(' ', run);
      return RegexMatch{run, end == std::string::npos ? in.bytes.size() : end};
    });
  }

 private:
  const std::string content_;
};

class PrependStep final : public NormalizerStep {
 public:
  explicit PrependStep(std::string prefix) : prefix_(std::move(prefix)) {}
  void Apply(const Text& in, Text& out) const override {
    if (in.bytes.empty()) return;
    out.bytes.reserve(prefix_.size() + in.bytes.size());
    out.bytes.append(prefix_).append(in.bytes);
    if (in.head > 0) out.head = prefix_.size() + in.head;
  }

 private:
  const std::string prefix_;
};

class PrecompiledStep final : public NormalizerStep {
 public:
  explicit PrecompiledStep(PrecompiledMap map) : map_(std::move(map)) {}
  void Apply(const Text& in, Text& out) const override {
    out.bytes.reserve(in.bytes.size() + 16);
    out.head = map_.Append(in.bytes, in.head, out.bytes);
  }

 private:
  const PrecompiledMap map_;
};

// SentencePiece's nmt rule: drops control characters, turns odd spaces into U+0020.
class NmtStep final : public NormalizerStep {
 public:
  void Apply(const Text& in, Text& out) const override {
    MapCodePoints(in, out, [](char32_t c, std::pmr::string& bytes) {
      if ((c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
          c == 0x9F) {
        return;
      }
      const bool space = c == 0x9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
                         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
                         c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
      AppendCodePoint(space ? U' ' : c, bytes);
    });
  }
};

class ByteLevelStep final : public NormalizerStep {
 public:
  void Apply(const Text& in, Text& out) const override {
    AppendByteLevel(std::string_view(in.bytes).substr(0, in.head), out.bytes);
    out.head = out.bytes.size();
    AppendByteLevel(std::string_view(in.bytes).substr(in.head), out.bytes);
  }
};

}  // namespace

std::unique_ptr<NormalizerStep> MakeBertNormalizer(const BertNormalizerOptions& options) {
  return std::make_unique<BertStep>(options);
}
std::unique_ptr<NormalizerStep> MakeLowercase() { return std::make_unique<LowercaseStep>(); }
std::unique_ptr<NormalizerStep> MakeNormalForm(NormalForm form) {
  return std::make_unique<FormStep>(form);
}
std::unique_ptr<NormalizerStep> MakeStripAccents() { return std::make_unique<StripAccentsStep>(); }
std::unique_ptr<NormalizerStep> MakeStrip(bool left, bool right) {
  return std::make_unique<StripStep>(left, right);
}
std::unique_ptr<NormalizerStep> MakeReplace(std::string pattern, std::string content) {
  return std::make_unique<ReplaceStringStep>(std::move(pattern), std::move(content));
}
std::unique_ptr<NormalizerStep> MakeReplace(Regex pattern, std::string content) {
  return std::make_unique<ReplaceRegexStep>(std::move(pattern), std::move(content));
}
std::unique_ptr<NormalizerStep> MakePrepend(std::string prefix) {
  return std::make_unique<PrependStep>(std::move(prefix));
}
std::unique_ptr<NormalizerStep> MakePrecompiled(PrecompiledMap map) {
  return std::make_unique<PrecompiledStep>(std::move(map));
}
std::unique_ptr<NormalizerStep> MakeNmt() { return std::make_unique<NmtStep>(); }
std::unique_ptr<NormalizerStep> MakeByteLevelNormalizer() {
  return std::make_unique<ByteLevelStep>();
}
std::unique_ptr<NormalizerStep> MakeReplaceSpaceRuns(std::string content) {
  return std::make_unique<SpaceRunsStep>(std::move(content));
}

void Normalizer::Apply(Text& text, Text& spare) const {
  for (const std::unique_ptr<NormalizerStep>& step : steps_) {
    spare.bytes.clear();
    spare.head = 0;
    step->Apply(text, spare);
    text.bytes.swap(spare.bytes);
    std::swap(text.head, spare.head);
  }
}

}  // namespace waterline
