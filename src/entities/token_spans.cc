// SPDX-License-Identifier: Apache-2.0
#include "entities/token_spans.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace waterline {

namespace {

using WordPairs = std::pmr::vector<std::pair<int32_t, int32_t>>;

enum Channel { kBegins, kEnds, kInside, kChannels };

float LogitOf(const TokenScoresView& scores, int32_t word, int32_t label, Channel channel) {
  const int64_t stride = scores.stride == 0 ? scores.labels : scores.stride;
  return scores.logits[(word * stride + label) * kChannels + channel];
}

// Which pairs of words may be found.
class AllowedPairs {
 public:
  AllowedPairs(const WordPairs* pairs, std::pmr::memory_resource* memory)
      : all_(pairs == nullptr), pairs_(memory) {
    if (all_) return;
    pairs_.assign(pairs->begin(), pairs->end());
    std::sort(pairs_.begin(), pairs_.end());
  }

  bool Has(int32_t start, int32_t end) const {
    return all_ || std::binary_search(pairs_.begin(), pairs_.end(), std::pair(start, end));
  }

 private:
  bool all_;
  WordPairs pairs_;
};

// Of a label: its own, or `threshold` as it was given.
double ThresholdOf(int32_t label, double threshold, std::span<const float> of_labels) {
  if (of_labels.empty()) return threshold;
  const float own = of_labels[static_cast<size_t>(label)];
  return std::isnan(own) ? threshold : static_cast<double>(own);
}

// Calls visit(start, end, label, score) for every span whose label begins at its first word and
// ends at its last (both above its threshold in f32) and of whose words inside(probability, label)
// holds.
template <typename Inside, typename Visit>
void ForSpans(const TokenScoresView& scores, const Thresholds& thresholds, const Inside& inside,
              const Visit& visit) {
  WATERLINE_CHECK(scores.stride == 0 || scores.stride >= scores.labels);
  const float least_threshold = thresholds.Least(scores.labels);
  if (!(least_threshold < 1.0f)) return;
  const float lowest = LowestLogit(least_threshold);
  // What is far below the threshold, as most is, costs no sigmoid: NaN is above nothing.
  const auto probability = [&](int32_t word, int32_t label, Channel channel) {
    const float logit = LogitOf(scores, word, label, channel);
    return logit >= lowest ? Probability(logit) : std::numeric_limits<float>::quiet_NaN();
  };
  for (int32_t start = 0; start < scores.words; ++start) {
    for (int32_t label = 0; label < scores.labels; ++label) {
      const float threshold = thresholds.Of(label);
      const float begins = probability(start, label, kBegins);
      if (!(begins > threshold)) continue;
      float least = begins;
      for (int32_t end = start; end < scores.words; ++end) {
        const float held = Probability(LogitOf(scores, end, label, kInside));
        if (!inside(held, label)) break;
        least = std::min(least, held);
        const float ends = probability(end, label, kEnds);
        if (!(ends > threshold)) continue;
        visit(start, end, label, std::min(least, ends));
      }
    }
  }
}

}  // namespace

void FindTokenSpans(const TokenScoresView& scores, double threshold, const WordPairs* allowed,
                    std::pmr::vector<Span>& candidates, std::span<const float> of_labels) {
  const AllowedPairs pairs(allowed, candidates.get_allocator().resource());
  ForSpans(
      scores, {static_cast<float>(threshold), of_labels},
      [&](float probability, int32_t label) {
        return !(static_cast<double>(probability) < ThresholdOf(label, threshold, of_labels));
      },
      [&](int32_t start, int32_t end, int32_t label, float score) {
        if (pairs.Has(start, end)) candidates.push_back({start, end, label, score});
      });
}

void ProposeTokenSpans(const TokenScoresView& scores, float threshold, const WordPairs* allowed,
                       std::pmr::vector<Span>& spans, std::span<const float> of_labels) {
  std::pmr::memory_resource* memory = spans.get_allocator().resource();
  const AllowedPairs pairs(allowed, memory);
  // Of each word: the start of the last span that ended there. Spans come ordered by start.
  std::pmr::vector<int32_t> start_of(static_cast<size_t>(scores.words), -1, memory);
  const Thresholds thresholds(threshold, of_labels);
  ForSpans(
      scores, thresholds,
      [&](float probability, int32_t label) { return probability > thresholds.Of(label); },
      [&](int32_t start, int32_t end, int32_t label, float score) {
        int32_t& known = start_of[static_cast<size_t>(end)];
        if (known == start || !pairs.Has(start, end)) return;
        known = start;
        spans.push_back({start, end, label, score});
      });
}

void FindAmong(std::span<const Span> spans, const float* logits, int64_t stride, int32_t labels,
               double threshold, std::pmr::vector<Span>& candidates,
               std::span<const float> of_labels) {
  for (size_t i = 0; i < spans.size(); ++i) {
    const float* const row = logits + static_cast<int64_t>(i) * stride;
    for (int32_t label = 0; label < labels; ++label) {
      const float score = Probability(row[label]);
      if (static_cast<double>(score) > ThresholdOf(label, threshold, of_labels)) {
        candidates.push_back({spans[i].start, spans[i].end, label, score});
      }
    }
  }
}

}  // namespace waterline
