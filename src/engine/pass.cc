// SPDX-License-Identifier: Apache-2.0
#include "engine/pass.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace waterline {
namespace {

// The entities of one sequence of the batch.
void ReadOut(const Network& network, const Batch& batch, const Scores& scores, size_t index,
             const Sequence& sequence, const Query& query, std::pmr::memory_resource* staging,
             SequenceResult& result) {
  const MatView logits = scores.logits;
  const SpanScoresView view{.logits = logits.data + batch.score_begins[index],
                            .words = static_cast<int32_t>(sequence.words()),
                            .widths = static_cast<int32_t>(network.head->widths()),
                            .labels = static_cast<int32_t>(sequence.prompt->labels())};
  const float* end = logits.data + batch.score_begins[index + 1];
  if (std::any_of(view.logits, end, [](float v) { return std::isnan(v); })) {
    result.error =
        Error{Code::kBadModel,
              "the scores of this text are not numbers (NaN): the checkpoint holds weights "
              "that are not finite"};
    return;
  }

  std::pmr::vector<std::pair<int32_t, int32_t>> allowed(staging);
  if (query.allowed != nullptr) {
    for (const auto& [first, last] : *query.allowed) {
      if (first >= sequence.word_begin && last < sequence.word_end) {
        allowed.emplace_back(first - sequence.word_begin, last - sequence.word_begin);
      }
    }
  }
  std::pmr::vector<Span> spans(staging);
  FindCandidates(view, query.threshold, query.allowed != nullptr ? &allowed : nullptr, spans);
  const int32_t own_begin = sequence.own_begin - sequence.word_begin;
  const int32_t own_end = sequence.own_end - sequence.word_begin;
  std::erase_if(spans, [&](const Span& s) { return s.start < own_begin || s.start >= own_end; });
  ResolveOverlaps(query.rule, spans);

  result.found.reserve(spans.size());
  for (const Span& span : spans) {
    Found found;
    found.span = span;
    found.span.start += sequence.word_begin;
    found.span.end += sequence.word_begin;
    if (query.class_scores) {
      std::array<ClassScore, kTopClasses> top;
      const size_t count = TopClasses(view, span.start, span.end - span.start, top);
      for (size_t i = 0; i < count; ++i) {
        found.class_scores.push_back({top[i].label, top[i].score});
      }
    }
    if (query.vectors) {
      const int64_t word = batch.word_begins[index];
      found.vector.resize(static_cast<size_t>(network.head->vector_width()));
      network.head->SpanVector(scores, word + span.start, word + span.end, found.vector.data());
      const float* label = scores.labels.view().row(batch.label_begins[index] + span.label);
      found.label_vector.assign(label, label + network.head->vector_width());
    }
    result.found.push_back(std::move(found));
  }
}

void Refuse(std::span<SequenceResult* const> results, const Error& error) {
  for (SequenceResult* result : results) {
    result->found.clear();
    result->error = error;
  }
}

}  // namespace

void RunPass(const PassSetup& setup, std::span<const Sequence* const> sequences,
             std::span<const Query* const> queries, std::span<SequenceResult* const> results) {
  try {
    const Batch batch =
        MakeBatch(sequences, setup.around, setup.network->head->widths(), setup.staging);
    const Plan plan = PlanPass(*setup.network, *setup.kernels, batch, setup.staging);
    if (plan.bytes > setup.workspace->slot_bytes() && sequences.size() > 1) {
      ++setup.counters->splits;
      const size_t half = sequences.size() / 2;
      RunPass(setup, sequences.first(half), queries.first(half), results.first(half));
      RunPass(setup, sequences.subspan(half), queries.subspan(half), results.subspan(half));
      return;
    }
    if (plan.bytes > setup.workspace->bytes()) {
      ++setup.counters->refusals;
      Refuse(results,
             {Code::kOverBudget,
              fmt::format(
                  "this text needs {} bytes of workspace for {} words and {} labels ({} tokens), "
                  "the memory budget leaves {}",
                  plan.bytes, sequences[0]->words(), sequences[0]->prompt->labels(), batch.tokens(),
                  setup.workspace->bytes())});
      return;
    }
    ++setup.counters->batches;
    setup.counters->tokens += batch.tokens();
    setup.counters->last_plan = plan.bytes;

    const Workspace::Lease lease = setup.workspace->Acquire(plan.bytes);
    Arena arena(lease.bytes(), plan);
    Ops ops(*setup.kernels, arena);
    const Scores scores = setup.network->Forward(ops, batch);
    for (size_t i = 0; i < sequences.size(); ++i) {
      ReadOut(*setup.network, batch, scores, i, *sequences[i], *queries[i], setup.staging,
              *results[i]);
    }
  } catch (const OverBudget& over) {
    ++setup.counters->refusals;
    Refuse(
        results,
        {Code::kOverBudget,
         fmt::format("the texts in flight need {} bytes more than the memory budget leaves "
                     "({} bytes); a higher threshold or a larger budget would do",
                     over.wanted() - std::min(over.wanted(), over.available()), over.available())});
  } catch (const std::bad_alloc&) {
    ++setup.counters->refusals;
    Refuse(results, {Code::kOverBudget, "the system refused memory for this text"});
  }
}

}  // namespace waterline
