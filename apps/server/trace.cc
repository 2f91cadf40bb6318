// SPDX-License-Identifier: Apache-2.0
#include "trace.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

namespace waterline::server {
namespace {

constexpr size_t kTraceAt = 3;
constexpr size_t kTraceDigits = 32;
constexpr size_t kParentAt = 36;
constexpr size_t kParentDigits = 16;
constexpr size_t kFlagsAt = 53;
constexpr size_t kSize = 55;

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(std::string_view text) { return text.find_first_not_of('0') == text.npos; }

template <size_t kBytes>
std::string RandomHex() {
  std::array<unsigned char, kBytes> bytes{};
  RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
  std::string hex;
  for (const unsigned char byte : bytes) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace

std::string NewRequestId() { return RandomHex<16>(); }

bool IsRequestId(std::string_view id) {
  constexpr size_t kLongest = 128;
  return !id.empty() && id.size() <= kLongest && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
           c == '_' || c == '-' || c == ':';
  });
}

bool IsTraceparent(std::string_view header) {
  if (header.size() != kSize || header.substr(0, kTraceAt) != "00-") return false;
  if (header[kParentAt - 1] != '-' || header[kFlagsAt - 1] != '-') return false;
  const std::string_view trace = header.substr(kTraceAt, kTraceDigits);
  const std::string_view parent = header.substr(kParentAt, kParentDigits);
  return IsHex(trace) && IsHex(parent) && IsHex(header.substr(kFlagsAt)) && !IsZero(trace) &&
         !IsZero(parent);
}

std::string_view TraceIdOf(std::string_view traceparent) {
  return traceparent.substr(kTraceAt, kTraceDigits);
}

std::string ChildOf(std::string_view traceparent) {
  return std::string(traceparent.substr(0, kParentAt)) + RandomHex<kParentDigits / 2>() +
         std::string(traceparent.substr(kFlagsAt - 1));
}

}  // namespace waterline::server
