// SPDX-License-Identifier: Apache-2.0
#include "entities/spans.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>

#include "base/check.h"

namespace waterline {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

int64_t Stride(const SpanScoresView& scores) {
  WATERLINE_CHECK(scores.stride == 0 || scores.stride >= scores.labels);
  return scores.stride == 0 ? scores.labels : scores.stride;
}

// Whether any of the `kProbe` floats at `logits` is >= lowest.
constexpr int64_t kProbe = 32;
bool AnyAtLeast(const float* logits, float lowest) {
  int hits = 0;
  for (int64_t i = 0; i < kProbe; ++i) hits += logits[i] >= lowest;
  return hits != 0;
}

// Which of the spans (s, s + k) may be found.
class AllowedSpans {
 public:
  AllowedSpans(const SpanScoresView& scores,
               const std::pmr::vector<std::pair<int32_t, int32_t>>* pairs,
               std::pmr::memory_resource* memory)
      : all_(pairs == nullptr), bits_(memory) {
    if (all_) return;
    bits_.resize(static_cast<size_t>(scores.words) * static_cast<size_t>(scores.widths));
    for (const auto& [start, end] : *pairs) {
      if (start < 0 || end < start || end >= scores.words || end - start >= scores.widths) continue;
      bits_[static_cast<size_t>(int64_t{start} * scores.widths + (end - start))] = true;
    }
  }

  // `index` is s * widths + k.
  bool Has(int64_t index) const { return all_ || bits_[static_cast<size_t>(index)]; }

