// SPDX-License-Identifier: Apache-2.0
#include "redact.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

namespace waterline::server {
namespace {

// ASCII letters alone change; the rest of a name stays as it is.
std::string UpperCase(std::string_view name) {
  std::string upper(name);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

size_t CodePoints(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string Hash(std::string_view text, std::string_view label, std::string_view key) {
  std::string message(label);
  message.push_back('\0');
  message.append(text);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(),
       &size);
  std::string hex;
  constexpr size_t kShown = 8;  // 64 bits: no two of millions of names are alike by chance.
  for (size_t i = 0; i < kShown; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

std::string Replace(std::string_view text, std::string_view label, const RedactionRule& rule) {
  switch (rule.replacement) {
    case Replacement::kLabel:
      return fmt::format("[{}]", UpperCase(label));
    case Replacement::kMask:
      return std::string(CodePoints(text), '*');
    case Replacement::kHash:
      return fmt::format("[{}:{}]", UpperCase(label), Hash(text, label, rule.hash_key));
    case Replacement::kWord:
      return rule.word;
  }
  return {};
}

std::vector<RedactedSpan> JoinSpans(const std::vector<Entity>& entities) {
  std::vector<size_t> order(entities.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return entities[a].byte_start < entities[b].byte_start; });
  std::vector<RedactedSpan> spans;
  for (const size_t i : order) {
    const Entity& entity = entities[i];
    if (spans.empty() || entity.byte_start >= spans.back().byte_end) {
      spans.push_back({entity.byte_start, entity.byte_end, 0, 0, i});
      continue;
    }
    RedactedSpan& last = spans.back();
    last.byte_end = std::max(last.byte_end, entity.byte_end);
    if (entity.score > entities[last.entity].score) last.entity = i;
  }
  return spans;
}

}  // namespace

RedactedText Redact(std::string_view text, const std::vector<Entity>& entities,
                    const std::vector<Label>& labels, const RedactionRule& rule) {
  RedactedText made{{}, JoinSpans(entities)};
  size_t at = 0;
  for (RedactedSpan& span : made.spans) {
    made.text.append(text.substr(at, span.byte_start - at));
    span.new_byte_start = made.text.size();
    const Label& label = labels[static_cast<size_t>(entities[span.entity].label)];
    made.text +=
        Replace(text.substr(span.byte_start, span.byte_end - span.byte_start), label.name, rule);
    span.new_byte_end = made.text.size();
    at = span.byte_end;
  }
  made.text.append(text.substr(at));
  return made;
}

}  // namespace waterline::server
