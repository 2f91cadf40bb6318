// SPDX-License-Identifier: Apache-2.0
#include "redaction/redaction.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <utility>

#include "base/utf8.h"

namespace waterline::redaction {
namespace {

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string ShownLabel(std::string_view label) {
  std::string shown;
  for (const char c : label) {
    if (IsSpace(c)) {
      if (!shown.ends_with('_')) shown += '_';
    } else {
      shown += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
  }
  return shown;
}

// The first eight bytes of HMAC-SHA256: no two of millions of names are alike by chance.
uint64_t Digest(std::string_view text, std::string_view label, std::string_view key) {
  std::string message(label);
  message.push_back('\0');
  message.append(text);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(),
       &size);
  uint64_t number = 0;
  for (size_t i = 0; i < 8; ++i) number = number << 8 | digest[i];
  return number;
}

// Ten signs of five bits each, in Crockford's alphabet: none that are easily taken for another.
std::string Signs(uint64_t digest) {
  constexpr char kAlphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string signs;
  for (int i = 0; i < 10; ++i) signs += kAlphabet[digest >> (59 - 5 * i) & 31];
  return signs;
}

// What stands in the place of the findings of one text.
class Replacer {
 public:
  Replacer(std::string_view text, const ReplacementOptions& options)
      : text_(text), options_(options) {}

  std::string Replace(std::string_view part, std::string_view label) {
    const auto own = options_.of_labels.find(label);
    switch (own == options_.of_labels.end() ? options_.replacement : own->second) {
      case Replacement::kLabel:
        return fmt::format("[{}]", ShownLabel(label));
      case Replacement::kMask:
        return std::string(CountCodePoints(part), '*');
      case Replacement::kPseudonym:
        return Pseudonym(part, label);
      case Replacement::kHash:
        return fmt::format("[{}:{:016x}]", ShownLabel(label), Digest(part, label, options_.key));
      case Replacement::kWord:
        return options_.word;
    }
    return {};
  }

 private:
  std::string Pseudonym(std::string_view part, std::string_view label) {
    const std::string shown = ShownLabel(label);
    if (options_.keyed_pseudonyms) {
      return fmt::format("{}_{}", shown, Signs(Digest(part, label, options_.key)));
    }
    std::string& known = pseudonyms_[{shown, part}];
    if (!known.empty()) return known;
    int64_t& count = counts_[shown];
    do {
      known = fmt::format("{}_{}", shown, ++count);
    } while (text_.find(known) != std::string_view::npos);
    return known;
  }

  std::string_view text_;
  const ReplacementOptions& options_;
  std::map<std::pair<std::string, std::string_view>, std::string> pseudonyms_;
  std::map<std::string, int64_t> counts_;  // By label.
};

bool ShowsBefore(const Finding& a, const Finding& b) {
  const size_t a_size = a.byte_end - a.byte_start;
  const size_t b_size = b.byte_end - b.byte_start;
  return a_size != b_size ? a_size > b_size : a.score > b.score;
}

std::vector<RedactedSpan> JoinSpans(std::span<const Finding> findings) {
  std::vector<size_t> order(findings.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return findings[a].byte_start < findings[b].byte_start;
  });
  std::vector<RedactedSpan> spans;
  for (const size_t i : order) {
    const Finding& finding = findings[i];
    if (finding.byte_end <= finding.byte_start) continue;
    if (spans.empty() || finding.byte_start >= spans.back().byte_end) {
      spans.push_back({finding.byte_start, finding.byte_end, 0, 0, i});
      continue;
    }
    RedactedSpan& last = spans.back();
    last.byte_end = std::max(last.byte_end, finding.byte_end);
    if (ShowsBefore(finding, findings[last.finding])) last.finding = i;
  }
  return spans;
}

}  // namespace

RedactedText Redact(std::string_view text, std::span<const Finding> findings,
                    const ReplacementOptions& options) {
  RedactedText made{{}, JoinSpans(findings)};
  Replacer replacer(text, options);
  size_t at = 0;
  for (RedactedSpan& span : made.spans) {
    made.text.append(text.substr(at, span.byte_start - at));
    span.new_byte_start = made.text.size();
    made.text += replacer.Replace(text.substr(span.byte_start, span.byte_end - span.byte_start),
                                  findings[span.finding].label);
    span.new_byte_end = made.text.size();
    at = span.byte_end;
  }
  made.text.append(text.substr(at));
  return made;
}

}  // namespace waterline::redaction
