// Short pieces merge by scanning for the least rank, long ones through a heap; the order is the
// same: by rank, then from left to right.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <queue>
#include <span>

#include "tokens/code_points.h"

namespace waterline {
namespace {

constexpr uint64_t kNoPair = std::numeric_limits<uint64_t>::max();
constexpr int32_t kNoRank = std::numeric_limits<int32_t>::max();

uint64_t Pair(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

}  // namespace

MergeTable::MergeTable(size_t count, std::pmr::memory_resource* memory)
    : entries_(std::bit_ceil(count + count / 2 + 2), Entry{kNoPair, 0, 0}, memory),
      shift_(64 - std::countr_zero(entries_.size())) {}

size_t MergeTable::SlotOf(uint64_t pair) const {
  const size_t mask = entries_.size() - 1;
  // The highest bits of the product: only they depend on both ids.
  size_t slot = pair * 0x9E3779B97F4A7C15u >> shift_;
  while (entries_[slot].pair != pair && entries_[slot].pair != kNoPair) slot = (slot + 1) & mask;
  return slot;
}

void MergeTable::Set(int32_t left, int32_t right, int32_t rank, int32_t id) {
  const uint64_t pair = Pair(left, right);
  entries_[SlotOf(pair)] = {pair, rank, id};
}

const MergeTable::Entry* MergeTable::Find(int32_t left, int32_t right) const {
  const Entry& entry = entries_[SlotOf(Pair(left, right))];
  return entry.pair == kNoPair ? nullptr : &entry;
}

namespace {

// A symbol of a long piece; removed ones have next = kRemoved.
struct Symbol {
  int32_t id;
  int32_t previous;
  int32_t next;
};
constexpr int32_t kEnd = -1;
constexpr int32_t kRemoved = -2;

struct Candidate {
  int32_t rank;
  int32_t at;
  int32_t id;
};
struct ComesLater {
  bool operator()(const Candidate& a, const Candidate& b) const {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  }
};

class Bpe final : public TrieModel {
 public:
  Bpe(PieceTrie vocabulary, MergeTable merges, const BpeOptions& options)
      : TrieModel(std::move(vocabulary)), merges_(std::move(merges)), options_(options) {
    byte_ids_.fill(PieceTrie::kNoId);
    for (size_t byte = 0; byte < byte_ids_.size() && options_.byte_fallback; ++byte) {
      byte_ids_[byte] = trie_.Find(fmt::format("<0x{:02X}>", byte));
    }
    for (uint32_t c = 0; c < char_ids_.size(); ++c) {
      std::string text;
      AppendCodePoint(c, text);
      char_ids_[c] = trie_.Find(text);
    }
  }

  void Encode(std::string_view piece, std::pmr::vector<int32_t>& ids) const override {
    if (options_.ignore_merges) {
      if (const int32_t id = trie_.Find(piece); id != PieceTrie::kNoId) {
        ids.push_back(id);
        return;
      }
    }
    const size_t first = ids.size();
    AppendSymbols(piece, ids);
    const size_t count = ids.size() - first;
    if (count < 2) return;
    constexpr size_t kShort = 48;
    if (count <= kShort) {
      std::array<int32_t, kShort> ranks;
      std::array<int32_t, kShort> merged;
      ids.resize(first + MergeShort(std::span(ids).subspan(first), ranks, merged));
    } else {
      MergeLong(first, ids);
    }
  }
  std::string_view name() const override { return "BPE"; }

 private:
  // Appends one id a character (or byte): what merging starts from.
  void AppendSymbols(std::string_view piece, std::pmr::vector<int32_t>& ids) const {
    bool pending_unk = false;
    const auto flush = [&] {
      if (pending_unk) ids.push_back(*options_.unk_id);
      pending_unk = false;
    };
    for (size_t at = 0; at < piece.size();) {
      const size_t begin = at;
      const char32_t c = ReadCodePoint(piece, at);
      const std::string_view text = piece.substr(begin, at - begin);
      const int32_t id = SymbolId(c, text, begin == 0, at == piece.size());
      if (id != PieceTrie::kNoId) {
        flush();
        ids.push_back(id);
        continue;
      }
      // Bytes do not flush an unknown before them: it comes after, as in the reference.
      if (options_.byte_fallback && AppendBytes(text, begin == 0, at == piece.size(), ids))
        continue;
      if (!options_.unk_id.has_value()) continue;
      if (!options_.fuse_unk) flush();
      pending_unk = true;
    }
    flush();
  }

