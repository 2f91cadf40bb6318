// The public calls.
// SPDX-License-Identifier: Apache-2.0
#include "waterline/engine.h"

#include <fmt/format.h>

#include <utility>

#include "engine/call.h"
#include "engine/engine_state.h"
#include "engine/label_pass.h"
#include "engine/label_vectors.h"
#include "engine/lease.h"
#include "engine/precision.h"
#include "memory/machine.h"

namespace waterline {
namespace {

Error PlanOnly(const char* call) {
  return {Code::kInvalidArgument,
          fmt::format("this engine was loaded with plan_only, which has no weights: {} needs one "
                      "that was loaded without it",
                      call)};
}

// Runs `work`, and reports the memory that it lacked as an error.
template <typename Work>
auto Guarded(Engine::Impl& engine, Work work) -> decltype(work()) {
  try {
    const RunningCall running(engine);
    return work();
  } catch (const OverBudget& over) {
    return Error{Code::kOverBudget,
                 fmt::format("the call needs {} bytes where the memory budget leaves {}",
                             over.wanted(), over.available())};
  } catch (const std::bad_alloc&) {
    return Error{Code::kIo, "out of memory"};
  }
}

Result<std::vector<Extraction>> ExtractAll(Engine::Impl& engine, Documents documents,
                                           std::span<const Label> labels,
                                           const ExtractOptions& options, Workspace* workspace) {
  if (engine.settings.plan_only) return PlanOnly("Extract");
  if (options.lease != nullptr && workspace == nullptr) {
    return Error{Code::kInvalidArgument,
                 "the lease holds no memory of an engine; give one that Engine::Lease returned"};
  }
  return Guarded(engine, [&] {
    Call call(engine, documents, labels, options);
    if (workspace != nullptr) call.UseWorkspace(*workspace);
    return call.Extract();
  });
}

DeviceStats StatsOf(const Site& site, const Settings& settings) {
  const Budget& budget = *site.budget;
  const Result<Device::Memory> memory = site.device->memory();
  return {.name = site.device->name(),
          .model = site.device->model(),
          .memory_budget = budget.limit(),
          .automatic = settings.device_automatic,
          .in_use = budget.in_use(),
          .peak = budget.peak(),
          .weights = budget.in_use(Use::kWeights),
          .workspace = budget.in_use(Use::kWorkspace),
          .workspace_held = site.workspace_block.bytes().size(),
          .workspace_in_use = site.workspace->in_use(),
          .workspace_peak = site.workspace->peak(),
          .stages = budget.in_use(Use::kStaging),
          .context = site.device->context_bytes(),
          .free = memory.ok() ? memory->free : 0,
          .total = memory.ok() ? memory->total : 0};
}

}  // namespace

Result<std::vector<Extraction>> Engine::Extract(std::span<const Document> documents,
                                                std::span<const Label> labels,
                                                const ExtractOptions& options) const {
  return ExtractAll(*impl_, documents, labels, options, WorkspaceOf(options.lease));
}

Result<std::vector<Extraction>> Engine::Extract(std::span<const std::string_view> texts,
                                                std::span<const Label> labels,
                                                const ExtractOptions& options) const {
  return ExtractAll(*impl_, texts, labels, options, WorkspaceOf(options.lease));
}

Result<std::vector<Extraction>> Engine::Extract(std::initializer_list<std::string_view> texts,
                                                std::initializer_list<Label> labels,
                                                const ExtractOptions& options) const {
  return Extract(std::span(texts.begin(), texts.size()), std::span(labels.begin(), labels.size()),
                 options);
}

Result<RunPlan> Engine::Plan(std::span<const Document> documents, std::span<const Label> labels,
                             const ExtractOptions& options) const {
  return Guarded(*impl_, [&] { return Call(*impl_, documents, labels, options).Plan(); });
}

Result<RunPlan> Engine::Plan(std::span<const std::string_view> texts, std::span<const Label> labels,
                             const ExtractOptions& options) const {
  return Guarded(*impl_, [&] { return Call(*impl_, texts, labels, options).Plan(); });
}

Result<LabelVectors> Engine::EmbedLabels(std::span<const Label> labels,
                                         const WaitLimit& wait) const {
  if (impl_->settings.plan_only) return PlanOnly("EmbedLabels");
  if ((*impl_->model)->network().labels == nullptr) {
    return Error{Code::kUnsupported,
                 fmt::format("{} has no label encoder: it reads labels with each text",
                             (*impl_->model)->checkpoint.files.directory.string()),
                 Subject::kModel};
  }
  return Guarded(*impl_, [&] {
    ExtractOptions options;
    options.wait = wait;
    return Call(*impl_, std::span<const std::string_view>(), labels, options).EmbedLabels();
  });
}

Result<LabelVectors> Engine::LoadLabels(const std::string& path) const {
  return Guarded(*impl_, [&]() -> Result<LabelVectors> {
    Result<std::shared_ptr<LabelVectors::Impl>> read = ReadLabelVectors(path);
    if (!read.ok()) return read.error();
    LabelVectors::Impl& vectors = **read;
    const LoadedModel& model = **impl_->model;
    const Result<void> fits = FitsModel(vectors, model);
    if (!fits.ok())
      return Error{fits.error().code, fmt::format("{}: {}", path, fits.error().message),
                   fits.error().subject};
    vectors.Index();
    if (impl_->settings.plan_only) return LabelVectors(std::move(*read));
    vectors.prepared.resize(vectors.values.size());
    const Result<void> prepared = PrepareLabels(impl_->sites, vectors.values.data(),
                                                static_cast<int64_t>(vectors.labels.size()),
                                                vectors.prepared.data(), {}, &*impl_->staging);
    if (!prepared.ok()) return prepared.error();
    return LabelVectors(std::move(*read));
  });
}

size_t Engine::Trim() const { return impl_->Trim(); }

EngineStats Engine::Stats() const {
  const Impl& impl = *impl_;
  const Budget& budget = *impl.budget;
  const ResidentMemory resident = ReadResidentMemory();
  const Kernels& kernels = *impl.settings.kernels;
  const Precision precision = (*impl.model)->checkpoint.precision;
  const bool on_host = impl.settings.devices.empty();
  size_t leased = 0;
  std::vector<DeviceStats> devices;
  for (const auto& site : impl.sites) {
    leased += site->workspace->leased();
    if (site->device != nullptr) devices.push_back(StatsOf(*site, impl.settings));
  }
  return {.memory_budget = budget.limit(),
          .automatic = impl.settings.automatic,
          .available = impl.settings.available,
          .in_use = budget.in_use(),
          .peak = budget.peak(),
          .recent_peak = budget.recent_peak(),
          .weights = budget.in_use(Use::kWeights),
          .tokenizer = budget.in_use(Use::kTokenizer),
          .staging = budget.in_use(Use::kStaging),
          .staging_in_use = impl.staging->in_use(),
          .staging_peak = impl.staging->peak(),
          .workspace = budget.in_use(Use::kWorkspace),
          .workspace_in_use = on_host ? impl.sites[0].workspace->in_use() : 0,
          .workspace_peak = on_host ? impl.sites[0].workspace->peak() : 0,
          .leased = leased,
          .in_file = (*impl.model)->in_file,
          .batches = impl.counters.batches,
          .tokens = impl.counters.tokens,
          .texts = impl.texts,
          .plans = impl.counters.plans,
          .splits = impl.counters.splits,
          .refusals = impl.refusals,
          .trims = impl.trims,
          .largest_plan = impl.counters.largest_plan,
          .last_plan = impl.counters.last_plan,
          .batch_tokens = impl.batch_tokens,
          .threads = impl.settings.threads,
          .isa = kernels.name(),
          .dtype = precision,
          .input_levels = kernels.InputRounding(TypesOf(precision).encoder).levels,
          .resident = resident.now,
          .resident_peak = resident.peak,
          .devices = std::move(devices)};
}

void Engine::ResetPeaks() const {
  impl_->budget->ResetPeak();
  impl_->staging->ResetPeak();
  for (const auto& site : impl_->sites) site->workspace->ResetPeak();
}

Result<MemoryLease> Engine::Lease(size_t bytes, const WaitLimit& wait) const {
  if (impl_->settings.plan_only) return PlanOnly("Lease");
  if (bytes == 0) return Error{Code::kInvalidArgument, "a lease of 0 bytes; give at least 1"};
  return Guarded(*impl_, [&]() -> Result<MemoryLease> {
    // Held so that the workspace is not given back before the lease has its part.
    const Result<Sites::Hold> hold = impl_->sites.Acquire(wait, &impl_->sites[0]);
    if (!hold.ok()) return hold.error();
    Result<Workspace::Part> part = hold->site().workspace->Lease(bytes, wait);
    if (!part.ok()) return part.error();
    return MemoryLease(std::make_unique<MemoryLease::Impl>(
        impl_, bytes, std::move(*part), /*on_host=*/impl_->settings.devices.empty()));
  });
}

}  // namespace waterline
