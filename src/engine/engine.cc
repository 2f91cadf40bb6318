// SPDX-License-Identifier: Apache-2.0
#include "waterline/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <numeric>
#include <system_error>

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
// And what every text takes beside: its request and its windows, results and places in line.
constexpr size_t kStagingPerText = 1024;

size_t StagingBytes(std::span<const Document> documents) {
  size_t bytes = 0;
  for (const Document& document : documents) {
    bytes += kStagingPerText + document.text.size() * kStagingPerTextByte;
  }
  return bytes;
}

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

  void RunRequests(std::span<Request> requests, const ExtractOptions& extract);
  void RunSequences(std::span<Request> requests);
  std::vector<size_t> ExtractTogether(std::span<const Document> documents, const LabelSet* shared,
                                      const ExtractOptions& options,
                                      std::span<Extraction> extractions);
};

namespace {

// The error for a budget below the smallest that would do. Measuring that may itself take more than
// the budget; nothing of it is kept.
Error TooSmall(const std::string& model, EngineOptions options, size_t budget) {
  options.memory_budget = budget;
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
  try {
    auto impl = std::make_shared<Impl>(*settings);
    const Kernels& kernels = *settings->kernels;
    Result<Checkpoint> checkpoint = OpenCheckpoint(model, impl->budget, &impl->tokenizer_memory);
    if (!checkpoint.ok()) {
      if (checkpoint.error().code == Code::kOverBudget)
        return TooSmall(model, options, settings->budget);
      return checkpoint.error();
    }
    impl->checkpoint = std::move(*checkpoint);
    Result<Measure> measure = MeasureCheckpoint(impl->checkpoint, *settings, impl->budget);
    if (!measure.ok()) return measure.error();
    if (settings->budget < measure->smallest_budget)
      return TooSmall(model, options, settings->budget);

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
                    .max_width = measure->widths,
                    .vocabulary = impl->checkpoint.backbone.vocab_size};

    const Room room = DivideRoom(impl->budget.available(), settings->threads);
    impl->staging_bytes = room.staging;
    impl->staging.emplace(room.staging);
    Result<Block> workspace = Block::Make(room.workspace, impl->budget, Use::kWorkspace);
    if (!workspace.ok()) return workspace.error();
    impl->workspace.emplace(std::move(*workspace), settings->threads);
    impl->pool.emplace(settings->threads, SetFlushDenormals);
    return Engine(std::move(impl));
  } catch (const OverBudget&) {
    return TooSmall(model, options, settings->budget);
  } catch (const std::bad_alloc&) {
    return Error{Code::kIo, fmt::format("the system refused memory while loading {}", model)};
  } catch (const std::system_error& refused) {
    return Error{Code::kIo, fmt::format("the system refused to start {} threads: {}",
                                        settings->threads, refused.what())};
  }
}

// Tokenises `requests`, runs them and leaves their results in them.
void Engine::Impl::RunRequests(std::span<Request> requests, const ExtractOptions& extract) {
  const SequenceTemplate around = TemplateOf(*checkpoint.tokenizer);
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
        PrepareText(request, extract, *checkpoint.tokenizer, around, limits, &staging_memory);
      } catch (const OverBudget& over) {
        request.Starve(over, "to be split into words and tokens");
      } catch (const std::bad_alloc&) {
        request.error = Error{Code::kIo, "the system refused memory for the words of this text"};
      }
    }
  };
  pool->For(chunks, prepare);
  try {
    RunSequences(requests);
  } catch (const OverBudget& over) {  // The lists of sequences; no pass has run.
    for (Request& request : requests) {
      if (!request.error) request.Starve(over, "to be put in order");
    }
  }
}

// Packs the windows of all requests into passes and runs them.
void Engine::Impl::RunSequences(std::span<Request> requests) {
  const SequenceTemplate around = TemplateOf(*checkpoint.tokenizer);
  std::pmr::vector<PassItem> items(&staging_memory);
  size_t count = 0;
  for (const Request& request : requests) count += request.error ? 0 : request.windows.size();
  items.reserve(count);
  for (Request& request : requests) {
    if (request.error) continue;
    request.results.reserve(request.windows.size());
    for (const Window& window : request.windows) {
      request.results.emplace_back(&staging_memory);
      items.push_back({.sequence = {.prompt = &request.labels->prompt,
                                    .text = &request.text,
                                    .word_begin = window.begin,
                                    .word_end = window.end,
                                    .own_begin = window.own_begin,
                                    .own_end = window.own_end,
                                    .reference_alignment = request.reference_alignment},
                       .query = &request.query,
                       .result = &request.results.back()});
    }
  }

  // Longest first: batches of equal length waste no room, and the short ones at the end level the
  // load of the workers.
  std::pmr::vector<const PassItem*> order(&staging_memory);
  order.reserve(count);
  for (const PassItem& item : items) order.push_back(&item);
  std::sort(order.begin(), order.end(), [&](const PassItem* x, const PassItem* y) {
    const int64_t a = x->sequence.tokens(around), b = y->sequence.tokens(around);
    return a != b ? a > b : x < y;
  });
  std::pmr::vector<int64_t> tokens(&staging_memory);
  tokens.reserve(count);
  for (const PassItem* item : order) tokens.push_back(item->sequence.tokens(around));

  const std::vector<size_t> begins = BatchBegins(tokens, settings.batch_tokens, settings.threads);
  const auto run = [&](int64_t batch) {
    const size_t begin = begins[static_cast<size_t>(batch)];
    RunPass(Setup(),
            std::span(order).subspan(begin, begins[static_cast<size_t>(batch) + 1] - begin));
  };
  pool->For(static_cast<int64_t>(begins.size()) - 1, run);
}

