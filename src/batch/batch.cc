// SPDX-License-Identifier: Apache-2.0
#include "batch/batch.h"

#include <algorithm>
#include <numeric>

namespace waterline {
namespace {

// The words from `first` on as the reference counts them: those with sub-words move up to close the
// gaps, the first `skipped` of them are taken for labels, and the last places stay empty.
void ShiftWords(int32_t skipped, size_t first, std::pmr::vector<RowRange>& words) {
  const auto begin = words.begin() + static_cast<std::ptrdiff_t>(first);
  auto end = std::remove_if(begin, words.end(), [](RowRange r) { return r.begin == r.end; });
  end = std::move(begin + std::min<std::ptrdiff_t>(skipped, end - begin), end, begin);
  std::fill(end, words.end(), RowRange{});
}

// Fills batch.read, and turns words and labels from ranges of tokens into ranges of its rows.
void NoteRead(Pooling pooling, std::pmr::memory_resource* memory, Batch& batch) {
  for (RowRange& word : batch.words) {
    if (word.begin == word.end) continue;
    if (pooling == Pooling::kFirst) word.end = word.begin + 1;
    if (pooling == Pooling::kLast) word.begin = word.end - 1;
  }
  std::pmr::vector<int32_t> row(batch.ids.size(), -1, memory);  // Of each token; -1: not read.
  const auto mark = [&](const RowRange& range) {
    std::fill(row.begin() + range.begin, row.begin() + range.end, 0);
  };
  std::for_each(batch.words.begin(), batch.words.end(), mark);
  std::for_each(batch.labels.begin(), batch.labels.end(), mark);
  std::for_each(batch.relations.begin(), batch.relations.end(), mark);
  batch.read.reserve(static_cast<size_t>(std::count(row.begin(), row.end(), 0)));
  for (size_t t = 0; t < row.size(); ++t) {
    if (row[t] < 0) continue;
    row[t] = static_cast<int32_t>(batch.read.size());
    batch.read.push_back({static_cast<int32_t>(t), static_cast<int32_t>(t) + 1});
  }
  const auto move = [&](RowRange& range) {
    if (range.begin == range.end) return;
    const int32_t size = range.end - range.begin;
    range.begin = row[static_cast<size_t>(range.begin)];
    range.end = range.begin + size;
  };
  std::for_each(batch.words.begin(), batch.words.end(), move);
  std::for_each(batch.labels.begin(), batch.labels.end(), move);
  std::for_each(batch.relations.begin(), batch.relations.end(), move);
}

// Appends the tokens of `markers`, counted from `row`; returns which places they took.
RowRange AddMarkers(const std::pmr::vector<int32_t>& markers, int32_t row,
                    std::pmr::vector<RowRange>& to) {
  const auto begin = static_cast<int32_t>(to.size());
  for (const int32_t marker : markers) to.push_back({row + marker, row + marker + 1});
  return {begin, static_cast<int32_t>(to.size())};
}

// Gives a sequence `labels`; unless they are its own, it shares them with those before it that have
// the same.
void NoteGiven(const GivenLabels& labels, bool own, Batch& batch) {
  int32_t row = 0;
  bool known = false;
  for (const GivenLabels* other : batch.given) {
    known = other == &labels && !own;
    if (known) break;
    row += static_cast<int32_t>(other->count);
  }
  if (!known) batch.given.push_back(&labels);
  batch.label_groups.push_back({row, row + static_cast<int32_t>(labels.count)});
}

}  // namespace

int64_t Sequence::tokens(const SequenceTemplate& around) const {
  const auto& begins = text->word_begins;
  return around.size() + static_cast<int64_t>(prompt->ids.size()) +
         static_cast<int64_t>(begins[static_cast<size_t>(word_end)] -
                              begins[static_cast<size_t>(word_begin)]);
}

Batch::Batch(std::pmr::memory_resource* memory)
    : ids(memory),
      positions(memory),
      begins(memory),
      read(memory),
      words(memory),
      word_begins(memory),
      labels(memory),
      given(memory),
      label_groups(memory),
      label_begins(memory),
      relations(memory),
      relation_groups(memory),
      score_begins(memory) {}

int64_t Batch::label_rows() const {
  int64_t count = 0;
  for (const RowRange& group : label_groups) count += group.end - group.begin;
  return count;
}

Batch MakeBatch(std::span<const Sequence* const> sequences, const SequenceTemplate& around,
                const BatchRules& rules, std::pmr::memory_resource* memory) {
  Batch batch(memory);
  int64_t tokens = 0, words = 0, labels = 0;
  for (const Sequence* s : sequences) {
    tokens += s->tokens(around);
    words += s->words();
    if (s->given == nullptr) labels += s->labels();
  }
  batch.ids.reserve(static_cast<size_t>(tokens));
  batch.positions.resize(static_cast<size_t>(tokens));
  batch.words.reserve(static_cast<size_t>(words));
  batch.labels.reserve(static_cast<size_t>(labels));
  batch.label_groups.reserve(sequences.size());
  batch.relation_groups.reserve(sequences.size());
  for (auto* begins : {&batch.begins, &batch.word_begins}) {
    begins->reserve(sequences.size() + 1);
    begins->push_back(0);
  }
  batch.score_begins.reserve(sequences.size() + 1);
  batch.score_begins.push_back(0);

  for (const Sequence* s : sequences) {
    const size_t first = batch.ids.size();
    batch.ids.insert(batch.ids.end(), around.prefix.begin(), around.prefix.end());
    const auto prompt_row = static_cast<int32_t>(batch.ids.size());
    batch.ids.insert(batch.ids.end(), s->prompt->ids.begin(), s->prompt->ids.end());
    if (s->given != nullptr) {
      NoteGiven(*s->given, rules.own_labels, batch);
    } else {
      batch.label_groups.push_back(AddMarkers(s->prompt->markers, prompt_row, batch.labels));
    }
    if (rules.own_labels) {
      if (batch.label_begins.empty()) batch.label_begins.push_back(0);
      batch.label_begins.push_back(batch.label_groups.back().end);
    }
    batch.relation_groups.push_back(
        AddMarkers(s->prompt->relation_markers, prompt_row, batch.relations));
    const auto text_row = static_cast<int64_t>(batch.ids.size());
    const TokenText& text = *s->text;
    const auto word_token = [&](int32_t word) {
      return static_cast<int64_t>(text.word_begins[static_cast<size_t>(word)]);
    };
    const int64_t first_id = word_token(s->word_begin);
    batch.ids.insert(batch.ids.end(), text.ids.begin() + first_id,
                     text.ids.begin() + word_token(s->word_end));
    const size_t first_word = batch.words.size();
    for (int32_t word = s->word_begin; word < s->word_end; ++word) {
      batch.words.push_back({static_cast<int32_t>(text_row + word_token(word) - first_id),
                             static_cast<int32_t>(text_row + word_token(word + 1) - first_id)});
    }
    if (s->reference_alignment) ShiftWords(s->prompt->silent_labels, first_word, batch.words);
    batch.ids.insert(batch.ids.end(), around.suffix.begin(), around.suffix.end());

    std::iota(batch.positions.begin() + static_cast<std::ptrdiff_t>(first),
              batch.positions.begin() + static_cast<std::ptrdiff_t>(batch.ids.size()), 0);
    batch.begins.push_back(static_cast<int32_t>(batch.ids.size()));
    batch.word_begins.push_back(static_cast<int32_t>(batch.words.size()));
    batch.score_begins.push_back(batch.score_begins.back() +
                                 s->words() * rules.channels * s->labels());
  }
  NoteRead(rules.pooling, memory, batch);
  return batch;
}

}  // namespace waterline