 private:
  bool all_;
  std::pmr::vector<bool> bits_;
};

// A sort key: descending score, then ascending rank. -0 equals 0. NaN has a place too, so that the
// order is total.
uint64_t ScoreKey(float score, size_t rank) {
  const uint32_t bits = std::bit_cast<uint32_t>(score + 0.0f);
  const uint32_t ascending = (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
  return uint64_t{~ascending} << 32 | rank;
}

// Visits the candidates whose logits reach `lowest`; `threshold_of(label)` decides.
template <typename ThresholdOf>
void Collect(const SpanScoresView& scores, float lowest, const AllowedSpans& spans,
             ThresholdOf threshold_of, std::pmr::vector<Span>& candidates) {
  const int64_t stride = Stride(scores);
  for (int32_t s = 0; s < scores.words; ++s) {
    const int32_t widths = std::min(scores.widths, scores.words - s);
    const float* row = scores.logits + int64_t{s} * scores.widths * stride;
    const auto visit = [&](int64_t i) {
      if (!(row[i] >= lowest)) return;
      const int32_t k = static_cast<int32_t>(i / stride);
      const int32_t label = static_cast<int32_t>(i % stride);
      if (label >= scores.labels || !spans.Has(int64_t{s} * scores.widths + k)) return;
      const float score = Probability(row[i]);
      if (score > threshold_of(label)) candidates.push_back({s, s + k, label, score});
    };
    const int64_t size = widths * stride;
    int64_t i = 0;
    for (; i + kProbe <= size; i += kProbe) {
      if (!AnyAtLeast(row + i, lowest)) continue;
      for (int64_t j = i; j < i + kProbe; ++j) visit(j);
    }
    for (; i < size; ++i) visit(i);
  }
}

// Which words are covered by kept spans.
class Occupancy {
 public:
  Occupancy(size_t words, std::pmr::memory_resource* memory) : bits_(words / 64 + 1, 0, memory) {}

  bool Free(const Span& span) const {
    return Visit(span, [this](size_t i, uint64_t mask) { return (bits_[i] & mask) == 0; });
  }
  void Take(const Span& span) {
    Visit(span, [this](size_t i, uint64_t mask) {
      bits_[i] |= mask;
      return true;
    });
  }

 private:
  // Calls visit(i, mask) for the 64-bit groups of the words of `span`, while it returns true.
  template <typename F>
  static bool Visit(const Span& span, F visit) {
    const size_t first = static_cast<size_t>(span.start) / 64;
    const size_t last = static_cast<size_t>(span.end) / 64;
    for (size_t i = first; i <= last; ++i) {
      uint64_t mask = ~uint64_t{0};
      if (i == first) mask &= ~uint64_t{0} << (span.start % 64);
      if (i == last) mask &= ~uint64_t{0} >> (63 - span.end % 64);
      if (!visit(i, mask)) return false;
    }
    return true;
  }

  std::pmr::vector<uint64_t> bits_;
};

// The kept spans of a flat rule are disjoint or the same words.
class FlatKeeper {
 public:
  FlatKeeper(bool multi_label, size_t words, std::pmr::memory_resource* memory)
      : multi_label_(multi_label), taken_(words, memory), end_of_(memory) {
    if (multi_label_) end_of_.assign(words, -1);
  }

  bool Keep(const Span& span) {
    if (!taken_.Free(span)) {
      return multi_label_ && end_of_[static_cast<size_t>(span.start)] == span.end;
    }
    taken_.Take(span);
    if (multi_label_) end_of_[static_cast<size_t>(span.start)] = span.end;
    return true;
  }

 private:
  const bool multi_label_;
  Occupancy taken_;
  std::pmr::vector<int32_t> end_of_;  // Of the kept span that starts at a word; -1 when none.
};

// The kept spans of a nested rule never partly overlap. A span partly overlaps one of them exactly
// when one starts at its second word or later and ends behind it, or ends before its last word and
// starts before it; the furthest end and the first start at each word tell.
class NestedKeeper {
 public:
  NestedKeeper(bool multi_label, size_t words, std::pmr::memory_resource* memory)
      : multi_label_(multi_label), at_(words, At{}, memory), kept_(memory) {}

  bool Keep(const Span& span) {
    for (int32_t w = span.start; w < span.end; ++w) {
      if (at_[static_cast<size_t>(w)].first_start < span.start) return false;
      if (at_[static_cast<size_t>(w) + 1].furthest_end > span.end) return false;
    }
    At& start = at_[static_cast<size_t>(span.start)];
    if (!multi_label_) {
      for (int32_t i = start.newest; i >= 0; i = kept_[static_cast<size_t>(i)].older) {
        if (kept_[static_cast<size_t>(i)].end == span.end) return false;
      }
      kept_.push_back({span.end, start.newest});
      start.newest = static_cast<int32_t>(kept_.size()) - 1;
    }
    start.furthest_end = std::max(start.furthest_end, span.end);
    At& end = at_[static_cast<size_t>(span.end)];
    end.first_start = std::min(end.first_start, span.start);
    return true;
  }

 private:
  struct At {
    int32_t furthest_end = -1;                                  // Of the spans that start here.
    int32_t first_start = std::numeric_limits<int32_t>::max();  // Of the spans that end here.
    int32_t newest = -1;  // Index into kept_ of the last span kept that starts here.
  };
  struct Kept {
    int32_t end;
    int32_t older;  // The one kept before it with the same start; -1 when none.
  };

  const bool multi_label_;
  std::pmr::vector<At> at_;
  std::pmr::vector<Kept> kept_;  // Only when equal spans conflict.
};

// Moves what `keeper` keeps to the front, in the order of `order` (the low halves are indices).
template <typename Keeper>
void Select(Keeper keeper, const std::pmr::vector<uint64_t>& order, std::pmr::vector<Span>& kept,
            const std::pmr::vector<Span>& spans) {
  for (const uint64_t key : order) {
    const Span& span = spans[key & 0xFFFFFFFFu];
    if (keeper.Keep(span)) kept.push_back(span);
  }
}

}  // namespace

float Probability(float logit) { return 1.0f / (1.0f + std::exp(-logit)); }

// sigmoid^-1 of a threshold lowered by more than the rounding errors of Probability (a few units in
// the last place, and a few denormals).
float LowestLogit(float threshold) {
  const double lowered = static_cast<double>(threshold) * (1 - 1e-6) - 1e-43;
  if (!(lowered > 0)) return -kInfinity;
  const double logit = std::log(lowered) - std::log1p(-lowered);
  return static_cast<float>(logit - 1e-5 * std::abs(logit) - 1e-5);
}

float Thresholds::Of(int32_t label) const {
  if (of_labels.empty()) return all;
  const float own = of_labels[static_cast<size_t>(label)];
  return std::isnan(own) ? all : own;
}

float Thresholds::Least(int32_t labels) const {
  if (of_labels.empty()) return all;
  float least = kInfinity;
  for (int32_t label = 0; label < labels; ++label) least = std::min(least, Of(label));
  return least;
}

void FindCandidates(const SpanScoresView& scores, const Thresholds& thresholds,
                    const std::pmr::vector<std::pair<int32_t, int32_t>>* allowed,
                    std::pmr::vector<Span>& candidates) {
  WATERLINE_CHECK(thresholds.of_labels.empty() ||
                  thresholds.of_labels.size() == static_cast<size_t>(scores.labels));
  const float least = thresholds.Least(scores.labels);
  if (!(least < 1.0f) || scores.labels == 0) return;
  const AllowedSpans spans(scores, allowed, candidates.get_allocator().resource());
  const float lowest = LowestLogit(least);
  if (thresholds.of_labels.empty()) {
    Collect(
        scores, lowest, spans, [least](int32_t) { return least; }, candidates);
  } else {
    Collect(
        scores, lowest, spans, [&](int32_t label) { return thresholds.Of(label); }, candidates);
  }
}

size_t TopClasses(const SpanScoresView& scores, int32_t start, int32_t width,
                  std::span<ClassScore> out) {
  WATERLINE_CHECK(0 <= start && 0 <= width && width < scores.widths &&
                  width < scores.words - start);
  const float* logits = scores.logits + (int64_t{start} * scores.widths + width) * Stride(scores);
  // `out` holds logits, sorted, until all labels have been seen.
  size_t count = 0;
  for (int32_t label = 0; label < scores.labels; ++label) {
    const float logit = logits[label];
    if (std::isnan(logit)) continue;
    size_t place = count;
    while (place > 0 && out[place - 1].score < logit) --place;
    if (place == out.size()) continue;
    count = std::min(count + 1, out.size());
    for (size_t i = count - 1; i > place; --i) out[i] = out[i - 1];
    out[place] = {label, logit};
  }
  for (ClassScore& entry : out.first(count)) entry.score = Probability(entry.score);
  return count;
}

void ResolveOverlaps(OverlapRule rule, std::pmr::vector<Span>& spans) {
  std::pmr::memory_resource* memory = spans.get_allocator().resource();
  WATERLINE_CHECK(spans.size() <= std::numeric_limits<int32_t>::max());
  std::pmr::vector<uint64_t> order(memory);
  order.reserve(spans.size());
  size_t words = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    WATERLINE_CHECK(0 <= spans[i].start && spans[i].start <= spans[i].end);
    order.push_back(ScoreKey(spans[i].score, i));
    words = std::max(words, static_cast<size_t>(spans[i].end) + 1);
  }
  std::sort(order.begin(), order.end());

  std::pmr::vector<Span> kept(memory);
  if (rule.nested) {
    Select(NestedKeeper(rule.multi_label, words, memory), order, kept, spans);
  } else {
    Select(FlatKeeper(rule.multi_label, words, memory), order, kept, spans);
  }

  order.clear();
  for (size_t i = 0; i < kept.size(); ++i) {
    order.push_back(static_cast<uint64_t>(kept[i].start) << 32 | i);
  }
  std::sort(order.begin(), order.end());
  spans.resize(kept.size());
  for (size_t i = 0; i < kept.size(); ++i) spans[i] = kept[order[i] & 0xFFFFFFFFu];
}

}  // namespace waterline
