// SPDX-License-Identifier: Apache-2.0
#include "waterline/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>
#include <unordered_map>

#include "base/thread_pool.h"
#include "base/utf8.h"
#include "engine/model.h"
#include "engine/pass.h"
#include "engine/request.h"
#include "engine/sizing.h"
#include "kernels/denormals.h"
#include "memory/turnstile.h"

namespace waterline {
namespace {

// Staging that one byte of text can take in the worst case: a word and its bookkeeping for every
// byte, vectors that grow by doubling.
constexpr size_t kStagingPerTextByte = 64;

}  // namespace

// Members in the order in which they are made; the budget outlives all that is counted in it.
struct Engine::Impl {
  explicit Impl(const Settings& with) : settings(with), budget(with.budget) {}

  const Settings settings;
  Budget budget;
  BudgetResource weights_memory{budget, Use::kWeights};
  BudgetResource tokenizer_memory{budget, Use::kTokenizer};
  BudgetResource staging_memory{budget, Use::kStaging};
  Checkpoint checkpoint;
  Block weights;
  size_t mapped_bytes = 0;
  Network network;
  TextLimits limits;
  std::optional<Workspace> workspace;
  std::optional<Turnstile> staging;
  size_t staging_bytes = 0;
  PassCounters counters;
  std::atomic<int64_t> texts{0};
  std::optional<ThreadPool> pool;

  PassSetup Setup() {
    return {.network = &network,
            .kernels = settings.kernels,
            .around = TemplateOf(*checkpoint.tokenizer),
            .workspace = &*workspace,
            .counters = &counters,
            .staging = &staging_memory};
  }

  Result<LabelSet> Labels(std::span<const Label> labels) {
    return MakeLabelSet(labels, PromptFormatOf(checkpoint.config), *checkpoint.tokenizer,
                        TemplateOf(*checkpoint.tokenizer), limits, &staging_memory);
  }

