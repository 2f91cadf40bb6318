// SPDX-License-Identifier: Apache-2.0
#include "engine/read_out.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "entities/token_spans.h"
#include "ops/stage.h"

namespace waterline {
namespace {

// Pairs of words of the sequence that may be found; the whole sequence when `query` allows all.
using WordPairs = std::pmr::vector<std::pair<int32_t, int32_t>>;
WordPairs AllowedPairs(const Query& query, const Sequence& sequence,
                       std::pmr::memory_resource* staging) {
  WordPairs allowed(staging);
  if (query.allowed == nullptr) return allowed;
  for (const auto& [first, last] : *query.allowed) {
    if (first >= sequence.word_begin && last < sequence.word_end) {
      allowed.emplace_back(first - sequence.word_begin, last - sequence.word_begin);
    }
  }
  return allowed;
}

// Reads one sequence out.
class Reader {
 public:
  Reader(const ScoredPass& pass, size_t index, const PassItem& item)
      : pass_(pass),
        index_(index),
        sequence_(item.sequence),
        query_(*item.query),
        thresholds_(item.query->threshold, item.label_thresholds),
        result_(*item.result),
        spans_(pass.staging),
        fetched_(pass.staging) {}

  void Read() {
    const Result<void> there = FetchLogits();
    if (!there.ok()) {
      result_.error = there.error();
      return;
    }
    const float* const begin = logits_.data;
    if (std::any_of(begin, begin + logits_.cols, [](float v) { return std::isnan(v); })) {
      result_.error =
          Error{Code::kBadModel,
                "the scores of this text are not numbers (NaN): the checkpoint holds weights "
                "that are not finite"};
      return;
    }
    Find(begin);
    if (result_.error) return;
    if (pass_.network.relations != nullptr) FindRelations(begin);
    std::erase_if(spans_, [&](const Span& s) { return !Owns(s.start); });
    if (query_.resolve) ResolveAlone();

    if (result_.error) return;
    if (query_.class_scores) TakeTopLabels(begin);
    if (query_.vectors && !spans_.empty()) TakeVectors();
    if (result_.error) return;
    result_.spans.reserve(spans_.size());
    for (const Span& span : spans_) {
      result_.spans.push_back({.start = span.start + sequence_.word_begin,
                               .end = span.end + sequence_.word_begin,
                               .label = span.label,
                               .score = span.score});
    }
  }

 private:
  // The logits of the sequence where the host can read them.
  Result<void> FetchLogits() {
    const int64_t begin = pass_.batch.score_begins[index_];
    const int64_t end = pass_.batch.score_begins[index_ + 1];
    logits_ = pass_.scores.logits.view().Cols(begin, end);
    const Kernels& kernels = pass_.lane.kernels();
    if (kernels.on_host()) return {};
    fetched_.assign(static_cast<size_t>(end - begin), -std::numeric_limits<float>::infinity());
    const MatView here{fetched_.data(), 1, end - begin, end - begin};
    if (pass_.candidates && !query_.class_scores) {
      const auto before = [](const Candidate& c, int64_t index) { return c.index < index; };
      const auto& all = *pass_.candidates;
      for (auto at = std::lower_bound(all.begin(), all.end(), begin, before);
           at != all.end() && at->index < end; ++at) {
        fetched_[static_cast<size_t>(at->index - begin)] = at->logit;
      }
      logits_ = here;
      return {};
    }
    if (!here.empty()) kernels.CopyOut(logits_, here);
    logits_ = here;
    return pass_.lane.Wait();
  }

  const Head& head() const { return *pass_.network.head; }

  SpanScoresView View(const float* logits) const {
    return {.logits = logits,
            .words = static_cast<int32_t>(sequence_.words()),
            .widths = static_cast<int32_t>(head().widths()),
            .labels = static_cast<int32_t>(sequence_.labels())};
  }

  TokenScoresView TokenView(const float* logits) const {
    return {.logits = logits,
            .words = static_cast<int32_t>(sequence_.words()),
            .labels = static_cast<int32_t>(sequence_.labels())};
  }

  // The candidates of the sequence.
  void Find(const float* logits) {
    const WordPairs pairs = AllowedPairs(query_, sequence_, pass_.staging);
    const WordPairs* const allowed = query_.allowed != nullptr ? &pairs : nullptr;
    if (head().layout() == Layout::kSpans) {
      return FindCandidates(View(logits), thresholds_, allowed, spans_);
    }
    const TokenScoresView tokens = TokenView(logits);
    const std::span<const float> own = thresholds_.of_labels;
    if (!head().rescores()) return FindTokenSpans(tokens, query_.threshold, allowed, spans_, own);
    ProposeTokenSpans(tokens, query_.threshold, allowed, spans_, own);
    Rescore();
  }

