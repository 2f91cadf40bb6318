// From a budget to an engine: the weights first, then staging and workspace from what they leave.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <utility>

#include "engine/engine_state.h"
#include "engine/precision.h"
#include "kernels/denormals.h"
#include "memory/machine.h"

namespace waterline {
namespace {

// The error for a budget below the smallest that would do, or one that is a part of another of
// which `left` bytes were left. Measuring that may itself take more than the budget; nothing of it
// is kept.
Error TooSmall(const std::string& model, const EngineOptions& options, const Budget& budget,
               size_t left) {
  const Result<ModelReport> report =
      Inspect(model, {.memory_budget = budget.limit(),
                      .threads = options.threads,
                      .dtype = options.dtype,
                      .isa = options.isa,
                      .device = options.device,
                      .device_memory_budget = options.device_memory_budget});
  if (!report.ok()) return report.error();
  if (report->smallest_budget <= budget.limit()) {  // Of which other engines hold a part.
    return {
        Code::kOverBudget,
        fmt::format("the shared memory budget leaves {} bytes for {}; the smallest that would do "
                    "is {} bytes",
                    left, report->directory, report->smallest_budget)};
  }
  return {Code::kOverBudget,
          fmt::format(
              "a memory budget of {} bytes is too small for {}; the smallest that would do is {} "
              "bytes (weights {}, tokenizer {}, the rest for texts in flight)",
              report->memory_budget, report->directory, report->smallest_budget,
              report->weight_bytes, report->tokenizer_bytes)};
}

}  // namespace

Engine::Impl::Impl(const Settings& with, const EngineOptions& options,
                   std::shared_ptr<Budget> shared)
    : settings(with),
      observer(options.observer),
      whole(std::move(shared)),
      budget(std::make_shared<Budget>(with.budget, whole)) {}

Result<void> Engine::Impl::Load(const std::string& name) {
  Result<ModelShare> share = ObtainModel(name, settings, budget, whole);
  if (!share.ok()) return share.error();
  model = std::move(*share);
  if (UsesIcu(settings.splitter, (*model)->checkpoint.config)) {
    Result<std::unique_ptr<IcuSplitter>> made = IcuSplitter::Make(settings.threads);
    if (!made.ok()) return made.error();
    splitter = std::move(*made);
  }

  std::vector<std::unique_ptr<Site>> opened;
  for (size_t i = 0; i < settings.devices.size(); ++i) {
    Result<std::unique_ptr<Site>> site = OpenDevice(i);
    if (!site.ok()) return site.error();
    opened.push_back(std::move(*site));
  }
  // Devices have workspaces of their own: what is left on the host is for staging.
  Room room = DivideRoom(budget->available(), settings.threads);
  if (settings.devices.empty() && room.workspace < (*model)->measure.least_workspace) {
    return Error{Code::kOverBudget, ""};
  }
  Result<Block> block = Block::Make(room.staging, *budget, Use::kStaging);
  if (!block.ok()) return Error{Code::kOverBudget, ""};
  staging_block = std::move(*block);
  staging.emplace(staging_block.bytes());
  turnstile.emplace(room.staging);
  if (settings.devices.empty()) {
    Result<std::unique_ptr<Site>> site = OpenHost(room.workspace);
    if (!site.ok()) return site.error();
    opened.push_back(std::move(*site));
  }
  sites.Open(std::move(opened));
  batch_tokens = settings.batch_tokens;
  if (batch_tokens == 0) {
    batch_tokens = BatchTokensFor((*model)->network(), *settings.kernels,
                                  sites[0].workspace->share(), &*staging);
  }
  if (!settings.plan_only) pool.emplace(std::max(settings.threads, workers()), SetFlushDenormals);
  staging->ResetPeak();
  return {};
}

Result<std::unique_ptr<Site>> Engine::Impl::OpenHost(size_t workspace) {
  auto site = std::make_unique<Site>();
  site->kernels = settings.kernels;
  site->network = &(*model)->network();
  site->budget = budget;
  Result<Block> block = settings.plan_only ? Block::MakeCounted(workspace, *budget, Use::kWorkspace)
                                           : Block::Make(workspace, *budget, Use::kWorkspace);
  if (!block.ok()) return block.error();
  site->workspace_block = std::move(*block);
  site->workspace.emplace(site->workspace_block.bytes(), site->workspace_block.size(),
                          settings.threads);
  site->lanes.push_back(std::make_unique<HostLane>(*settings.kernels));
  return site;
}

Result<std::unique_ptr<Site>> Engine::Impl::OpenDevice(size_t index) {
  const LoadedModel::Placement& placement = (*model)->placements[index];
  Device& device = *placement.device;
  auto site = std::make_unique<Site>();
  site->device = &device;
  site->kernels = settings.kernels;
  site->network = &placement.network;
  site->budget = std::make_shared<Budget>(settings.device_budgets[index]);
  site->weights = Reservation(*site->budget, Use::kWeights);
  const size_t granularity = device.granularity();
  const size_t least = SmallestDeviceBudget((*model)->measure, granularity);
  if (site->budget->limit() < least || !site->weights.Resize(placement.weights.size())) {
    return Error{
        Code::kOverBudget,
        fmt::format("a device memory budget of {} bytes is too small on {}; the smallest "
                    "that would do is {} bytes (weights {}, the rest for passes)",
                    site->budget->limit(), device.name(), least, placement.weights.size())};
  }
  const DeviceRoom room = DivideDeviceRoom(site->budget->available(), granularity);
  const auto take = [&](size_t bytes, Use use) {
    return settings.plan_only ? Block::MakeCountedFrom(device, bytes, *site->budget, use)
                              : Block::MakeFrom(device, bytes, *site->budget, use);
  };
  Result<Block> block = take(kLanesPerDevice * room.stage, Use::kStaging);
  if (!block.ok()) return block.error();
  site->rooms = std::move(*block);
  block = take(room.workspace, Use::kWorkspace);
  if (!block.ok()) return block.error();
  site->workspace_block = std::move(*block);
  site->workspace.emplace(site->workspace_block.bytes(), site->workspace_block.size(),
                          kLanesPerDevice, /*on_host=*/false);
  for (int i = 0; i < kLanesPerDevice; ++i) {
    const std::span<std::byte> stage =
        settings.plan_only
            ? std::span<std::byte>()
            : site->rooms.bytes().subspan(static_cast<size_t>(i) * room.stage, room.stage);
    Result<std::unique_ptr<Lane>> lane =
        device.MakeLane(TypesOf((*model)->checkpoint.precision).encoder, stage, *budget);
    if (!lane.ok()) return lane.error();
    site->lanes.push_back(std::move(*lane));
  }
  return site;
}

Result<Engine> Engine::Load(const std::string& model, const EngineOptions& options) {
  try {
    std::shared_ptr<Budget> whole;
    if (options.shared_budget) whole = options.shared_budget->budget_;
    Result<Settings> settings = Resolve(
        options, whole == nullptr ? std::nullopt : std::optional<size_t>(whole->available()));
    if (!settings.ok()) return settings.error();
    auto impl = std::make_shared<Impl>(*settings, options, std::move(whole));
    const auto too_small = [&] {
      return TooSmall(model, options, *impl->budget, settings->available);
    };
    try {
      if (const Result<void> loaded = impl->Load(model); !loaded.ok()) {
        const bool of_host =
            loaded.error().code == Code::kOverBudget && loaded.error().message.empty();
        return of_host ? too_small() : loaded.error();
      }
    } catch (const OverBudget&) {
      return too_small();
    }
    if (options.idle_trim.count() > 0 && !settings->plan_only)
      impl->TrimWhenIdle(options.idle_trim);
    return Engine(std::move(impl));
  } catch (const std::bad_alloc&) {
    return Error{Code::kIo, "out of memory"};
  } catch (const std::filesystem::filesystem_error& unreadable) {
    return Error{Code::kIo, unreadable.what()};
  } catch (const std::system_error& refused) {
    return Error{Code::kIo,
                 fmt::format("the system refused to start the worker threads: {}", refused.what())};
  }
}

size_t Engine::Impl::Trim() {
  const size_t before = ReadResidentMemory().now;
  sites.Trim();
  staging->Trim();
  ::malloc_trim(0);
  ++trims;
  const size_t after = ReadResidentMemory().now;
  return before > after ? before - after : 0;
}

void Engine::Impl::TrimWhenIdle(std::chrono::milliseconds pause) {
  idle = std::jthread([this, pause](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    Clock::rep trimmed = last_call;  // The call after which it was done last.
    while (!stop.stop_requested()) {
      const Clock::rep last = last_call;
      const Clock::time_point due = Clock::time_point(Clock::duration(last)) + pause;
      const Clock::time_point now = Clock::now();
      const bool is_due = calls == 0 && last != trimmed && due <= now;
      if (is_due) {
        Trim();
        trimmed = last;
      }
      never.wait_until(lock, stop, last != trimmed && due > now ? due : now + pause,
                       [] { return false; });
    }
  });
}

}  // namespace waterline