  int32_t SymbolId(char32_t c, std::string_view text, bool is_first, bool is_last) const {
    const bool has_prefix = !is_first && !options_.continuing_subword_prefix.empty();
    const bool has_suffix = is_last && !options_.end_of_word_suffix.empty();
    if (!has_prefix && !has_suffix) return c < char_ids_.size() ? char_ids_[c] : trie_.Find(text);
    uint32_t node = PieceTrie::kRoot;
    if (has_prefix) node = trie_.Walk(node, options_.continuing_subword_prefix);
    if (has_prefix && node == PieceTrie::kNone) return PieceTrie::kNoId;
    node = trie_.Walk(node, text);
    if (node == PieceTrie::kNone) return PieceTrie::kNoId;
    if (has_suffix) node = trie_.Walk(node, options_.end_of_word_suffix);
    return node == PieceTrie::kNone ? PieceTrie::kNoId : trie_.id(node);
  }

  // The reference spells prefix and suffix in bytes too.
  bool AppendBytes(std::string_view text, bool is_first, bool is_last,
                   std::pmr::vector<int32_t>& ids) const {
    const size_t before = ids.size();
    const auto append = [&](std::string_view bytes) {
      for (const char byte : bytes) {
        const int32_t id = byte_ids_[static_cast<unsigned char>(byte)];
        if (id == PieceTrie::kNoId) return false;
        ids.push_back(id);
      }
      return true;
    };
    if ((is_first || append(options_.continuing_subword_prefix)) && append(text) &&
        (!is_last || append(options_.end_of_word_suffix))) {
      return true;
    }
    ids.resize(before);
    return false;
  }

  // Merges `symbols` in place; returns how many are left. The others serve as work space.
  size_t MergeShort(std::span<int32_t> symbols, std::span<int32_t> ranks,
                    std::span<int32_t> merged) const {
    size_t count = symbols.size();
    const auto look_up = [&](size_t i) {
      const MergeTable::Entry* entry = merges_.Find(symbols[i], symbols[i + 1]);
      ranks[i] = entry == nullptr ? kNoRank : entry->rank;
      merged[i] = entry == nullptr ? 0 : entry->id;
    };
    for (size_t i = 0; i + 1 < count; ++i) look_up(i);
    while (count > 1) {
      const auto least = std::min_element(ranks.begin(), ranks.begin() + (count - 1));
      if (*least == kNoRank) break;
      const auto at = static_cast<size_t>(least - ranks.begin());
      symbols[at] = merged[at];
      const auto close = [&](std::span<int32_t> row, size_t from) {
        std::copy(row.begin() + from + 1, row.begin() + count, row.begin() + from);
      };
      close(symbols, at + 1);
      close(ranks, at);
      close(merged, at);
      --count;
      if (at > 0) look_up(at - 1);
      if (at + 1 < count) look_up(at);
    }
    return count;
  }

  void MergeLong(size_t first, std::pmr::vector<int32_t>& ids) const {
    std::pmr::memory_resource* memory = ids.get_allocator().resource();
    std::pmr::vector<Symbol> symbols(memory);
    const auto count = static_cast<int32_t>(ids.size() - first);
    symbols.reserve(static_cast<size_t>(count));
    for (int32_t i = 0; i < count; ++i) {
      symbols.push_back({ids[first + static_cast<size_t>(i)], i - 1, i + 1 < count ? i + 1 : kEnd});
    }
    std::priority_queue<Candidate, std::pmr::vector<Candidate>, ComesLater> queue(
        ComesLater{}, std::pmr::vector<Candidate>(memory));
    const auto offer = [&](int32_t at) {
      const Symbol& left = symbols[static_cast<size_t>(at)];
      if (left.next < 0) return;
      const MergeTable::Entry* entry =
          merges_.Find(left.id, symbols[static_cast<size_t>(left.next)].id);
      if (entry != nullptr) queue.push({entry->rank, at, entry->id});
    };
    for (int32_t i = 0; i < count; ++i) offer(i);
    while (!queue.empty()) {
      const Candidate top = queue.top();
      queue.pop();
      Symbol& left = symbols[static_cast<size_t>(top.at)];
      if (left.next < 0) continue;
      Symbol& right = symbols[static_cast<size_t>(left.next)];
      const MergeTable::Entry* entry = merges_.Find(left.id, right.id);
      if (entry == nullptr || entry->id != top.id) continue;  // Expired.
      left.id = top.id;
      left.next = right.next;
      right.next = kRemoved;
      if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = top.at;
      if (left.previous >= 0) offer(left.previous);
      offer(top.at);
    }
    size_t size = first;
    for (const Symbol& symbol : symbols) {
      if (symbol.next != kRemoved) ids[size++] = symbol.id;
    }
    ids.resize(size);
  }

  const MergeTable merges_;
  const BpeOptions options_;
  std::array<int32_t, 256> byte_ids_;  // kNoId without byte_fallback.
  std::array<int32_t, 512> char_ids_;  // Single characters, U+0000 to U+01FF.
};

}  // namespace

std::unique_ptr<SubwordModel> MakeBpe(PieceTrie vocabulary, MergeTable merges,
                                      const BpeOptions& options) {
  return std::make_unique<Bpe>(std::move(vocabulary), std::move(merges), options);
}

}  // namespace waterline
