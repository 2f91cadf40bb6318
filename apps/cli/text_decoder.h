// Bytes of any declared encoding -> UTF-8, with ICU's converters.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "waterline/result.h"

namespace waterline::cli {

// The encoding that a byte-order mark at the start of `head` declares ("UTF-8", "UTF-16LE",
// "UTF-32BE", ...), and the mark's length; "" and 0 for none. Four bytes are enough.
std::string EncodingOfMark(std::string_view head, size_t& mark_bytes);

// Whether `head` may be the beginning of a mark that more bytes would show.
bool MayBeMark(std::string_view head);

// Whether ICU knows the encoding. Errors: kInvalidArgument  it does not; names some that it knows.
Result<void> CheckEncoding(const std::string& encoding);

// Whether `encoding` is a name of UTF-8, which needs no decoder.
bool IsUtf8Name(const std::string& encoding);

// Decodes piece by piece. For one thread.
class TextDecoder {
 public:
  // Errors: as CheckEncoding; kIo  ICU's data is missing or the system refused memory.
  static Result<TextDecoder> Open(const std::string& encoding);

  TextDecoder(TextDecoder&&) noexcept;
  TextDecoder& operator=(TextDecoder&&) noexcept;
  ~TextDecoder();

  // Appends what `bytes` say to `text`; `last`: no more will come. What the encoding has no
  // character for becomes U+FFFD.
  void Decode(std::string_view bytes, bool last, std::string& text);

  // How often that happened.
  int64_t replaced() const;

 private:
  struct State;
  explicit TextDecoder(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace waterline::cli
