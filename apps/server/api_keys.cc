// SPDX-License-Identifier: Apache-2.0
#include "api_keys.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

namespace waterline::server {
namespace {

constexpr size_t kShortestKey = 16;
constexpr std::string_view kBlank = " \t\r";

std::array<unsigned char, 32> Sha256(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
  return digest;
}

// Takes the next word off `line`; empty at its end.
std::string_view TakeWord(std::string_view& line) {
  const size_t begin = line.find_first_not_of(kBlank);
  if (begin == line.npos) return line = {};
  const size_t end = std::min(line.find_first_of(kBlank, begin), line.size());
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

}  // namespace

Result<ApiKeys> ApiKeys::Parse(std::string_view file) {
  ApiKeys keys;
  int64_t number = 0;
  while (!file.empty()) {
    ++number;
    const size_t end = file.find('\n');
    std::string_view line = file.substr(0, end);
    file.remove_prefix(end == file.npos ? file.size() : end + 1);
    const std::string_view client = TakeWord(line);
    if (client.empty() || client.front() == '#') continue;
    const std::string_view key = TakeWord(line);
    if (key.empty() || !TakeWord(line).empty()) {
      return Error{Code::kInvalidArgument,
                   fmt::format("line {} is not of the form NAME KEY", number)};
    }
    if (key.size() < kShortestKey) {
      return Error{Code::kInvalidArgument, fmt::format("the key in line {} has {} bytes, expected "
                                                       "{} or more",
                                                       number, key.size(), kShortestKey)};
    }
    if (keys.ClientOf(key)) {
      return Error{Code::kInvalidArgument,
                   fmt::format("the key in line {} is there already", number)};
    }
    keys.entries_.push_back({Sha256(key), std::string(client)});
  }
  if (keys.entries_.empty()) return Error{Code::kInvalidArgument, "there is no key"};
  return keys;
}

Result<ApiKeys> ApiKeys::Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const Code code = errno == ENOENT ? Code::kNotFound : Code::kIo;
    return Error{code, fmt::format("cannot read {}: {}", path, std::strerror(errno))};
  }
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (file.bad()) return Error{Code::kIo, fmt::format("cannot read {}", path)};
  Result<ApiKeys> keys = Parse(bytes.str());
  if (!keys.ok()) return Error{keys.error().code, path + ": " + keys.error().message};
  return keys;
}

std::optional<std::string> ApiKeys::ClientOf(std::string_view key) const {
  const Digest digest = Sha256(key);
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    const bool same = CRYPTO_memcmp(entry.digest.data(), digest.data(), digest.size()) == 0;
    found = same ? &entry : found;
  }
  if (found == nullptr) return std::nullopt;
  return found->client;
}

}  // namespace waterline::server
