// SPDX-License-Identifier: Apache-2.0
#include "engine/sizing.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "base/team.h"
#include "memory/block.h"
#include "memory/machine.h"

namespace waterline {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kMostStaging = 64 * kMiB;
constexpr size_t kMostWorkspacePerThread = 128 * kMiB;
constexpr int kMostThreads = 1024;
constexpr int64_t kMostBatchTokens = int64_t{1} << 30;  // Rows of a batch are counted in int32_t.

constexpr int64_t kBestBatchTokens = 1024;  // Larger batches are not faster on a CPU.
constexpr int64_t kBestDeviceBatchTokens = 16384;

constexpr size_t kLeastNotes = 64 * 1024;  // What the least text has a device read from the host.
constexpr size_t kLeastStage = 2 * kMiB;
constexpr size_t kMostStage = 64 * kMiB;
constexpr size_t kMostWorkspacePerLane = 2048 * kMiB;
// Of host memory that a lane needs for its copies; see CudaLane.
constexpr size_t kLaneBytes = 2 * kMiB;

// The shape that the smallest budget must hold.
constexpr BatchShape kLeastShape{.texts = 1, .words = 96, .tokens = 128, .labels = 8};

// Token models find spans of any width; of those of more words than this, or than the max_width
// that their config has without a use for it, an end may lie past the window of a long text.
constexpr int64_t kTokenSpans = 12;

size_t LeastStaging(int threads) { return kMiB + static_cast<size_t>(threads) * 64 * 1024; }

// The devices that the options name, and their budgets.
Result<void> ResolveDevices(const EngineOptions& options, Settings& settings) {
  Result<std::vector<Device*>> devices = FindDevices(options.device);
  if (!devices.ok()) return devices.error();
  settings.devices = std::move(*devices);
  if (settings.devices.empty()) {
    if (options.device_memory_budget == 0) return {};
    return Error{Code::kInvalidArgument,
                 "device_memory_budget is set, but the device is the CPU; give a device such as "
                 "cuda, or leave it out"};
  }
  settings.kernels = &settings.devices.front()->kernels();
  settings.device_automatic = options.device_memory_budget == 0;
  for (const Device* device : settings.devices) {
    const Result<Device::Memory> memory = device->memory();
    if (!memory.ok()) return memory.error();
    if (options.device_memory_budget > memory->total) {
      return Error{Code::kInvalidArgument,
                   fmt::format("a device memory budget of {} bytes is more than the {} bytes that "
                               "{} has",
                               options.device_memory_budget, memory->total, device->name())};
    }
    settings.device_budgets.push_back(settings.device_automatic
                                          ? AutomaticDeviceBudget(memory->free)
                                          : options.device_memory_budget);
  }
  return {};
}

}  // namespace

bool UsesIcu(WordSplitter splitter, const GlinerConfig& config) {
  if (splitter != WordSplitter::kModel) return splitter == WordSplitter::kIcu;
  return config.words_splitter_type != "whitespace";
}

size_t AutomaticBudget(size_t available) { return available / 2; }
size_t AutomaticDeviceBudget(size_t available) { return available / 10 * 9; }

Result<Settings> Resolve(const EngineOptions& options, std::optional<size_t> shared_available) {
  Settings settings;
  if (options.threads < 0 || options.threads > kMostThreads) {
    return Error{Code::kInvalidArgument,
                 fmt::format("threads is {}, expected 0 (one for each core) to {}", options.threads,
                             kMostThreads)};
  }
  settings.threads = options.threads > 0
                         ? options.threads
                         : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  if (options.batch_tokens < 0 || options.batch_tokens > kMostBatchTokens) {
    return Error{Code::kInvalidArgument,
                 fmt::format("batch_tokens is {}, expected 0 (what the workspace holds) to {}",
                             options.batch_tokens, kMostBatchTokens)};
  }
  settings.batch_tokens = options.batch_tokens;
  if (options.idle_trim.count() < 0) {
    return Error{
        Code::kInvalidArgument,
        fmt::format("idle_trim is {} ms, expected 0 (never) or more", options.idle_trim.count())};
  }
  settings.precision = options.dtype;
  settings.splitter = options.splitter;
  settings.plan_only = options.plan_only;
  settings.available = shared_available.value_or(0);
  if (!shared_available) settings.available = AvailableMemory();
  settings.automatic = options.memory_budget == 0;
  settings.budget =
      settings.automatic ? AutomaticBudget(settings.available) : options.memory_budget;
  settings.kernels = CpuKernels(options.isa.empty() ? nullptr : options.isa.c_str());
  if (settings.kernels == nullptr) {
    return Error{
        Code::kInvalidArgument,
        fmt::format("the instruction set {} is not known or this machine lacks it; known are {}",
                    options.isa.empty() ? "of WATERLINE_ISA" : options.isa,
                    fmt::join(CpuIsaNames(), ", "))};
  }
  if (const Result<void> found = ResolveDevices(options, settings); !found.ok()) {
    return found.error();
  }
  return settings;
}