  void RunWindow(std::span<Request> requests, const ExtractOptions& extract);
  void RunSequences(std::span<Request> requests);
};

namespace {

// The error for a budget below the smallest that would do. Measuring that may itself take more than
// the budget; nothing of it is kept.
Error TooSmall(const std::string& model, const EngineOptions& options) {
  const Result<ModelReport> report = Inspect(model, options);
  if (!report.ok()) return report.error();
  return {Code::kOverBudget,
          fmt::format(
              "a memory budget of {} bytes is too small for {}; the smallest that would do is {} "
              "bytes (weights {}, tokenizer {}, the rest for texts in flight)",
              report->memory_budget, report->directory, report->smallest_budget,
              report->weight_bytes, report->tokenizer_bytes)};
}

}  // namespace

Result<Engine> Engine::Load(const std::string& model, const EngineOptions& options) {
  Result<Settings> settings = Resolve(options);
  if (!settings.ok()) return settings.error();
  auto impl = std::make_shared<Impl>(*settings);
  try {
    const Kernels& kernels = *settings->kernels;
    Result<Checkpoint> checkpoint = OpenCheckpoint(model, impl->budget, &impl->tokenizer_memory);
    if (!checkpoint.ok()) {
      if (checkpoint.error().code == Code::kOverBudget) return TooSmall(model, options);
      return checkpoint.error();
    }
    impl->checkpoint = std::move(*checkpoint);
    Result<Measure> measure = MeasureCheckpoint(impl->checkpoint, kernels, impl->budget);
    if (!measure.ok()) return measure.error();
    if (settings->budget < measure->smallest_budget) return TooSmall(model, options);

    BudgetResource loading(impl->budget, Use::kLoading);
    Result<Block> block = Block::Make(measure->report.block_bytes, impl->budget, Use::kWeights);
    if (!block.ok()) return block.error();
    impl->weights = std::move(*block);
    BindingReport report;
    Result<Network> network = BindNetwork(impl->checkpoint, kernels, impl->weights.bytes(),
                                          &impl->weights_memory, &loading, report);
    if (!network.ok()) return network.error();
    impl->network = std::move(*network);
    impl->mapped_bytes = report.mapped_bytes;
    impl->limits = {.max_words = impl->checkpoint.config.max_len,
                    .max_tokens = measure->longest_sequence,
                    .max_width = measure->widths};

    const Room room = DivideRoom(impl->budget.available(), settings->threads);
    impl->staging_bytes = room.staging;
    impl->staging.emplace(room.staging);
    Result<Block> workspace = Block::Make(room.workspace, impl->budget, Use::kWorkspace);
    if (!workspace.ok()) return workspace.error();
    impl->workspace.emplace(std::move(*workspace), settings->threads);
    impl->pool.emplace(settings->threads, SetFlushDenormals);
  } catch (const OverBudget&) {
    return TooSmall(model, options);
  } catch (const std::bad_alloc&) {
    return Error{Code::kIo, fmt::format("the system refused memory while loading {}", model)};
  }
  return Engine(std::move(impl));
}

// Tokenises `requests`, runs them and leaves their results in them.
void Engine::Impl::RunWindow(std::span<Request> requests, const ExtractOptions& extract) {
  const SequenceTemplate around = TemplateOf(*checkpoint.tokenizer);
  BudgetResource* memory = &staging_memory;
  // Few items for the pool: a loop item costs about as much as a short text.
  const int64_t chunks =
      std::min<int64_t>(static_cast<int64_t>(requests.size()), 4 * int64_t{settings.threads});
  const auto prepare = [&](int64_t chunk) {
    const size_t begin = requests.size() * static_cast<size_t>(chunk) / static_cast<size_t>(chunks);
    const size_t end =
        requests.size() * static_cast<size_t>(chunk + 1) / static_cast<size_t>(chunks);
    for (Request& request : requests.subspan(begin, end - begin)) {
      if (request.error) continue;
      try {
        PrepareText(request, extract, *checkpoint.tokenizer, around, limits, memory);
      } catch (const OverBudget& over) {
        ++counters.refusals;
        request.error = Error{
            Code::kOverBudget,
            fmt::format("this text of {} bytes needs {} bytes more to be split into words and "
                        "tokens, the memory budget leaves {}",
                        request.document->text.size(), over.wanted(), over.available())};
      } catch (const std::bad_alloc&) {
        request.error = Error{Code::kIo, "the system refused memory for the words of this text"};
      }
    }
  };
  pool->For(chunks, prepare);
  RunSequences(requests);
}

// Packs the windows of all requests into passes and runs them.
void Engine::Impl::RunSequences(std::span<Request> requests) {
  std::vector<Sequence> sequences;
  std::vector<SequenceResult*> results;
  std::vector<const Query*> queries;
  for (Request& request : requests) {
    if (request.error) continue;
    request.results.resize(request.windows.size());
    for (size_t w = 0; w < request.windows.size(); ++w) {
      const Window& window = request.windows[w];
      sequences.push_back({.prompt = &request.labels->prompt,
                           .text = &request.text,
                           .word_begin = window.begin,
                           .word_end = window.end,
                           .own_begin = window.own_begin,
                           .own_end = window.own_end,
                           .reference_alignment = request.reference_alignment});
      results.push_back(&request.results[w]);
      queries.push_back(&request.query);
    }
  }

  // Longest first: batches of equal length waste no room, and the short ones at the end level the
  // load of the workers.
  const SequenceTemplate around = TemplateOf(*checkpoint.tokenizer);
  std::vector<int64_t> tokens(sequences.size());
  std::transform(sequences.begin(), sequences.end(), tokens.begin(),
                 [&](const Sequence& s) { return s.tokens(around); });
  std::vector<size_t> order(sequences.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return tokens[a] > tokens[b]; });