  // Replaces the spans that the logits propose by those that their own logits find.
  void Rescore() {
    const std::pmr::vector<WordRange> ranges = Ranges();
    const std::pmr::vector<Span> proposed = std::move(spans_);
    spans_ = std::pmr::vector<Span>(pass_.staging);
    if (proposed.empty()) return;
    const Result<void> done = RunStage(pass_.lane, pass_.staging, [&](Ops& ops) {
      const Mat logits = head().RescoreSpans(ops, pass_.scores, pass_.batch, index_, ranges);
      ops.Read(logits, [&](MatView here) {
        FindAmong(proposed, here.data, here.stride, static_cast<int32_t>(sequence_.labels()),
                  query_.threshold, spans_, thresholds_.of_labels);
      });
    });
    if (!done.ok()) result_.error = done.error();
  }

  // The spans as rows of the batch's words.
  std::pmr::vector<WordRange> Ranges() const {
    const int64_t first = pass_.batch.word_begins[index_];
    std::pmr::vector<WordRange> ranges(pass_.staging);
    ranges.reserve(spans_.size());
    for (const Span& span : spans_) ranges.push_back({first + span.start, first + span.end});
    return ranges;
  }

  // Whether the sequence reports what starts at its word `start`.
  bool Owns(int32_t start) const {
    return start >= sequence_.own_begin - sequence_.word_begin &&
           start < sequence_.own_end - sequence_.word_begin;
  }

  // Resolves the overlaps that no other sequence has a say in. Groups of spans that overlap and may
  // meet those of a neighbour stay whole, to be resolved with the neighbour's: what wins here could
  // lose there, and what it beat would then be missing.
  void ResolveAlone() {
    const int32_t alone_begin = sequence_.alone_begin - sequence_.word_begin;
    const int32_t own_end = sequence_.own_end - sequence_.word_begin;
    std::pmr::vector<Span> shared(pass_.staging);
    size_t alone = 0;
    for (size_t begin = 0, end = 0; begin < spans_.size(); begin = end) {
      int32_t last = spans_[begin].end;
      for (end = begin + 1; end < spans_.size() && spans_[end].start <= last; ++end) {
        last = std::max(last, spans_[end].end);
      }
      const std::span<const Span> group(spans_.data() + begin, end - begin);
      if (group.front().start < alone_begin || last >= own_end) {
        shared.insert(shared.end(), group.begin(), group.end());
      } else {
        std::copy(group.begin(), group.end(), spans_.begin() + static_cast<std::ptrdiff_t>(alone));
        alone += group.size();
      }
    }
    spans_.resize(alone);
    ResolveOverlaps(query_.rule, spans_);
    if (shared.empty()) return;
    std::pmr::vector<Span> merged(pass_.staging);
    merged.reserve(spans_.size() + shared.size());
    std::merge(spans_.begin(), spans_.end(), shared.begin(), shared.end(),
               std::back_inserter(merged),
               [](const Span& a, const Span& b) { return a.start < b.start; });
    spans_ = std::move(merged);
  }

  // Runs of words of `spans`, the first of equal ones for all, in their order.
  WordPairs Distinct(const std::pmr::vector<Span>& spans) const {
    WordPairs pairs(pass_.staging);
    std::pmr::set<std::pair<int32_t, int32_t>> known(pass_.staging);
    for (const Span& span : spans) {
      if (known.emplace(span.start, span.end).second) pairs.emplace_back(span.start, span.end);
    }
    return pairs;
  }