Result<Measure> MeasureCheckpoint(const Checkpoint& checkpoint, const Settings& settings,
                                  Budget& budget) {
  const Kernels& kernels = *settings.kernels;
  Measure measure;
  BudgetResource weights(budget, Use::kWeights);
  BudgetResource loading(budget, Use::kLoading);
  Result<Network> network = MeasureNetwork(checkpoint, kernels, &weights, measure.report);
  if (!network.ok()) return network.error();
  measure.longest_sequence = LongestSequence(checkpoint, *network->encoder);
  measure.widths = network->head->widths();
  if (measure.widths == 0) measure.widths = std::max(checkpoint.config.max_width, kTokenSpans);
  measure.least_workspace = PassBytes(*network, kernels, kLeastShape, &loading);
  const size_t weights_bytes = PagesUp(measure.report.block_bytes);
  const bool on_host = settings.devices.empty();
  measure.held = budget.in_use() + (on_host ? weights_bytes : 0);
  measure.on_device = on_host ? 0 : weights_bytes;
  // Weights for a device are packed on the host.
  measure.loading_peak = std::max(
      budget.peak(), budget.in_use() + weights_bytes + measure.report.loading_bytes(/*threads=*/1));
  return measure;
}

size_t SmallestBudget(const Measure& measure, const Settings& settings) {
  const size_t room =
      settings.devices.empty()
          ? LeastRoom(measure.least_workspace, settings.threads)
          : LeastStaging(settings.threads) + settings.devices.size() * kLanesPerDevice * kLaneBytes;
  return std::max(measure.loading_peak, measure.held + room);
}

size_t SmallestDeviceBudget(const Measure& measure, size_t granularity) {
  const auto whole = [&](size_t bytes) {
    return (bytes + granularity - 1) / granularity * granularity;
  };
  return whole(measure.on_device) + kLanesPerDevice * whole(kLeastStage) +
         whole(measure.least_workspace + kLeastNotes);
}

int64_t BatchTokensFor(const Network& network, const Kernels& kernels, size_t share,
                       std::pmr::memory_resource* memory) {
  constexpr int64_t kTextTokens = 128, kLabels = 10, kWords = 72;
  int64_t texts = (kernels.on_host() ? kBestBatchTokens : kBestDeviceBatchTokens) / kTextTokens;
  const auto fits = [&] {
    return PassBytes(network, kernels,
                     {.texts = texts,
                      .words = kWords,
                      .tokens = kTextTokens - 3 * kLabels - 3,
                      .labels = kLabels},
                     memory) <= share;
  };
  while (texts > 1 && !fits()) --texts;
  return texts * kTextTokens;
}

Room DivideRoom(size_t available, int threads) {
  Room room;
  room.staging = PagesDown(std::min(
      std::clamp(available / 4, LeastStaging(threads), LeastStaging(threads) + kMostStaging),
      available));
  room.workspace = PagesDown(
      std::min(available - room.staging, static_cast<size_t>(threads) * kMostWorkspacePerThread));
  return room;
}

DeviceRoom DivideDeviceRoom(size_t available, size_t granularity) {
  const auto whole = [&](size_t bytes) { return bytes / granularity * granularity; };
  DeviceRoom room;
  room.stage = std::max(whole(std::clamp(available / 16, kLeastStage, kMostStage)), granularity);
  const size_t stages = kLanesPerDevice * room.stage;
  room.workspace = whole(std::min(available - std::min(available, stages),
                                  static_cast<size_t>(kLanesPerDevice) * kMostWorkspacePerLane));
  return room;
}

size_t LeastRoom(size_t least_workspace, int threads) {
  const size_t workspace = PagesUp(least_workspace);
  return std::max(LeastStaging(threads) + workspace, PagesUp(workspace / 3 * 4 + kPage));
}

std::pmr::vector<size_t> BatchBegins(std::span<const int64_t> tokens, int64_t batch_tokens,
                                     int threads, std::pmr::memory_resource* memory) {
  const int64_t total = std::accumulate(tokens.begin(), tokens.end(), int64_t{0});
  // As many passes for each worker, so that none waits for the last one of another.
  const int64_t rounds = (total + batch_tokens * threads - 1) / (batch_tokens * threads);
  const int64_t target = rounds == 0 ? 1 : (total + rounds * threads - 1) / (rounds * threads);
  std::pmr::vector<size_t> begins(1, 0, memory);
  int64_t sum = 0;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (sum > 0 && (sum >= target || sum + tokens[i] > batch_tokens)) {
      begins.push_back(i);
      sum = 0;
    }
    sum += tokens[i];
  }
  if (!tokens.empty()) begins.push_back(tokens.size());
  return begins;
}

int MembersOf(int64_t pass, int64_t passes, int threads) {
  return pass >= passes - threads ? std::min(threads, Team::kMost) : 1;
}

}  // namespace waterline