// Extracts documents whose words and tokens are in memory together. Those that lacked memory beside
// the others are returned, without a result, to be tried alone.
std::vector<size_t> Engine::Impl::ExtractTogether(std::span<const Document> documents,
                                                  const LabelSet* shared,
                                                  const ExtractOptions& options,
                                                  std::span<Extraction> extractions) {
  const Turnstile::Pass pass(*staging, StagingBytes(documents));
  std::map<const std::vector<Label>*, Result<LabelSet>> own;  // Each list is made a prompt once.
  std::pmr::vector<Request> requests(&staging_memory);
  requests.reserve(documents.size());
  for (const Document& document : documents) {
    Request& request = requests.emplace_back(&staging_memory);
    request.document = &document;
    request.reference_alignment = options.reference_alignment;
    request.query = {.threshold = document.threshold.value_or(options.threshold),
                     .rule = {.nested = options.nested, .multi_label = options.multi_label},
                     .class_scores = options.class_scores,
                     .vectors = options.vectors};
    if (std::isnan(request.query.threshold)) {
      request.error = Error{Code::kInvalidArgument, "the threshold is not a number"};
    }
    request.labels = shared;
    if (document.labels == nullptr) continue;
    try {
      auto known = own.find(document.labels);
      if (known == own.end()) {
        known = own.emplace(document.labels, Labels(*document.labels)).first;
      }
      request.labels = known->second.ok() ? &*known->second : nullptr;
      if (!known->second.ok()) request.error = known->second.error();
    } catch (const OverBudget& over) {
      request.Starve(over, "for its labels");
    }
  }
  RunRequests(requests, options);

  std::vector<size_t> starved;
  for (size_t i = 0; i < requests.size(); ++i) {
    Request& request = requests[i];
    try {
      extractions[i] = Finish(request, options, &staging_memory);
    } catch (const OverBudget& over) {
      request.Starve(over, "to merge its windows");
      extractions[i].error = request.error;
    }
    if (request.starved) starved.push_back(i);
  }
  return starved;
}

Result<std::vector<Extraction>> Engine::Extract(std::span<const Document> documents,
                                                std::span<const Label> labels,
                                                const ExtractOptions& options) const {
  Impl& impl = *impl_;
  try {
    const bool needs_shared =
        std::any_of(documents.begin(), documents.end(),
                    [](const Document& document) { return document.labels == nullptr; });
    if (needs_shared && labels.empty()) {
      return Error{Code::kInvalidArgument, "no labels: give at least one entity type to look for"};
    }
    if (std::isnan(options.threshold)) {
      return Error{Code::kInvalidArgument, "the threshold is not a number"};
    }
    Result<LabelSet> shared = LabelSet(&impl.staging_memory);
    if (needs_shared) shared = impl.Labels(labels);
    if (!shared.ok()) return shared.error();

    std::vector<Extraction> extractions(documents.size());
    const std::span<Extraction> results(extractions);
    size_t begin = 0;
    while (begin < documents.size()) {
      size_t end = begin + 1;
      size_t bytes = StagingBytes(documents.subspan(begin, 1));
      while (end < documents.size()) {
        bytes += StagingBytes(documents.subspan(end, 1));
        if (bytes > impl.staging_bytes) break;
        ++end;
      }
      const std::vector<size_t> starved = impl.ExtractTogether(
          documents.subspan(begin, end - begin), &*shared, options, results.subspan(begin));
      // What did not fit beside others may fit alone; if not, it is refused for its size.
      for (const size_t i : starved) {
        if (end - begin > 1) {
          impl.ExtractTogether(documents.subspan(begin + i, 1), &*shared, options,
                               results.subspan(begin + i));
        }
        if (results[begin + i].error) ++impl.counters.refusals;
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
    size_t bytes = 0;
    for (const std::string_view text : texts) {
      bytes += kStagingPerText + text.size() * kStagingPerTextByte;
    }
    const Turnstile::Pass pass(*impl.staging, bytes);
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