  // Relations between the entities of the sequence, owned or not: another sequence may own a tail.
  void FindRelations(const float* logits) {
    const RowRange group = pass_.batch.relation_groups[index_];
    if (group.begin == group.end) return;
    std::pmr::vector<Span> kept(spans_, pass_.staging);
    if (query_.resolve) ResolveOverlaps(query_.rule, kept);
    const WordPairs wanted = Distinct(kept);
    if (wanted.size() < 2) return;
    const std::pmr::set<std::pair<int32_t, int32_t>> is_wanted(wanted.begin(), wanted.end(),
                                                               pass_.staging);
    const Relations& layer = *pass_.network.relations;
    // The entities of the reference: its order is that of the pairs, and candidates that lost or
    // are not allowed still count where a pair is judged by all of them.
    std::pmr::vector<Span> candidates(pass_.staging);
    if (head().layout() == Layout::kTokens) {
      ProposeTokenSpans(TokenView(logits), query_.threshold, nullptr, candidates,
                        thresholds_.of_labels);
    } else {
      FindCandidates(View(logits), thresholds_, nullptr, candidates);
    }
    WordPairs entities = Distinct(candidates);
    if (!layer.sees_all()) {
      std::erase_if(entities, [&](const auto& pair) { return !is_wanted.contains(pair); });
    }
    const int64_t first = pass_.batch.word_begins[index_];
    std::pmr::vector<WordRange> ranges(pass_.staging);
    for (const auto& [start, end] : entities) ranges.push_back({first + start, first + end});

    const Result<void> done = RunStage(pass_.lane, pass_.staging, [&](Ops& ops) {
      const Mat vectors = head().EntityVectors(ops, pass_.scores, ranges);
      const Relations::Pairs pairs =
          layer.Forward(ops, vectors, pass_.scores.relations.view().Rows(group.begin, group.end));
      ops.Read(pairs.logits, [&](MatView logits_of_pairs) {
        const auto take = [&](MatView adjacency) {
          for (size_t i = 0; i < entities.size(); ++i) {
            if (!is_wanted.contains(entities[i]) || !Owns(entities[i].first)) continue;
            for (size_t j = 0; j < entities.size(); ++j) {
              if (i == j || !is_wanted.contains(entities[j])) continue;
              TakeRelations({adjacency, logits_of_pairs}, entities, i, j, group.end - group.begin);
            }
          }
        };
        if (pairs.adjacency.rows() == 0) return take({});
        ops.Read(pairs.adjacency, take);
      });
    });
    if (done.ok()) return;
    result_.Clear();
    result_.error = done.error();
  }

  // As Relations::Pairs, on the host.
  struct PairScores {
    MatView adjacency;
    MatView logits;
  };
  void TakeRelations(const PairScores& pairs, const WordPairs& entities, size_t i, size_t j,
                     int32_t relations) {
    const auto head = static_cast<int64_t>(i), tail = static_cast<int64_t>(j);
    if (pairs.adjacency.rows > 0 &&
        !(pairs.adjacency.row(head)[tail] > query_.adjacency_threshold)) {
      return;
    }
    const auto in_text = [&](std::pair<int32_t, int32_t> words) {
      return std::pair(words.first + sequence_.word_begin, words.second + sequence_.word_begin);
    };
    const float* const logits = pairs.logits.row(head) + tail * relations;
    for (int32_t r = 0; r < relations; ++r) {
      const float score = Probability(logits[r]);
      if (!(score > query_.relation_threshold)) continue;
      result_.relations.push_back(
          {in_text(entities[i]), in_text(entities[j]), /*relation=*/r, score});
    }
  }

  void TakeTopLabels(const float* logits) {
    result_.top.reserve(spans_.size());
    for (const Span& span : spans_) {
      std::array<ClassScore, kTopClasses> best;
      TopLabels& top = result_.top.emplace_back();
      if (head().layout() != Layout::kSpans) continue;
      top.count = TopClasses(View(logits), span.start, span.end - span.start, best);
      for (size_t i = 0; i < top.count; ++i) top.scores[i] = {best[i].label, best[i].score};
    }
  }

  void TakeVectors() {
    const std::pmr::vector<WordRange> ranges = Ranges();
    const auto width = static_cast<size_t>(head().vector_width());
    result_.vectors.resize(2 * spans_.size() * width);
    // Of entity i the vectors of the span, then of the label.
    const auto stride = static_cast<int64_t>(2 * width);
    const auto count = static_cast<int64_t>(spans_.size());
    const Result<void> done = RunStage(pass_.lane, pass_.staging, [&](Ops& ops) {
      const Mat vectors = head().SpanVectors(ops, pass_.scores, ranges);
      ops.CopyOut(vectors, {result_.vectors.data(), count, stride / 2, stride});
      for (int64_t i = 0; i < count; ++i) {
        const int64_t label =
            pass_.batch.label_groups[index_].begin + spans_[static_cast<size_t>(i)].label;
        ops.CopyOut(pass_.scores.labels.view().Rows(label, label + 1),
                    {result_.vectors.data() + i * stride + stride / 2, 1, stride / 2, stride});
      }
    });
    if (done.ok()) return;
    result_.Clear();
    result_.error = done.error();
  }

  const ScoredPass& pass_;
  const size_t index_;
  const Sequence& sequence_;
  const Query& query_;
  const Thresholds thresholds_;
  SequenceResult& result_;
  std::pmr::vector<Span> spans_;     // Words counted from the sequence's first.
  MatView logits_;                   // One row, on the host;
  std::pmr::vector<float> fetched_;  // here, where they come from a device.
};

}  // namespace

void ReadOut(const ScoredPass& pass, size_t index, const PassItem& item) {
  Reader(pass, index, item).Read();
}

}  // namespace waterline
