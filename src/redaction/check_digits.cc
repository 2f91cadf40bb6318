// SPDX-License-Identifier: Apache-2.0
#include "redaction/check_digits.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace waterline::redaction {

std::string LettersAndDigits(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  for (const char c : value) {
    if (c >= 'a' && c <= 'z') {
      out += static_cast<char>(c - 'a' + 'A');
    } else if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
      out += c;
    }
  }
  return out;
}

bool AllDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

int64_t Number(std::string_view digits) {
  int64_t number = 0;
  for (const char c : digits) number = number * 10 + (c - '0');
  return number;
}

int WeightedSum(std::string_view digits, std::initializer_list<int> weights) {
  int sum = 0;
  size_t i = 0;
  for (const int weight : weights) sum += weight * DigitAt(digits, i++);
  return sum;
}

bool PassesLuhn(std::string_view digits) {
  if (digits.size() < 2 || !AllDigits(digits)) return false;
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    const int digit = DigitAt(digits, digits.size() - 1 - i);
    const int twice = 2 * digit;
    sum += i % 2 == 0 ? digit : twice > 9 ? twice - 9 : twice;
  }
  return sum % 10 == 0;
}

bool PassesVerhoeff(std::string_view digits) {
  if (digits.size() < 2 || !AllDigits(digits)) return false;
  static constexpr int kProduct[10][10] = {
      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5},
      {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7},
      {4, 0, 1, 2, 3, 9, 5, 6, 7, 8}, {5, 9, 8, 7, 6, 0, 4, 3, 2, 1},
      {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3},
      {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}};
  static constexpr int kPermuted[8][10] = {
      {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4},
      {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
      {9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1},
      {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}};
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    sum = kProduct[sum][kPermuted[i % 8][DigitAt(digits, digits.size() - 1 - i)]];
  }
  return sum == 0;
}

bool PassesMod11_10(std::string_view digits) {
  if (digits.size() < 2 || !AllDigits(digits)) return false;
  int product = 10;
  for (size_t i = 0; i + 1 < digits.size(); ++i) {
    const int sum = (product + DigitAt(digits, i)) % 10;
    product = (sum == 0 ? 10 : sum) * 2 % 11;
  }
  return (product + DigitAt(digits, digits.size() - 1)) % 10 == 1;
}

int Mod97(std::string_view letters_and_digits) {
  int remainder = 0;
  for (const char c : letters_and_digits) {
    if (c >= '0' && c <= '9') {
      remainder = (remainder * 10 + (c - '0')) % 97;
    } else if (c >= 'A' && c <= 'Z') {
      remainder = (remainder * 100 + (c - 'A' + 10)) % 97;
    } else {
      return -1;
    }
  }
  return remainder;
}

bool PassesBase58Check(std::string_view address) {
  static constexpr std::string_view kAlphabet =
      "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  std::array<uint8_t, 25> bytes = {};
  for (const char c : address) {
    const size_t digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return false;
    auto carry = static_cast<uint32_t>(digit);
    for (size_t i = bytes.size(); i-- > 0;) {
      carry += 58u * bytes[i];
      bytes[i] = static_cast<uint8_t>(carry);
      carry >>= 8;
    }
    if (carry != 0) return false;
  }
  // A leading "1" is a leading zero byte, each of them.
  const size_t ones = std::min(address.find_first_not_of('1'), address.size());
  const auto first = std::find_if(bytes.begin(), bytes.end(), [](uint8_t b) { return b != 0; });
  if (static_cast<size_t>(first - bytes.begin()) != ones) return false;
  std::array<uint8_t, SHA256_DIGEST_LENGTH> hash;
  SHA256(bytes.data(), bytes.size() - 4, hash.data());
  SHA256(hash.data(), hash.size(), hash.data());
  return std::memcmp(hash.data(), bytes.data() + bytes.size() - 4, 4) == 0;
}

bool PassesBech32(std::string_view address, std::string_view prefix) {
  static constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
  std::string lower(address);
  bool has_lower = false, has_upper = false;
  for (char& c : lower) {
    has_lower = has_lower || (c >= 'a' && c <= 'z');
    has_upper = has_upper || (c >= 'A' && c <= 'Z');
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if ((has_lower && has_upper) || lower.size() > 90 || !lower.starts_with(prefix)) return false;
  const std::string_view data = std::string_view(lower).substr(prefix.size());
  if (data.size() < 8 || data[0] != '1') return false;
  uint32_t sum = 1;
  const auto add = [&sum](uint32_t value) {
    static constexpr uint32_t kGenerator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                               0x2a1462b3};
    const uint32_t top = sum >> 25;
    sum = (sum & 0x1ffffff) << 5 ^ value;
    for (int i = 0; i < 5; ++i) sum ^= (top >> i & 1) != 0 ? kGenerator[i] : 0;
  };
  for (const char c : prefix) add(static_cast<unsigned char>(c) >> 5);
  add(0);
  for (const char c : prefix) add(static_cast<unsigned char>(c) & 31);
  for (const char c : data.substr(1)) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return false;
    add(static_cast<uint32_t>(value));
  }
  const size_t version = kAlphabet.find(data[1]);
  const size_t bits = (data.size() - 8) * 5;  // Without the "1", the version and the check.
  const size_t program = bits / 8;
  if (version > 16 || bits % 8 > 4 || program < 2 || program > 40) return false;
  if (version == 0) return sum == 1 && (program == 20 || program == 32);
  return sum == 0x2bc830a3;
}

}  // namespace waterline::redaction
