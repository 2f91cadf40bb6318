// SPDX-License-Identifier: Apache-2.0
#include "utf8_text.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <unicode/utf8.h>
#include <utf8proc.h>

#include <algorithm>
#include <utility>

namespace waterline::cli {
namespace {

// Bytes of the code point at text[at], and the code point; 0 where there is none.
size_t Decode(std::string_view text, size_t at, utf8proc_int32_t& code) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at;
  const utf8proc_ssize_t length =
      utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size() - at), &code);
  return length > 0 ? static_cast<size_t>(length) : 0;
}

}  // namespace

bool IsUtf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

std::string DescribeInvalidUtf8(std::string_view text) {
  size_t at = 0;
  utf8proc_int32_t code = 0;
  while (at < text.size()) {
    const size_t length = Decode(text, at, code);
    if (length == 0) break;
    at += length;
  }
  return fmt::format("byte {} of it is not UTF-8", at);
}

int64_t ReplaceInvalidUtf8(std::string& text) {
  if (IsUtf8(text)) return 0;
  std::string valid;
  valid.reserve(text.size() + 16);
  int64_t replaced = 0;
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    UChar32 code = 0;
    U8_NEXT(bytes, at, text.size(), code);
    if (code >= 0) {
      valid.append(text, start, at - start);
    } else {
      ++replaced;
      valid += "\uFFFD";
    }
  }
  text = std::move(valid);
  return replaced;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  utf8proc_int32_t code = 0;
  for (size_t at = 0; at < text.size();) {
    at += std::max<size_t>(Decode(text, at, code), 1);
    width += static_cast<size_t>(std::max(utf8proc_charwidth(code), 0));
  }
  return width;
}

std::string ShowControls(std::string_view text) {
  std::string shown;
  shown.reserve(text.size());
  utf8proc_int32_t code = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t length = std::max<size_t>(Decode(text, at, code), 1);
    const bool c1 = code >= 0x80 && code < 0xA0;
    if (code == 0x7F) {
      shown += "\u2421";
    } else if (code < 0x20 && code != '\n' && code != '\t') {
      shown += "\xE2\x90";  // U+2400 + code.
      shown += static_cast<char>(0x80 + code);
    } else if (c1) {
      shown += "\uFFFD";
    } else {
      shown.append(text.substr(at, length));
    }
    at += length;
  }
  return shown;
}

std::string ShowName(std::string_view name) {
  return IsUtf8(name) ? ShowControls(name) : std::string("(not UTF-8)");
}

}  // namespace waterline::cli