  std::vector<const Sequence*> ordered_sequences;
  std::vector<const Query*> ordered_queries;
  std::vector<SequenceResult*> ordered_results;
  std::vector<int64_t> ordered_tokens;
  for (const size_t i : order) {
    ordered_sequences.push_back(&sequences[i]);
    ordered_queries.push_back(queries[i]);
    ordered_results.push_back(results[i]);
    ordered_tokens.push_back(tokens[i]);
  }
  const std::vector<size_t> begins =
      BatchBegins(ordered_tokens, settings.batch_tokens, settings.threads);
  const auto run = [&](int64_t batch) {
    const size_t begin = begins[static_cast<size_t>(batch)];
    const size_t count = begins[static_cast<size_t>(batch) + 1] - begin;
    RunPass(Setup(), std::span(ordered_sequences).subspan(begin, count),
            std::span(ordered_queries).subspan(begin, count),
            std::span(ordered_results).subspan(begin, count));
  };
  pool->For(static_cast<int64_t>(begins.size()) - 1, run);
}

Result<std::vector<Extraction>> Engine::Extract(std::span<const Document> documents,
                                                std::span<const Label> labels,
                                                const ExtractOptions& options) const {
  Impl& impl = *impl_;
  BudgetResource* memory = &impl.staging_memory;
  try {
    // Label lists, each made into a prompt once.
    const bool needs_shared =
        std::any_of(documents.begin(), documents.end(),
                    [](const Document& document) { return document.labels == nullptr; });
    if (needs_shared && labels.empty()) {
      return Error{Code::kInvalidArgument, "no labels: give at least one entity type to look for"};
    }
    if (std::isnan(options.threshold)) {
      return Error{Code::kInvalidArgument, "the threshold is not a number"};
    }
    Result<LabelSet> shared = LabelSet(memory);
    if (needs_shared) shared = impl.Labels(labels);
    if (!shared.ok()) return shared.error();
    std::unordered_map<const std::vector<Label>*, Result<LabelSet>> own;
    for (const Document& document : documents) {
      if (document.labels != nullptr && !own.contains(document.labels)) {
        own.emplace(document.labels, impl.Labels(*document.labels));
      }
    }

    // Windows of documents whose words and tokens fit staging together.
    std::vector<Extraction> extractions(documents.size());
    size_t begin = 0;
    while (begin < documents.size()) {
      size_t end = begin;
      size_t bytes = 0;
      while (end < documents.size() &&
             (end == begin ||
              bytes + documents[end].text.size() * kStagingPerTextByte + sizeof(Request) * 2 <=
                  impl.staging_bytes)) {
        bytes += documents[end].text.size() * kStagingPerTextByte + sizeof(Request) * 2;
        ++end;
      }
      const Turnstile::Pass pass(*impl.staging, bytes);
      std::vector<Request> requests;
      requests.reserve(end - begin);
      for (size_t i = begin; i < end; ++i) {
        const Document& document = documents[i];
        Request& request = requests.emplace_back(memory);
        request.document = &document;
        request.reference_alignment = options.reference_alignment;
        request.query = {.threshold = document.threshold.value_or(options.threshold),
                         .rule = {.nested = options.nested, .multi_label = options.multi_label},
                         .class_scores = options.class_scores,
                         .vectors = options.vectors};
        const Result<LabelSet>& set = document.labels == nullptr ? shared : own.at(document.labels);
        if (set.ok()) {
          request.labels = &*set;
        } else {
          request.error = set.error();
        }
      }
      impl.RunWindow(requests, options);
      for (size_t i = begin; i < end; ++i) {
        extractions[i] = Finish(requests[i - begin], options, memory);
      }
      impl.texts += static_cast<int64_t>(end - begin);
      begin = end;
    }
    return extractions;
  } catch (const OverBudget& over) {
    return Error{Code::kOverBudget,
                 fmt::format("the call needs {} bytes where the memory budget leaves {}",
                             over.wanted(), over.available())};
  } catch (const std::bad_alloc&) {
    return Error{Code::kIo, "the system refused memory for the call"};
  }
}

