// Reading and walking the double array of a precompiled character map.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/precompiled_map.h"

#include <fmt/format.h>

#include <utility>

#include "base/utf8.h"
#include "tokens/code_points.h"
#include "tokens/unicode_forms.h"

namespace waterline {
namespace {

// Units of Darts-clone, bit by bit.
bool HasLeaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
bool IsLeaf(uint32_t unit) { return unit >> 31 != 0; }
uint32_t Value(uint32_t unit) { return unit & 0x7FFFFFFFu; }
uint32_t Label(uint32_t unit) { return unit & 0x800000FFu; }
size_t Offset(uint32_t unit) { return size_t{unit >> 10} << ((unit & 1u << 9) >> 6); }

uint32_t ReadU32(const char* bytes) {
  const auto byte = [&](int i) { return uint32_t{static_cast<unsigned char>(bytes[i])}; };
  return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
}

}  // namespace

Result<PrecompiledMap> PrecompiledMap::Parse(std::string_view blob,
                                             std::pmr::memory_resource* memory) {
  if (blob.size() < 4) {
    return Error{Code::kBadModel, fmt::format("precompiled_charsmap has {} bytes, fewer than its "
                                              "4-byte header",
                                              blob.size())};
  }
  const size_t trie_bytes = ReadU32(blob.data()) / 4 * size_t{4};
  if (trie_bytes > blob.size() - 4 || trie_bytes == 0) {
    return Error{Code::kBadModel,
                 fmt::format("precompiled_charsmap declares a trie of {} bytes, but {} follow",
                             trie_bytes, blob.size() - 4)};
  }
  PrecompiledMap map(memory);
  map.units_.reserve(trie_bytes / 4);
  for (size_t at = 0; at < trie_bytes; at += 4) map.units_.push_back(ReadU32(blob.data() + 4 + at));
  map.replacements_ = blob.substr(4 + trie_bytes);
  if (const size_t bad = FindInvalidUtf8(map.replacements_); bad != kValidUtf8) {
    return Error{
        Code::kBadModel,
        fmt::format("the replacements of precompiled_charsmap are not UTF-8 at byte {}", bad)};
  }
  for (size_t i = 0; i < map.units_.size(); ++i) {
    const uint32_t unit = map.units_[i];
    if (IsLeaf(unit) || !HasLeaf(unit)) continue;
    const size_t leaf = i ^ Offset(unit);
    if (leaf >= map.units_.size()) continue;
    const size_t target = Value(map.units_[leaf]);
    const bool inside = target <= map.replacements_.size();
    const bool starts =
        target == map.replacements_.size() ||
        (inside && (static_cast<unsigned char>(map.replacements_[target]) & 0xC0) != 0x80);
    if (!inside || !starts) {
      return Error{Code::kBadModel,
                   fmt::format("unit {} of precompiled_charsmap points at byte {} of {} bytes of "
                               "replacements, where none starts",
                               i, target, map.replacements_.size())};
    }
  }
  return map;
}

std::optional<std::string_view> PrecompiledMap::Transform(std::string_view text) const {
  size_t node = Offset(units_[0]);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte == 0) break;
    node ^= byte;
    if (node >= units_.size() || Label(units_[node]) != byte) return std::nullopt;
    const bool found = HasLeaf(units_[node]);
    node ^= Offset(units_[node]);
    if (!found) continue;
    if (node >= units_.size()) return std::nullopt;
    const size_t begin = Value(units_[node]);
    if (begin > replacements_.size()) return std::nullopt;
    const size_t end = replacements_.find('\0', begin);
    return std::string_view(replacements_)
        .substr(begin, (end == std::string::npos ? replacements_.size() : end) - begin);
  }
  return std::nullopt;
}

size_t PrecompiledMap::Append(std::string_view text, size_t head, std::pmr::string& out) const {
  constexpr size_t kLongestCluster = 5;
  const size_t before = out.size();
  size_t head_out = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = GraphemeEnd(text, at);
    const std::string_view cluster = text.substr(at, end - at);
    std::optional<std::string_view> whole;
    if (cluster.size() <= kLongestCluster) whole = Transform(cluster);
    if (whole.has_value()) {
      out.append(*whole);
    } else {
      for (size_t i = 0; i < cluster.size();) {
        const size_t begin = i;
        ReadCodePoint(cluster, i);
        const std::string_view one = cluster.substr(begin, i - begin);
        out.append(cluster.size() == one.size() ? one : Transform(one).value_or(one));
      }
    }
    if (at < head) head_out = out.size() - before;
    at = end;
  }
  return head_out;
}

}  // namespace waterline
