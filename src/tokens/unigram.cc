// Viterbi over byte positions; the same order of additions and comparisons as the reference, so
// ties and rounding fall alike.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "tokens/code_points.h"

namespace waterline {
namespace {

// The best path that ends at a byte.
struct Best {
  double score;
  int32_t id;
  int32_t length;  // Bytes of its last piece; 0: no path.
};

class Unigram final : public TrieModel {
 public:
  Unigram(PieceTrie vocabulary, std::pmr::vector<double> scores, const UnigramOptions& options)
      : TrieModel(std::move(vocabulary)),
        scores_(std::move(scores)),
        unk_id_(options.unk_id),
        unk_score_(*std::min_element(scores_.begin(), scores_.end()) - 10.0) {
    byte_ids_.fill(PieceTrie::kNoId);
    if (!options.byte_fallback) return;
    for (size_t byte = 0; byte < byte_ids_.size(); ++byte) {
      byte_ids_[byte] = trie_.Find(fmt::format("<0x{:02X}>", byte));
    }
  }

  void Encode(std::string_view piece, std::pmr::vector<int32_t>& ids) const override {
    constexpr size_t kOnStack = 256;
    if (piece.size() < kOnStack) {
      std::array<Best, kOnStack> best;
      Encode(piece, std::span(best).first(piece.size() + 1), ids);
    } else {
      std::pmr::vector<Best> best(piece.size() + 1, ids.get_allocator().resource());
      Encode(piece, best, ids);
    }
  }
  int64_t size() const override { return static_cast<int64_t>(scores_.size()); }
  std::string_view name() const override { return "Unigram"; }

 private:
  void Encode(std::string_view piece, std::span<Best> best, std::pmr::vector<int32_t>& ids) const {
    std::fill(best.begin(), best.end(), Best{0.0, 0, 0});
    for (size_t at = 0; at < piece.size();) {
      const size_t bytes =
          std::min(SequenceBytes(static_cast<unsigned char>(piece[at])), piece.size() - at);
      Extend(piece, at, bytes, best);
      at += bytes;
    }
    Backtrack(piece, best, ids);
  }

  // Offers every piece that starts at byte `at`, whose code point has `bytes` bytes.
  void Extend(std::string_view piece, size_t at, size_t bytes, std::span<Best> best) const {
    const double until_here = best[at].score;
    const auto offer = [&](size_t length, double score, int32_t id) {
      Best& target = best[at + length];
      const double candidate = score + until_here;
      if (target.length == 0 || candidate > target.score) {
        target = {candidate, id, static_cast<int32_t>(length)};
      }
    };
    bool has_single = false;
    uint32_t node = PieceTrie::kRoot;
    for (size_t i = at; i < piece.size(); ++i) {
      node = trie_.Child(node, static_cast<uint8_t>(piece[i]));
      if (node == PieceTrie::kNone) break;
      const int32_t id = trie_.id(node);
      if (id == PieceTrie::kNoId) continue;
      const size_t length = i + 1 - at;
      offer(length, scores_[static_cast<size_t>(id)], id);
      has_single = has_single || length == bytes;
    }
    if (!has_single) offer(bytes, unk_score_, unk_id_);
  }

  void Backtrack(std::string_view piece, std::span<const Best> best,
                 std::pmr::vector<int32_t>& ids) const {
    const size_t first = ids.size();
    for (size_t end = piece.size(); end > 0;) {
      size_t start = end - static_cast<size_t>(best[end].length);
      if (best[end].id != unk_id_) {
        ids.push_back(best[end].id);
        end = start;
        continue;
      }
      while (start > 0 && best[start].id == unk_id_) {
        start -= static_cast<size_t>(best[start].length);
      }
      AppendUnknown(piece.substr(start, end - start), ids);
      end = start;
    }
    std::reverse(ids.begin() + static_cast<std::ptrdiff_t>(first), ids.end());
  }

  // Appends the ids of fused unknown text, from last to first.
  void AppendUnknown(std::string_view text, std::pmr::vector<int32_t>& ids) const {
    if (const int32_t id = trie_.Find(text); id != PieceTrie::kNoId) {
      ids.push_back(id);
      return;
    }
    const bool has_bytes = std::all_of(text.begin(), text.end(), [&](char byte) {
      return byte_ids_[static_cast<unsigned char>(byte)] != PieceTrie::kNoId;
    });
    if (!has_bytes) {
      ids.push_back(unk_id_);
      return;
    }
    for (size_t i = text.size(); i > 0; --i) {
      ids.push_back(byte_ids_[static_cast<unsigned char>(text[i - 1])]);
    }
  }

  const std::pmr::vector<double> scores_;
  const int32_t unk_id_;
  const double unk_score_;
  std::array<int32_t, 256> byte_ids_;  // kNoId without byte_fallback.
};

}  // namespace

std::unique_ptr<SubwordModel> MakeUnigram(PieceTrie vocabulary, std::pmr::vector<double> scores,
                                          const UnigramOptions& options) {
  return std::make_unique<Unigram>(std::move(vocabulary), std::move(scores), options);
}

}  // namespace waterline
