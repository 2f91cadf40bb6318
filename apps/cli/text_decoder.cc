// SPDX-License-Identifier: Apache-2.0
#include "text_decoder.h"

#include <fmt/format.h>
#include <unicode/ucnv.h>
#include <unicode/ucnv_cb.h>

#include <algorithm>
#include <utility>

namespace waterline::cli {
namespace {

constexpr std::string_view kMarks[] = {"\xEF\xBB\xBF", "\xFF\xFE", "\xFE\xFF",
                                       std::string_view("\0\0\xFE\xFF", 4)};
constexpr char kUtf8[] = "UTF-8";

struct CloseConverter {
  void operator()(UConverter* converter) const { ucnv_close(converter); }
};
using Converter = std::unique_ptr<UConverter, CloseConverter>;

Converter OpenConverter(const std::string& encoding, UErrorCode& status) {
  return Converter(ucnv_open(encoding.c_str(), &status));
}

// ICU's own substitution writes U+001A in single-byte encodings; here it is U+FFFD everywhere.
void Replace(const void* context, UConverterToUnicodeArgs* arguments, const char*, int32_t,
             UConverterCallbackReason reason, UErrorCode* status) {
  if (reason > UCNV_IRREGULAR) return;  // Reset, close and clone.
  ++*const_cast<int64_t*>(static_cast<const int64_t*>(context));
  constexpr UChar kReplacement = 0xFFFD;
  *status = U_ZERO_ERROR;
  ucnv_cbToUWriteUChars(arguments, &kReplacement, 1, 0, status);
}

}  // namespace

std::string EncodingOfMark(std::string_view head, size_t& mark_bytes) {
  UErrorCode status = U_ZERO_ERROR;
  int32_t length = 0;
  const char* name = ucnv_detectUnicodeSignature(
      head.data(), static_cast<int32_t>(std::min<size_t>(head.size(), 8)), &length, &status);
  const bool found = U_SUCCESS(status) && name != nullptr;
  mark_bytes = found ? static_cast<size_t>(length) : 0;
  return found ? name : "";
}

bool MayBeMark(std::string_view head) {
  if (head.size() >= 4) return false;
  // Two bytes of UTF-16 may begin a mark of UTF-32.
  return std::any_of(std::begin(kMarks), std::end(kMarks), [&](std::string_view mark) {
    return mark.starts_with(head) || (mark == "\xFF\xFE" && head.starts_with(mark));
  });
}

bool IsUtf8Name(const std::string& encoding) {
  return ucnv_compareNames(encoding.c_str(), kUtf8) == 0;
}

Result<void> CheckEncoding(const std::string& encoding) {
  UErrorCode status = U_ZERO_ERROR;
  const Converter converter = OpenConverter(encoding, status);
  if (!encoding.empty() && U_SUCCESS(status)) return {};
  return Error{Code::kInvalidArgument,
               fmt::format("'{}' is not an encoding that is known; some are utf-8, utf-16, "
                           "windows-1252, iso-8859-1, shift_jis, gb18030, euc-kr, koi8-r",
                           encoding)};
}

struct TextDecoder::State {
  static constexpr size_t kPivot = 1024;

  Converter from;
  Converter to;
  UChar pivot[kPivot];
  UChar* pivot_source = pivot;
  UChar* pivot_target = pivot;
  bool started = false;
  int64_t replaced = 0;
};

TextDecoder::TextDecoder(std::unique_ptr<State> state) : state_(std::move(state)) {}
TextDecoder::TextDecoder(TextDecoder&&) noexcept = default;
TextDecoder& TextDecoder::operator=(TextDecoder&&) noexcept = default;
TextDecoder::~TextDecoder() = default;

Result<TextDecoder> TextDecoder::Open(const std::string& encoding) {
  if (Result<void> known = CheckEncoding(encoding); !known.ok()) return known.error();
  auto state = std::make_unique<State>();
  UErrorCode status = U_ZERO_ERROR;
  state->from = OpenConverter(encoding, status);
  state->to = OpenConverter(kUtf8, status);
  if (U_SUCCESS(status)) {
    ucnv_setToUCallBack(state->from.get(), Replace, &state->replaced, nullptr, nullptr, &status);
  }
  if (U_SUCCESS(status)) return TextDecoder(std::move(state));
  return Error{Code::kIo, fmt::format("ICU cannot decode {}: {}", encoding, u_errorName(status))};
}

void TextDecoder::Decode(std::string_view bytes, bool last, std::string& text) {
  const char* source = bytes.data();
  const char* source_end = source + bytes.size();
  char piece[4096];
  UErrorCode status = U_BUFFER_OVERFLOW_ERROR;
  while (status == U_BUFFER_OVERFLOW_ERROR) {
    status = U_ZERO_ERROR;
    char* target = piece;
    ucnv_convertEx(state_->to.get(), state_->from.get(), &target, piece + sizeof(piece), &source,
                   source_end, state_->pivot, &state_->pivot_source, &state_->pivot_target,
                   state_->pivot + State::kPivot, /*reset=*/!state_->started, last, &status);
    state_->started = true;
    text.append(piece, static_cast<size_t>(target - piece));
  }
}

int64_t TextDecoder::replaced() const { return state_->replaced; }

}  // namespace waterline::cli
