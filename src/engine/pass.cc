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
             const PassItem& item, std::pmr::memory_resource* staging) {
  const Sequence& sequence = item.sequence;
  const Query& query = *item.query;
  SequenceResult& result = *item.result;
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

void Refuse(std::span<const PassItem* const> items, const Error& error, bool starved) {
  for (const PassItem* item : items) {
    item->result->found.clear();
    item->result->error = error;
    item->result->starved = starved;
  }
}

Error StagingFull(const OverBudget& over) {
  return {Code::kOverBudget,
          fmt::format("the texts in flight need {} bytes more than the memory budget leaves "
                      "({} bytes); a higher threshold or a larger budget would do",
                      over.wanted() - std::min(over.wanted(), over.available()), over.available())};
}

}  // namespace

void RunPass(const PassSetup& setup, std::span<const PassItem* const> items) {
  const auto halve = [&] {
    ++setup.counters->splits;
    RunPass(setup, items.first(items.size() / 2));
    RunPass(setup, items.subspan(items.size() / 2));
  };
  try {
    std::pmr::vector<const Sequence*> sequences(setup.staging);
    sequences.reserve(items.size());
    for (const PassItem* item : items) sequences.push_back(&item->sequence);
    const Batch batch =
        MakeBatch(sequences, setup.around, setup.network->head->widths(), setup.staging);
    const Plan plan = PlanPass(*setup.network, *setup.kernels, batch, setup.staging);
    if (plan.bytes > setup.workspace->slot_bytes() && items.size() > 1) return halve();
    if (plan.bytes > setup.workspace->bytes()) {
      ++setup.counters->refusals;
      Refuse(items,
             {Code::kOverBudget,
              fmt::format(
                  "this text needs {} bytes of workspace for {} words and {} labels ({} tokens), "
                  "the memory budget leaves {}",
                  plan.bytes, sequences[0]->words(), sequences[0]->prompt->labels(), batch.tokens(),
                  setup.workspace->bytes())},
             /*starved=*/false);
      return;
    }
    ++setup.counters->batches;
    setup.counters->tokens += batch.tokens();
    setup.counters->last_plan = plan.bytes;

    const Workspace::Lease lease = setup.workspace->Acquire(plan.bytes);
    Arena arena(lease.bytes(), plan);
    Ops ops(*setup.kernels, arena);
    const Scores scores = setup.network->Forward(ops, batch);
    for (size_t i = 0; i < items.size(); ++i) {
      try {
        ReadOut(*setup.network, batch, scores, i, *items[i], setup.staging);
      } catch (const OverBudget& over) {  // Too many candidates: the others of the batch have room.
        Refuse(items.subspan(i, 1), StagingFull(over), /*starved=*/true);
      }
    }
  } catch (const OverBudget& over) {
    // The batch itself or its plan did not fit staging; nothing has run yet.
    if (items.size() > 1) return halve();
    Refuse(items, StagingFull(over), /*starved=*/true);
  } catch (const std::bad_alloc&) {
    Refuse(items, {Code::kIo, "the system refused memory for this text"}, /*starved=*/false);
  }
}

}  // namespace waterline