Result<std::vector<Extraction>> Engine::Extract(std::span<const std::string_view> texts,
                                                std::span<const Label> labels,
                                                const ExtractOptions& options) const {
  std::vector<Document> documents(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) documents[i].text = texts[i];
  return Extract(std::span<const Document>(documents), labels, options);
}

Result<std::vector<Extraction>> Engine::Extract(std::initializer_list<std::string_view> texts,
                                                std::initializer_list<Label> labels,
                                                const ExtractOptions& options) const {
  return Extract(std::span(texts.begin(), texts.size()), std::span(labels.begin(), labels.size()),
                 options);
}

Result<BatchPlan> Engine::Plan(std::span<const std::string_view> texts,
                               std::span<const Label> labels) const {
  Impl& impl = *impl_;
  BudgetResource* memory = &impl.staging_memory;
  try {
    if (labels.empty()) {
      return Error{Code::kInvalidArgument, "no labels: give at least one entity type to look for"};
    }
    Result<LabelSet> set = impl.Labels(labels);
    if (!set.ok()) return set.error();
    const SequenceTemplate around = TemplateOf(*impl.checkpoint.tokenizer);
    std::vector<Document> documents(texts.size());
    std::deque<Request> requests;
    std::vector<Sequence> sequences;
    for (size_t i = 0; i < texts.size(); ++i) {
      documents[i].text = texts[i];
      Request& request = requests.emplace_back(memory);
      request.document = &documents[i];
      request.labels = &*set;
      PrepareText(request, {.truncate = true}, *impl.checkpoint.tokenizer, around, impl.limits,
                  memory);
      if (request.error) {
        return Error{request.error->code, fmt::format("text {}: {}", i, request.error->message)};
      }
      for (const Window& window : request.windows) {
        sequences.push_back({.prompt = &set->prompt,
                             .text = &request.text,
                             .word_begin = window.begin,
                             .word_end = window.end});
      }
    }
    std::vector<const Sequence*> pointers;
    for (const Sequence& sequence : sequences) pointers.push_back(&sequence);
    const Batch batch = MakeBatch(pointers, around, impl.network.head->widths(), memory);
    const waterline::Plan plan = PlanPass(impl.network, *impl.settings.kernels, batch, memory);
    BatchPlan result{.sequences = static_cast<int64_t>(sequences.size()),
                     .tokens = batch.tokens(),
                     .words = static_cast<int64_t>(batch.words.size()),
                     .labels = static_cast<int64_t>(batch.labels.size()),
                     .bytes = plan.bytes,
                     .workspace_bytes = impl.workspace->bytes(),
                     .buffers = {}};
    for (const Slot& slot : plan.slots) {
      result.buffers.push_back({slot.name, slot.bytes, slot.offset, slot.birth, slot.death});
    }
    return result;
  } catch (const std::bad_alloc&) {
    return Error{
        Code::kOverBudget,
        fmt::format("planning these texts needs more memory than the budget of {} bytes leaves",
                    impl.budget.limit())};
  }
}

EngineStats Engine::Stats() const {
  Impl& impl = *impl_;
  return {.memory_budget = impl.budget.limit(),
          .in_use = impl.budget.in_use(),
          .peak = impl.budget.peak(),
          .weights = impl.budget.in_use(Use::kWeights),
          .tokenizer = impl.budget.in_use(Use::kTokenizer),
          .staging = impl.budget.in_use(Use::kStaging),
          .workspace = impl.budget.in_use(Use::kWorkspace),
          .workspace_peak = impl.workspace->peak(),
          .mapped = impl.mapped_bytes,
          .batches = impl.counters.batches,
          .tokens = impl.counters.tokens,
          .texts = impl.texts,
          .splits = impl.counters.splits,
          .refusals = impl.counters.refusals,
          .last_plan = impl.counters.last_plan,
          .threads = impl.settings.threads,
          .isa = impl.settings.kernels->name()};
}

}  // namespace waterline
