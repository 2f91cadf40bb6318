// SPDX-License-Identifier: Apache-2.0
#include "engine/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/label_pass.h"
#include "engine/label_vectors.h"

namespace waterline {
namespace {

// Staging that one byte of text can take in the worst case: a word and its bookkeeping for every
// byte, vectors that grow by doubling.
constexpr size_t kStagingPerTextByte = 64;
// And what every text takes beside: its request and its windows, results and places in line.
constexpr size_t kStagingPerText = 1024;
constexpr size_t kStagingPerLabel = 256;

size_t TextBytes(const Document& document) {
  return kStagingPerText + document.text.size() * kStagingPerTextByte;
}

// With their vectors, of `width` columns, where those are given.
size_t LabelBytes(std::span<const Label> labels, std::span<const std::string> relations,
                  int64_t width) {
  size_t bytes = 0;
  for (const Label& label : labels) {
    bytes += kStagingPerLabel + static_cast<size_t>(width) * sizeof(float) +
             (label.name.size() + label.description.size()) * kStagingPerTextByte;
  }
  for (const std::string& relation : relations) {
    bytes += kStagingPerLabel + relation.size() * kStagingPerTextByte;
  }
  return bytes;
}

Error NoRoom(const OverBudget& over) {
  return {Code::kOverBudget,
          fmt::format("the labels and the place for this text need {} bytes, the memory budget "
                      "leaves {}",
                      over.wanted(), over.available()),
          Subject::kText};
}

}  // namespace

Call::Call(Engine::Impl& engine, Documents documents, std::span<const Label> labels,
           const ExtractOptions& options)
    : engine_(engine),
      model_(**engine.model),
      documents_(documents),
      labels_(labels),
      options_(options),
      staging_(&*engine.staging),
      setup_{.sites = &engine.sites,
             .around = model_.around(),
             .counters = &engine.counters,
             .staging = staging_,
             .wait = &options.wait,
             .budget = engine.budget.get(),
             .observer = &engine.observer,
             .pool = engine.pool ? &*engine.pool : nullptr} {}

void Call::UseWorkspace(Workspace& workspace) { setup_.leased = &workspace; }

Result<void> Call::Check() const {
  bool needs_shared = false;
  for (size_t i = 0; i < documents_.size() && !needs_shared; ++i) {
    needs_shared = documents_[i].labels == nullptr;
  }
  if (needs_shared && labels_.empty()) {
    return Error{Code::kInvalidArgument, "no labels: give at least one entity type to look for",
                 Subject::kLabels};
  }
  if (std::isnan(options_.threshold)) {
    return Error{Code::kInvalidArgument, "the threshold is not a number", Subject::kThreshold};
  }
  for (const std::optional<float>& other :
       {options_.relation_threshold, options_.adjacency_threshold}) {
    if (!other || !std::isnan(*other)) continue;
    return Error{Code::kInvalidArgument, "a threshold for relations is not a number",
                 Subject::kThreshold};
  }
  if (options_.labels_per_pass < 0) {
    return Error{Code::kInvalidArgument,
                 fmt::format("labels_per_pass is {}, expected 0 (as many as fit) or more",
                             options_.labels_per_pass)};
  }
  if (Result<void> windows = CheckWindowWords(); !windows.ok()) return windows;
  return CheckLabelVectors();
}

Result<void> Call::CheckWindowWords() const {
  const int64_t words = options_.window_words;
  if (words == 0) return {};
  if (options_.truncate) {
    return Error{Code::kInvalidArgument,
                 "window_words and truncate do not go together: a text that is cut has one window"};
  }
  const int64_t least = LeastWindowWords(model_.limits);
  if (words >= least && words <= model_.limits.max_words) return {};
  return Error{Code::kInvalidArgument,
               fmt::format("window_words is {}; windows of this model have {} to {} words", words,
                           least, model_.limits.max_words)};
}

// Whether the vectors that were given are for this model.
Result<void> Call::CheckLabelVectors() const {
  if (options_.label_vectors == nullptr) return {};
  const LabelVectors::Impl& vectors = options_.label_vectors->impl();
  if (vectors.prepared.empty() && !vectors.labels.empty() && !engine_.settings.plan_only) {
    return Error{Code::kInvalidArgument,
                 "these label vectors were loaded by an engine with plan_only, for Plan alone"};
  }
  return FitsModel(vectors, model_);
}

// As many documents from `begin` on as staging surely holds, at least one.
Call::Group Call::NextGroup(size_t begin) const {
  const int64_t width = model_.network().labels_given() ? model_.network().head->vector_width() : 0;
  Group group{begin, begin, LabelBytes(labels_, options_.relations, width)};
  const std::vector<Label>* own = nullptr;
  while (group.end < documents_.size()) {
    const Document document = documents_[group.end];
    size_t bytes = TextBytes(document);
    if (document.labels != nullptr && document.labels != own) {
      bytes += LabelBytes(*document.labels, {}, width);
    }
    if (document.relations != nullptr) bytes += LabelBytes({}, *document.relations, width);
    if (group.end > begin && group.bytes + bytes > engine_.turnstile->capacity()) break;
    own = document.labels;
    group.bytes += bytes;
    ++group.end;
  }
  return group;
}

Result<LabelSets> Call::MakeLabels(std::span<const Label> labels,
                                   std::span<const std::string> relations, bool alone) const {
  const Checkpoint& checkpoint = model_.checkpoint;
  Result<LabelSets> sets = MakeLabelSets({.labels = labels,
                                          .relations = relations,
                                          .source = checkpoint.label_source,
                                          .stored = checkpoint.config.classes,
                                          .per_pass = options_.labels_per_pass},
                                         checkpoint.prompt, *checkpoint.tokenizer, setup_.around,
                                         model_.limits, staging_);
  if (!sets.ok() || checkpoint.label_source == LabelSource::kPrompt) return sets;
  const Result<void> filled = FillVectors(alone, sets->parts.front());
  if (!filled.ok()) return filled.error();
  return sets;
}

// Fills in the vectors of a set: those that the checkpoint stores, those that the caller has, and
// those of the label encoder. Nothing is computed for a plan.
Result<void> Call::FillVectors(bool alone, LabelSet& set) const {
  const Network& network = model_.network();
  const int64_t width = network.head->vector_width();
  const auto columns = static_cast<size_t>(width);
  set.vectors.resize(set.texts.size() * columns);
  set.given = {.rows = set.vectors.data(), .count = set.labels(), .width = width};
  const auto row = [&](size_t label) { return set.vectors.data() + label * columns; };

  if (model_.checkpoint.label_source == LabelSource::kStored) {
    if (engine_.settings.plan_only) return {};
    const std::vector<std::string>& stored = model_.checkpoint.config.classes;
    std::pmr::vector<float> encoded(set.vectors.size(), staging_);
    std::pmr::vector<int64_t> rows(staging_);
    for (const std::string_view text : set.texts) {
      rows.push_back(std::find(stored.begin(), stored.end(), text) - stored.begin());
    }
    const Result<void> there =
        ReadStoredLabels(engine_.sites, rows, encoded.data(), options_.wait, staging_);
    if (!there.ok()) return there;
    return PrepareLabels(engine_.sites, encoded.data(), set.labels(), set.vectors.data(),
                         options_.wait, staging_);
  }

  std::pmr::vector<std::string_view> texts(staging_);  // Those that are to be encoded,
  std::pmr::vector<size_t> at(staging_);               // and their places.
  for (size_t i = 0; i < set.texts.size(); ++i) {
    if (options_.label_vectors != nullptr) {
      const LabelVectors::Impl& known = options_.label_vectors->impl();
      const auto found = known.row.find(set.texts[i]);
      if (found != known.row.end()) {
        if (known.prepared.empty()) continue;  // For a plan.
        std::copy_n(known.prepared.data() + found->second * width, columns, row(i));
        continue;
      }
    }
    texts.push_back(set.texts[i]);
    at.push_back(i);
  }
  if (texts.empty()) return {};
  const Result<LabelTokens> tokens =
      TokenizeLabels(texts, model_.checkpoint, model_.longest_label, staging_);
  if (!tokens.ok()) return tokens.error();
  const bool all = texts.size() == set.texts.size();
  std::pmr::vector<float> some(all ? 0 : texts.size() * columns, staging_);
  const auto for_each = [&](int64_t count, FunctionRef<void(int64_t)> fn) {
    ForEach(count, alone || setup_.plan != nullptr, fn);
  };
  const Result<void> encoded =
      EncodeLabels({.setup = setup_, .batch_tokens = engine_.batch_tokens, .for_each = for_each},
                   *tokens, {.prepared = all ? set.vectors.data() : some.data()});
  if (!encoded.ok() || all) return encoded;
  for (size_t i = 0; i < at.size(); ++i)
    std::copy_n(some.data() + i * columns, columns, row(at[i]));
  return {};
}

Result<LabelVectors> Call::EmbedLabels() {
  const Checkpoint& checkpoint = model_.checkpoint;
  const Result<Turnstile::Pass> pass =
      engine_.turnstile->Enter(LabelBytes(labels_, {}, 0), options_.wait);
  if (!pass.ok()) return pass.error();
  const Result<LabelSets> sets = MakeLabelSets(
      {.labels = labels_, .relations = {}, .source = LabelSource::kEncoder, .stored = {}},
      checkpoint.prompt, *checkpoint.tokenizer, setup_.around, model_.limits, staging_);
  if (!sets.ok()) return sets.error();
  const LabelSet& set = sets->parts.front();
  const Result<LabelTokens> tokens =
      TokenizeLabels(set.texts, checkpoint, model_.longest_label, staging_);
  if (!tokens.ok()) return tokens.error();

  auto made = std::make_shared<LabelVectors::Impl>();
  for (const int32_t label : set.label) made->labels.push_back(labels_[static_cast<size_t>(label)]);
  made->labels_encoder = checkpoint.config.labels_encoder_name;
  made->width = model_.network().head->vector_width();
  made->values.resize(made->labels.size() * static_cast<size_t>(made->width));
  made->prepared.resize(made->values.size());
  const auto for_each = [&](int64_t count, FunctionRef<void(int64_t)> fn) {
    ForEach(count, /*in_order=*/false, fn);
  };
  const Result<void> encoded =
      EncodeLabels({.setup = setup_, .batch_tokens = engine_.batch_tokens, .for_each = for_each},
                   *tokens, {.encoded = made->values.data(), .prepared = made->prepared.data()});
  if (!encoded.ok()) return encoded.error();
  made->Index();
  return LabelVectors(std::move(made));
}

// Errors: of the labels of the call.
Result<void> Call::MakeRequests(const Group& group, Texts& texts) const {
  if (!labels_.empty()) {
    texts.shared = MakeLabels(labels_, options_.relations, texts.alone);
    if (!texts.shared.ok()) return texts.shared.error();
  }
  texts.requests.reserve(group.end - group.begin);
  for (size_t i = group.begin; i < group.end; ++i) AddRequest(documents_[i], texts);
  return {};
}

void Call::AddRequest(const Document& document, Texts& texts) const {
  Request& request = texts.requests.emplace_back(staging_);
  request.document = document;
  request.reference_alignment = options_.reference_alignment;
  const float threshold = document.threshold.value_or(options_.threshold);
  request.query = {.threshold = threshold,
                   .rule = {.nested = options_.nested, .multi_label = options_.multi_label},
                   .relation_threshold = options_.relation_threshold.value_or(threshold),
                   .adjacency_threshold = options_.adjacency_threshold.value_or(threshold),
                   .class_scores = options_.class_scores,
                   .vectors = options_.vectors};
  if (std::isnan(request.query.threshold)) {
    request.error =
        Error{Code::kInvalidArgument, "the threshold is not a number", Subject::kThreshold};
  }
  request.labels = &*texts.shared;
  if (document.labels == nullptr && document.relations == nullptr) return;
  try {
    const std::pair key(document.labels, document.relations);
    auto known = texts.own.find(key);
    if (known == texts.own.end()) {
      const auto labels =
          document.labels != nullptr ? std::span<const Label>(*document.labels) : labels_;
      const auto relations = document.relations != nullptr
                                 ? std::span<const std::string>(*document.relations)
                                 : options_.relations;
      known = texts.own.emplace(key, MakeLabels(labels, relations, texts.alone)).first;
    }
    request.labels = known->second.ok() ? &*known->second : nullptr;
    if (!known->second.ok()) request.error = known->second.error();
  } catch (const OverBudget& over) {
    request.Starve(over, "for its labels");
  }
}

void Call::ForEach(int64_t count, bool in_order, FunctionRef<void(int64_t)> fn) const {
  const auto all = [&](int64_t) {
    for (int64_t i = 0; i < count; ++i) fn(i);
  };
  if (!engine_.pool) {
    all(0);
  } else if (in_order) {
    engine_.pool->For(1, all);
  } else {
    engine_.pool->For(count, fn);
  }
}

void Call::PrepareOne(Request& request) const {
  if (request.error) return;
  try {
    PrepareText(request, options_,
                {.splitter = engine_.splitter.get(),
                 .tokenizer = *model_.checkpoint.tokenizer,
                 .around = setup_.around,
                 .limits = model_.limits},
                staging_);
  } catch (const OverBudget& over) {
    request.Starve(over, "to be split into words and tokens");
  } catch (const std::bad_alloc&) {
    request.error = Error{Code::kIo, "out of memory"};
  }
}

// Splits and tokenises the texts.
void Call::Prepare(Texts& texts) const {
  // Few items for the pool: a loop item costs about as much as a short text.
  const size_t count = texts.requests.size();
  const size_t parts = std::min(count, 4 * static_cast<size_t>(engine_.settings.threads));
  ForEach(static_cast<int64_t>(parts), texts.alone, [&](int64_t part) {
    const auto at = static_cast<size_t>(part);
    for (size_t i = count * at / parts; i < count * (at + 1) / parts; ++i) {
      PrepareOne(texts.requests[i]);
    }
  });
}

// Packs the windows of all texts into passes and runs (or plans) them.
void Call::RunSequences(Texts& texts) const {
  std::pmr::vector<PassItem> items(staging_);
  size_t count = 0;
  for (const Request& request : texts.requests) {
    count += request.error ? 0 : request.windows.size() * request.labels->parts.size();
  }
  items.reserve(count);
  const bool given = model_.network().labels_given();
  for (Request& request : texts.requests) {
    if (request.error) continue;
    const std::pmr::vector<LabelSet>& sets = request.labels->parts;
    request.query.resolve = sets.size() == 1;
    request.results.reserve(request.windows.size() * sets.size());
    for (const Window& window : request.windows) {
      for (const LabelSet& set : sets) {
        request.results.emplace_back(staging_);
        items.push_back({.sequence = {.prompt = &set.prompt,
                                      .given = given ? &set.given : nullptr,
                                      .text = &request.text,
                                      .word_begin = window.begin,
                                      .word_end = window.end,
                                      .own_begin = window.own_begin,
                                      .own_end = window.own_end,
                                      .alone_begin = window.alone_begin,
                                      .reference_alignment = request.reference_alignment},
                         .query = &request.query,
                         .result = &request.results.back(),
                         .label_thresholds = set.thresholds});
      }
    }
  }

  // Longest first: batches of equal length waste no room, and the short ones at the end level the
  // load of the workers.
  std::pmr::vector<const PassItem*> order(staging_);
  order.reserve(count);
  for (const PassItem& item : items) order.push_back(&item);
  std::sort(order.begin(), order.end(), [&](const PassItem* x, const PassItem* y) {
    const int64_t a = x->sequence.tokens(setup_.around), b = y->sequence.tokens(setup_.around);
    return a != b ? a > b : x < y;
  });
  std::pmr::vector<int64_t> tokens(staging_);
  tokens.reserve(count);
  for (const PassItem* item : order) tokens.push_back(item->sequence.tokens(setup_.around));

  const std::pmr::vector<size_t> begins =
      BatchBegins(tokens, engine_.batch_tokens, engine_.workers(), staging_);
  const bool in_order = texts.alone || setup_.plan != nullptr;
  const auto passes = static_cast<int64_t>(begins.size()) - 1;
  ForEach(passes, in_order, [&](int64_t batch) {
    const size_t begin = begins[static_cast<size_t>(batch)];
    RunPass(setup_,
            std::span<const PassItem* const>(order).subspan(
                begin, begins[static_cast<size_t>(batch) + 1] - begin),
            engine_.sites.lanes() > 0
                ? 1
                : MembersOf(batch, texts.alone ? 1 : passes, engine_.settings.threads));
  });
}

void Call::Run(Texts& texts) const {
  Prepare(texts);
  try {
    RunSequences(texts);
  } catch (const OverBudget& over) {  // The lists of sequences; no pass has run.
    for (Request& request : texts.requests) {
      if (!request.error) request.Starve(over, "to be put in order");
    }
  }
}

// Extracts a group into `results`, one for each of its documents. Those that lacked memory beside
// the others are added to `starved`, to be tried alone.
Result<void> Call::ExtractGroup(const Group& group, bool alone, std::span<Extraction> results,
                                std::vector<size_t>& starved) const {
  const Result<Turnstile::Pass> pass = alone ? engine_.turnstile->EnterAlone(options_.wait)
                                             : engine_.turnstile->Enter(group.bytes, options_.wait);
  if (!pass.ok()) {
    for (Extraction& extraction : results) extraction.error = pass.error();
    return {};
  }
  Texts texts(staging_);
  texts.alone = alone;
  try {
    if (Result<void> made = MakeRequests(group, texts); !made.ok()) return made;
  } catch (const OverBudget& over) {  // Not even the labels and the list of texts fit.
    for (size_t i = group.begin; i < group.end; ++i) {
      results[i - group.begin].error = NoRoom(over);
      starved.push_back(i);
    }
    return {};
  }
  Run(texts);
  for (size_t i = 0; i < texts.requests.size(); ++i) {
    Request& request = texts.requests[i];
    try {
      results[i] = Finish(request, options_, staging_);
    } catch (const OverBudget& over) {
      request.Starve(over, "to merge its windows");
      results[i].error = request.error;
    }
    if (request.starved) starved.push_back(group.begin + i);
  }
  return {};
}

Result<std::vector<Extraction>> Call::Extract() {
  if (const Result<void> checked = Check(); !checked.ok()) return checked.error();
  std::vector<Extraction> extractions(documents_.size());
  const std::span<Extraction> results(extractions);
  for (size_t begin = 0; begin < documents_.size();) {
    const Group group = NextGroup(begin);
    std::vector<size_t> starved;
    Result<void> done =
        ExtractGroup(group, /*alone=*/false, results.subspan(begin, group.end - begin), starved);
    if (!done.ok()) return done.error();
    // What did not fit beside others may fit alone; if not, it is refused for its size.
    std::vector<size_t> too_large;
    for (const size_t i : starved) {
      done = ExtractGroup({i, i + 1, 0}, /*alone=*/true, results.subspan(i, 1), too_large);
      if (!done.ok()) return done.error();
    }
    for (const Extraction& extraction : results.subspan(begin, group.end - begin)) {
      if (extraction.error && extraction.error->code == Code::kOverBudget) ++engine_.refusals;
    }
    engine_.texts += static_cast<int64_t>(group.end - begin);
    begin = group.end;
  }
  return extractions;
}

// Plans a group as ExtractGroup runs it. Texts that lack memory beside the others are added to
// `starved` instead of being refused, unless the group is `alone`.
Result<void> Call::PlanGroup(const Group& group, bool alone, RunPlan& plan,
                             std::vector<size_t>& starved) {
  setup_.plan = &plan;
  const Result<Turnstile::Pass> pass = alone ? engine_.turnstile->EnterAlone(options_.wait)
                                             : engine_.turnstile->Enter(group.bytes, options_.wait);
  if (!pass.ok()) return pass.error();
  Texts texts(staging_);
  texts.alone = alone;
  const auto refuse = [&](size_t text, bool is_starved, const Error& error) {
    if (is_starved && !alone) {
      starved.push_back(text);
    } else {
      plan.refused.push_back({.text = text, .error = error});
    }
  };
  try {
    if (Result<void> made = MakeRequests(group, texts); !made.ok()) return made;
  } catch (const OverBudget& over) {
    for (size_t i = group.begin; i < group.end; ++i) refuse(i, /*is_starved=*/true, NoRoom(over));
    return {};
  }
  Run(texts);
  for (size_t i = 0; i < texts.requests.size(); ++i) {
    const Request& request = texts.requests[i];
    std::optional<Error> error = request.error;
    bool is_starved = request.starved;
    for (const SequenceResult& result : request.results) {
      if (!error && result.error) is_starved = result.starved;
      if (!error) error = result.error;
    }
    if (error) refuse(group.begin + i, is_starved, *error);
  }
  return {};
}

Result<RunPlan> Call::Plan() {
  if (const Result<void> checked = Check(); !checked.ok()) return checked.error();
  RunPlan plan;
  plan.texts = static_cast<int64_t>(documents_.size());
  for (size_t begin = 0; begin < documents_.size();) {
    const Group group = NextGroup(begin);
    std::vector<size_t> starved;
    Result<void> done = PlanGroup(group, /*alone=*/false, plan, starved);
    if (!done.ok()) return done.error();
    for (const size_t i : starved) {
      done = PlanGroup({i, i + 1, 0}, /*alone=*/true, plan, starved);
      if (!done.ok()) return done.error();
    }
    begin = group.end;
  }
  std::sort(plan.refused.begin(), plan.refused.end(),
            [](const PlannedRefusal& a, const PlannedRefusal& b) { return a.text < b.text; });
  return plan;
}

}  // namespace waterline
