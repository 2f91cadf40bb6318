// The alphabet as a table, the pattern as a scanner.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/byte_level.h"

#include <array>
#include <cstdint>

#include "tokens/code_points.h"
#include "tokens/unicode_classes.h"

namespace waterline {
namespace {

constexpr std::array<uint16_t, 256> MakeAlphabet() {
  std::array<uint16_t, 256> alphabet{};
  uint16_t next = 256;
  for (uint16_t byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    alphabet[byte] = printable ? byte : next++;
  }
  return alphabet;
}
constexpr std::array<uint16_t, 256> kAlphabet = MakeAlphabet();

enum class Kind { kLetter, kNumber, kSpace, kOther };

Kind KindAt(std::string_view text, size_t at) {
  const uint32_t classes = UnicodeClasses(ReadCodePoint(text, at));
  if ((classes & kLetter) != 0) return Kind::kLetter;
  if ((classes & kNumber) != 0) return Kind::kNumber;
  if ((classes & kSpace) != 0) return Kind::kSpace;
  return Kind::kOther;
}

size_t RunEnd(std::string_view text, size_t at, Kind kind) {
  while (at < text.size() && KindAt(text, at) == kind) ReadCodePoint(text, at);
  return at;
}

// Bytes of the contraction at text[at], 0 when there is none.
size_t Contraction(std::string_view text, size_t at) {
  if (text[at] != '\'') return 0;
  const std::string_view rest = text.substr(at + 1);
  if (rest.empty()) return 0;
  if (rest[0] == 's' || rest[0] == 't' || rest[0] == 'm' || rest[0] == 'd') return 2;
  const std::string_view two = rest.substr(0, 2);
  return two == "re" || two == "ve" || two == "ll" ? 3 : 0;
}

}  // namespace

void AppendByteLevel(std::string_view bytes, std::pmr::string& out) {
  for (const char byte : bytes) {
    AppendCodePoint(kAlphabet[static_cast<unsigned char>(byte)], out);
  }
}

size_t Gpt2MatchEnd(std::string_view text, size_t at) {
  if (const size_t bytes = Contraction(text, at); bytes > 0) return at + bytes;
  size_t start = at;
  if (text[at] == ' ' && at + 1 < text.size()) ++start;
  if (const Kind kind = KindAt(text, start); kind != Kind::kSpace) {
    return RunEnd(text, start, kind);
  }
  const size_t end = RunEnd(text, at, Kind::kSpace);
  if (end == text.size()) return end;
  const size_t last = PreviousStart(text, end);  // \s+(?!\S) leaves it to the next match.
  return last > at ? last : end;
}

}  // namespace waterline
