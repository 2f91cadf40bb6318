// SPDX-License-Identifier: Apache-2.0
#include "engine/request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "base/utf8.h"
#include "engine/given_words.h"
#include "text/offsets.h"
#include "text/sentences.h"

namespace waterline {
namespace {

// The first id that the word embeddings have no row for, or -1.
int32_t FindForeignId(std::span<const int32_t> ids, const TextLimits& limits) {
  const auto foreign = std::find_if(ids.begin(), ids.end(),
                                    [&](int32_t id) { return id < 0 || id >= limits.vocabulary; });
  return foreign == ids.end() ? -1 : *foreign;
}

Error ForeignId(int32_t id, const TextLimits& limits) {
  return {Code::kBadModel,
          fmt::format("the tokenizer gives the token id {}, the model's vocabulary has {} tokens",
                      id, limits.vocabulary)};
}

// Tokens that are left for text beside any prompt of `labels`.
int64_t TextTokens(const LabelSets& labels, const SequenceTemplate& around,
                   const TextLimits& limits) {
  return limits.max_tokens - around.size() - labels.prompt_tokens;
}

// The given spans as pairs of words, where both ends align with words; others cannot be found.
void AlignSpans(Request& request, OffsetUnit unit) {
  const std::vector<TextSpan>& spans = *request.document.spans;
  std::pmr::vector<size_t> bytes(request.allowed.get_allocator().resource());
  bytes.reserve(2 * spans.size());
  for (const TextSpan& span : spans) {
    bytes.push_back(span.start);
    bytes.push_back(span.end);
  }
  ConvertOffsets(request.document.text, unit, OffsetUnit::kBytes, bytes);
  const auto& words = request.text.words;
  for (size_t i = 0; i < spans.size(); ++i) {
    const auto first = std::lower_bound(words.begin(), words.end(), bytes[2 * i],
                                        [](const Word& w, size_t at) { return w.begin < at; });
    const auto last = std::lower_bound(words.begin(), words.end(), bytes[2 * i + 1],
                                       [](const Word& w, size_t at) { return w.end < at; });
    if (first == words.end() || first->begin != bytes[2 * i]) continue;
    if (last == words.end() || last->end != bytes[2 * i + 1] || last < first) continue;
    request.allowed.emplace_back(static_cast<int32_t>(first - words.begin()),
                                 static_cast<int32_t>(last - words.begin()));
  }
  request.query.allowed = &request.allowed;
}

// The words of the text of `request`: those that are given, or those of the splitter.
Result<void> FindWords(const Request& request, OffsetUnit unit, const IcuSplitter* splitter,
                       std::pmr::vector<Word>& words) {
  const Document& document = request.document;
  if (document.words != nullptr) return TakeWords(document.text, unit, *document.words, words);
  if (splitter != nullptr) return splitter->Split(document.text, words);
  SplitWords(document.text, words);
  return {};
}

}  // namespace

void Request::Starve(const OverBudget& over, const char* what) {
  starved = true;
  error =
      Error{Code::kOverBudget,
            fmt::format("this text of {} bytes needs {} bytes more {}, the memory budget leaves {}",
                        document.text.size(), over.wanted(), what, over.available()),
            Subject::kText};
}

int64_t LabelSets::labels() const {
  int64_t count = 0;
  for (const LabelSet& part : parts) count += part.labels();
  return count;
}

namespace {

// The labels of `labels` that are read, the first of equal names for all, as one set without a
// prompt.
Result<LabelSet> ListLabels(std::span<const Label> labels, std::pmr::memory_resource* memory) {
  LabelSet set(memory);
  std::pmr::map<std::string_view, size_t> by_name(memory);
  std::pmr::map<std::string_view, size_t> by_description(memory);
  for (size_t i = 0; i < labels.size(); ++i) {
    const Label& label = labels[i];
    for (const std::string* text : {&label.name, &label.description}) {
      const size_t bad = FindInvalidUtf8(*text);
      if (bad != kValidUtf8) {
        return Error{Code::kInvalidArgument,
                     fmt::format("label {} is not valid UTF-8 at byte {}", i + 1, bad),
                     Subject::kLabels};
      }
    }
    if (label.threshold && std::isnan(*label.threshold)) {
      return Error{Code::kInvalidArgument,
                   fmt::format("the threshold of label \"{}\" is not a number", label.name),
                   Subject::kLabels};
    }
    if (!by_name.emplace(label.name, i).second) continue;
    if (!label.description.empty()) {
      const auto [same, is_new] = by_description.emplace(label.description, i);
      if (!is_new) {
        return Error{Code::kInvalidArgument,
                     fmt::format("labels \"{}\" and \"{}\" have the same description \"{}\"; "
                                 "descriptions must differ",
                                 labels[same->second].name, label.name, label.description),
                     Subject::kLabels};
      }
    }
    set.texts.push_back(label.description.empty() ? label.name : label.description);
    set.label.push_back(static_cast<int32_t>(i));
  }
  const auto has_own = [](const Label& label) { return label.threshold.has_value(); };
  if (std::any_of(labels.begin(), labels.end(), has_own)) {
    for (const int32_t i : set.label) {
      set.thresholds.push_back(labels[static_cast<size_t>(i)].threshold.value_or(
          std::numeric_limits<float>::quiet_NaN()));
    }
  }
  return set;
}

// Relations as a prompt names them, the first of equal ones for all.
struct RelationList {
  std::pmr::vector<std::string_view> texts;
  std::pmr::vector<int32_t> relation;
};

Result<RelationList> ListRelations(std::span<const std::string> relations,
                                   std::pmr::memory_resource* memory) {
  RelationList list{std::pmr::vector<std::string_view>(memory), std::pmr::vector<int32_t>(memory)};
  for (size_t i = 0; i < relations.size(); ++i) {
    const size_t bad = FindInvalidUtf8(relations[i]);
    if (bad != kValidUtf8) {
      return Error{Code::kInvalidArgument,
                   fmt::format("relation {} is not valid UTF-8 at byte {}", i + 1, bad),
                   Subject::kRelations};
    }
    const std::string_view name = relations[i];
    if (std::find(list.texts.begin(), list.texts.end(), name) != list.texts.end()) continue;
    list.texts.push_back(name);
    list.relation.push_back(static_cast<int32_t>(i));
  }
  return list;
}

// Cuts the labels of `whole` into `parts` sets of nearly equal size, in order, with their prompts.
Result<LabelSets> CutLabels(const LabelSet& whole, const RelationList& relations, size_t parts,
                            const PromptFormat& format, const Tokenizer& tokenizer,
                            std::pmr::memory_resource* memory) {
  LabelSets sets(memory);
  sets.parts.reserve(parts);
  const size_t count = whole.texts.size();
  for (size_t part = 0; part < parts; ++part) {
    const size_t begin = count * part / parts, end = count * (part + 1) / parts;
    LabelSet& set = sets.parts.emplace_back(memory);
    set.label.assign(whole.label.begin() + static_cast<std::ptrdiff_t>(begin),
                     whole.label.begin() + static_cast<std::ptrdiff_t>(end));
    set.texts.assign(whole.texts.begin() + static_cast<std::ptrdiff_t>(begin),
                     whole.texts.begin() + static_cast<std::ptrdiff_t>(end));
    if (!whole.thresholds.empty()) {
      set.thresholds.assign(whole.thresholds.begin() + static_cast<std::ptrdiff_t>(begin),
                            whole.thresholds.begin() + static_cast<std::ptrdiff_t>(end));
    }
    set.relation.assign(relations.relation.begin(), relations.relation.end());
    Result<Prompt> prompt = MakePrompt(set.texts, relations.texts, format, tokenizer, memory);
    if (!prompt.ok()) return prompt.error();
    set.prompt = std::move(*prompt);
    sets.prompt_tokens = std::max(sets.prompt_tokens, static_cast<int64_t>(set.prompt.ids.size()));
  }
  return sets;
}

// The sets of labels that stand in prompts.
Result<LabelSets> MakePrompts(const LabelSet& whole, const RelationList& relations,
                              const LabelRequest& request, const PromptFormat& format,
                              const Tokenizer& tokenizer, const SequenceTemplate& around,
                              const TextLimits& limits, std::pmr::memory_resource* memory) {
  const size_t count = whole.texts.size();
  const auto per_pass = static_cast<size_t>(request.per_pass);
  size_t parts = per_pass == 0 ? 1 : std::max<size_t>(1, (count + per_pass - 1) / per_pass);
  while (true) {
    Result<LabelSets> sets = CutLabels(whole, relations, parts, format, tokenizer, memory);
    if (!sets.ok() || per_pass > 0 || parts >= count) return sets;
    const int64_t room = (limits.max_tokens - around.size()) / 2;
    if (sets->prompt_tokens <= room) return sets;
    // At least as many as the tokens say; relations and uneven labels may ask for more.
    const auto wanted =
        static_cast<size_t>((sets->prompt_tokens + room - 1) / std::max<int64_t>(room, 1));
    parts = std::min(count, std::max(parts + 1, wanted));
  }
}

// Labels as vectors that the checkpoint stores.
Result<void> CheckStored(const LabelSet& set, std::span<const std::string> stored) {
  for (const std::string_view text : set.texts) {
    if (std::find(stored.begin(), stored.end(), text) != stored.end()) continue;
    return Error{
        Code::kInvalidArgument,
        fmt::format("this model knows its labels beforehand, and \"{}\" is none of them: {}", text,
                    fmt::join(stored, ", ")),
        Subject::kLabels};
  }
  return {};
}

}  // namespace

Result<LabelSets> MakeLabelSets(const LabelRequest& request, const PromptFormat& format,
                                const Tokenizer& tokenizer, const SequenceTemplate& around,
                                const TextLimits& limits, std::pmr::memory_resource* memory) {
  if (!request.relations.empty() && !format.relation) {
    return Error{Code::kInvalidArgument,
                 "this model finds no relations: it has no relations_layer; leave them out",
                 Subject::kModel};
  }
  Result<LabelSet> whole = ListLabels(request.labels, memory);
  if (!whole.ok()) return whole.error();
  Result<RelationList> relations = ListRelations(request.relations, memory);
  if (!relations.ok()) return relations.error();

  LabelSets sets(memory);
  if (request.source == LabelSource::kPrompt) {
    Result<LabelSets> made =
        MakePrompts(*whole, *relations, request, format, tokenizer, around, limits, memory);
    if (!made.ok()) return made;
    sets = std::move(*made);
  } else {
    if (request.source == LabelSource::kStored) {
      const Result<void> checked = CheckStored(*whole, request.stored);
      if (!checked.ok()) return checked.error();
      Result<Prompt> prompt = MakePrompt({}, relations->texts, format, tokenizer, memory);
      if (!prompt.ok()) return prompt.error();
      whole->prompt = std::move(*prompt);
      whole->relation.assign(relations->relation.begin(), relations->relation.end());
    }
    sets.prompt_tokens = static_cast<int64_t>(whole->prompt.ids.size());
    sets.parts.push_back(std::move(*whole));
  }
  for (const LabelSet& set : sets.parts) {
    for (const auto ids :
         {std::span<const int32_t>(set.prompt.ids), around.prefix, around.suffix}) {
      const int32_t foreign = FindForeignId(ids, limits);
      if (foreign != -1) return ForeignId(foreign, limits);
    }
  }
  if (TextTokens(sets, around, limits) < 1) {
    return Error{
        Code::kInvalidArgument,
        fmt::format("{} labels take {} tokens, the model reads {} at once and {} of them belong to "
                    "its template: no room is left for text; use fewer or shorter labels, or fewer "
                    "labels a pass",
                    sets.parts.front().labels(), sets.prompt_tokens, limits.max_tokens,
                    around.size()),
        Subject::kLabels};
  }
  return sets;
}

void PrepareText(Request& request, const ExtractOptions& options, const TextReading& reading,
                 std::pmr::memory_resource* memory) {
  const TextLimits& limits = reading.limits;
  const std::string_view text = request.document.text;
  if (text.size() > INT32_MAX) {  // Words are counted in int32_t, and each has a byte.
    request.error = Error{Code::kInvalidArgument,
                          fmt::format("the text has {} bytes; at most {} can be processed at once",
                                      text.size(), INT32_MAX),
                          Subject::kText};
    return;
  }
  const size_t bad = FindInvalidUtf8(text);
  if (bad != kValidUtf8) {
    request.error = Error{Code::kInvalidArgument,
                          fmt::format("the text is not valid UTF-8 at byte {} (0x{:02x})", bad,
                                      static_cast<unsigned char>(text[bad])),
                          Subject::kText};
    return;
  }
  std::pmr::vector<Word> found(memory);
  const Result<void> split = FindWords(request, UnitOf(options.offsets), reading.splitter, found);
  if (!split.ok()) {
    request.error = split.error();
    return;
  }
  request.text = Tokenize(text, std::move(found), reading.tokenizer, memory);
  const int32_t foreign = FindForeignId(request.text.ids, limits);
  if (foreign != -1) {
    request.error = ForeignId(foreign, limits);
    return;
  }
  if (request.text.words.empty() || request.labels->labels() == 0) return;
  if (request.document.spans != nullptr) AlignSpans(request, UnitOf(options.offsets));

  const int64_t most_words = options.window_words > 0 ? options.window_words : limits.max_words;
  const WindowLimits window{.words = most_words,
                            .tokens = TextTokens(*request.labels, reading.around, limits),
                            .overlap = std::min(OverlapWords(limits), most_words / 2)};
  const auto& begins = request.text.word_begins;
  if (options.truncate) {
    const auto words = static_cast<int32_t>(request.text.words.size());
    int32_t end = 0;
    while (end < words && end < window.words &&
           begins[static_cast<size_t>(end) + 1] <= window.tokens) {
      ++end;
    }
    request.words_cut = words - end;
    if (end > 0) request.windows.push_back({0, end, 0, end, 0});
    return;
  }
  int32_t too_long = 0;
  std::optional<std::pmr::vector<Window>> windows = MakeWindows(
      begins, window,
      [&](int32_t word) {
        return BeginsSentence(text, request.text.words, static_cast<size_t>(word));
      },
      memory, &too_long);
  if (windows) {
    request.windows = std::move(*windows);
    return;
  }
  const auto word = static_cast<size_t>(too_long);
  request.error = Error{
      Code::kInvalidArgument,
      fmt::format("the word at byte {} ({} bytes) takes {} tokens; beside these labels the model "
                  "reads {} at once",
                  request.text.words[word].begin,
                  request.text.words[word].end - request.text.words[word].begin,
                  begins[word + 1] - begins[word], window.tokens),
      Subject::kText};
}

namespace {

// The relations of all results, between the first entities of `spans` that lie where they do; those
// of entities that are not among them are gone. A pair that several results have, as labels were
// read in several sets, keeps its best score.
void AddRelations(const Request& request, const std::pmr::vector<Span>& spans,
                  Extraction& extraction, std::pmr::memory_resource* memory) {
  std::pmr::map<std::pair<int32_t, int32_t>, int32_t> entity(memory);
  for (size_t i = 0; i < spans.size(); ++i) {
    entity.emplace(std::pair(spans[i].start, spans[i].end), static_cast<int32_t>(i));
  }
  std::pmr::map<std::tuple<int32_t, int32_t, int32_t>, size_t> known(memory);
  std::pmr::vector<Relation> relations(memory);
  for (const SequenceResult& result : request.results) {
    for (const FoundRelation& found : result.relations) {
      const auto head = entity.find(found.head), tail = entity.find(found.tail);
      if (head == entity.end() || tail == entity.end()) continue;
      const int32_t relation =
          request.labels->parts.front().relation[static_cast<size_t>(found.relation)];
      const auto [place, is_new] =
          known.emplace(std::tuple(head->second, tail->second, relation), relations.size());
      if (is_new) {
        relations.push_back({.head = head->second,
                             .tail = tail->second,
                             .relation = relation,
                             .score = found.score});
      } else {
        float& score = relations[place->second].score;
        score = std::max(score, found.score);
      }
    }
  }
  extraction.relations.assign(relations.begin(), relations.end());
}

}  // namespace

Extraction Finish(Request& request, const ExtractOptions& options,
                  std::pmr::memory_resource* memory) {
  Extraction extraction;
  extraction.words = static_cast<int64_t>(request.text.words.size());
  extraction.words_cut = request.words_cut;
  extraction.windows = static_cast<int64_t>(request.windows.size());
  extraction.error = std::move(request.error);
  for (SequenceResult& result : request.results) {
    if (!result.error || extraction.error) continue;
    extraction.error = std::move(result.error);
    request.starved = result.starved;
  }
  if (extraction.error) return extraction;

  // Results are resolved one by one, unless labels were read in several sets; what meets spans of a
  // neighbouring window is left for here. Labels are counted over all sets here.
  struct Source {
    Span span;
    const SequenceResult* result;
    size_t index;
  };
  const std::pmr::vector<LabelSet>& sets = request.labels->parts;
  std::pmr::vector<Span> spans(memory);
  std::pmr::vector<Source> sources(memory);
  std::pmr::vector<int32_t> labels(memory);  // Index into the caller's list of each label.
  std::pmr::vector<int32_t> first_label(memory);
  for (const LabelSet& set : sets) {
    first_label.push_back(static_cast<int32_t>(labels.size()));
    labels.insert(labels.end(), set.label.begin(), set.label.end());
  }
  for (size_t r = 0; r < request.results.size(); ++r) {
    const SequenceResult& result = request.results[r];
    for (size_t i = 0; i < result.spans.size(); ++i) {
      Span span = result.spans[i];
      span.label += first_label[r % sets.size()];
      spans.push_back(span);
      sources.push_back({span, &result, i});
    }
  }
  if (request.results.size() > 1) {
    const auto key = [](const Span& s) { return std::tuple(s.start, s.end, s.label); };
    std::sort(sources.begin(), sources.end(),
              [&](const Source& a, const Source& b) { return key(a.span) < key(b.span); });
    ResolveOverlaps(request.query.rule, spans);
    std::pmr::vector<Source> kept(memory);
    for (const Span& span : spans) {
      kept.push_back(
          *std::lower_bound(sources.begin(), sources.end(), span,
                            [&](const Source& a, const Span& b) { return key(a.span) < key(b); }));
    }
    sources = std::move(kept);
  }
  AddRelations(request, spans, extraction, memory);

  OffsetCursor cursor(request.document.text, UnitOf(options.offsets));
  extraction.entities.reserve(spans.size());
  if (options.class_scores) extraction.class_scores.reserve(spans.size());
  if (options.vectors) {
    extraction.vectors.reserve(spans.size());
    extraction.label_vectors.reserve(spans.size());
  }
  for (size_t i = 0; i < spans.size(); ++i) {
    const Word& first = request.text.words[static_cast<size_t>(spans[i].start)];
    const Word& last = request.text.words[static_cast<size_t>(spans[i].end)];
    const auto label = [&](int32_t of) { return labels[static_cast<size_t>(of)]; };
    extraction.entities.push_back({.start = cursor.FromByte(first.begin),
                                   .end = cursor.FromByte(last.end),
                                   .byte_start = first.begin,
                                   .byte_end = last.end,
                                   .label = label(spans[i].label),
                                   .score = spans[i].score});
    const SequenceResult& result = *sources[i].result;
    if (options.class_scores) {
      const TopLabels& top = result.top[sources[i].index];
      auto& scores = extraction.class_scores.emplace_back(
          top.scores.begin(), top.scores.begin() + static_cast<std::ptrdiff_t>(top.count));
      const int32_t first_of_set = spans[i].label - result.spans[sources[i].index].label;
      for (LabelScore& score : scores) score.label = label(first_of_set + score.label);
    }
    if (options.vectors) {
      const size_t width = result.vectors.size() / result.spans.size() / 2;
      const float* const vector = result.vectors.data() + 2 * sources[i].index * width;
      extraction.vectors.emplace_back(vector, vector + width);
      extraction.label_vectors.emplace_back(vector + width, vector + 2 * width);
    }
  }
  return extraction;
}

}  // namespace waterline
