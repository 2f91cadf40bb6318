// SPDX-License-Identifier: Apache-2.0
#include "doctor/memory_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <random>

#include "doctor/model_checks.h"
#include "memory/machine.h"
#include "waterline/engine.h"

namespace waterline {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
// What the allocator and the libraries of the process take beside the budget (docs/memory.md).
constexpr size_t kBesideBudget = 16 * kMiB;
constexpr size_t kBesideBudgetOfThread = 1 * kMiB;
// What may differ from one run of the same batches to the next: how passes of several threads lie
// in the workspace, and what a driver rounds to.
constexpr size_t kDrift = 4 * kMiB;

double Mebibytes(size_t bytes) { return static_cast<double>(bytes) / static_cast<double>(kMiB); }
size_t Distance(size_t a, size_t b) { return a > b ? a - b : b - a; }

// Batches of texts of varied lengths, the same in each run.
class Batches {
 public:
  explicit Batches(const MemoryCheckOptions& options) : options_(options) {}

  std::vector<std::string> Next() {
    const std::vector<std::string_view> texts = CheckTexts();
    std::vector<std::string> batch(1 + Below(options_.most_texts));
    for (std::string& text : batch) {
      for (int n = 1 + Below(options_.most_repeats); n > 0; --n) {
        text += texts[static_cast<size_t>(Below(static_cast<int>(texts.size())))];
        text += ' ';
      }
    }
    return batch;
  }

 private:
  int Below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  const MemoryCheckOptions& options_;
  std::mt19937 random_{7};
};

// Runs one batch. Texts that do not fit are refused, as they should be.
std::optional<Error> Run(const Engine& engine, const std::vector<std::string>& batch) {
  const std::vector<std::string_view> views(batch.begin(), batch.end());
  const std::vector<Label> labels = CheckLabels();
  const auto result = engine.Extract(std::span<const std::string_view>(views), labels);
  if (!result.ok()) return result.error();
  for (const Extraction& extraction : *result) {
    if (extraction.error && extraction.error->code != Code::kOverBudget) return extraction.error;
  }
  return std::nullopt;
}

// Runs the batches; false, with a failed case in `log`, when one fails.
bool RunAll(const Engine& engine, const MemoryCheckOptions& options, CaseLog& log) {
  Batches batches(options);
  for (int i = 0; i < options.batches; ++i) {
    if (const std::optional<Error> error = Run(engine, batches.Next())) {
      log.Expect(false, error->message);
      return false;
    }
  }
  return true;
}

// The smallest budget that Load accepts and room for passes.
constexpr size_t WithRoom(size_t smallest) { return smallest + 24 * kMiB; }

CheckResult Failed(std::string name, const Error& error) {
  CaseLog log(std::move(name));
  log.Expect(false, error.message);
  return log.result();
}

}  // namespace

std::vector<CheckResult> CheckHostMemory(const MemoryCheckOptions& options) {
  const auto tell = [&](std::string_view what) {
    if (options.progress) options.progress(what);
  };
  tell("memory of the host");
  CaseLog budget("budget"), flat("flat"), trim("trim"), unload("unload");
  const Result<ModelReport> model = Inspect(options.model);
  if (!model.ok()) return {Failed("budget", model.error())};
  const size_t limit = WithRoom(model->smallest_budget);
  const size_t before = ReadResidentMemory().now;
  int threads = 0;
  {
    const Result<Engine> engine = Engine::Load(options.model, {.memory_budget = limit});
    if (!engine.ok()) return {Failed("budget", engine.error())};
    if (!RunAll(*engine, options, budget)) return {budget.result()};
    const EngineStats warm = engine->Stats();
    if (!RunAll(*engine, options, budget)) return {budget.result()};
    const EngineStats end = engine->Stats();
    threads = end.threads;
    budget.Expect(end.batches > 0, "no text fits into the budget");
    budget.Expect(end.peak <= end.memory_budget,
                  fmt::format("{} bytes were in use at once, of a budget of {}", end.peak,
                              end.memory_budget));
    const size_t most_resident =
        before + limit + kBesideBudget + static_cast<size_t>(threads) * kBesideBudgetOfThread;
    budget.Expect(end.resident <= most_resident,
                  fmt::format("{} bytes are resident, at most {} are expected: {} were before "
                              "loading",
                              end.resident, most_resident, before));
    budget.SetDetail(fmt::format("{:.1f} MiB at most of {:.1f} MiB; {} texts, {} passes",
                                 Mebibytes(end.peak), Mebibytes(end.memory_budget), end.texts,
                                 end.batches));
    flat.Expect(end.in_use == warm.in_use,
                fmt::format("{} bytes are in use, and {} were before", end.in_use, warm.in_use));
    const size_t most = warm.resident + kDrift;
    flat.Expect(end.resident <= most,
                fmt::format("{} bytes are resident, and {} were {} batches before", end.resident,
                            warm.resident, options.batches));
    flat.SetDetail(fmt::format("resident {:.1f} MiB, {} batches before {:.1f} MiB",
                               Mebibytes(end.resident), options.batches, Mebibytes(warm.resident)));
    const size_t returned = engine->Trim();
    const size_t after = ReadResidentMemory().now;
    trim.Expect(returned > 0 && after < end.resident,
                fmt::format("{} bytes are resident, and {} were before", after, end.resident));
    trim.SetDetail(fmt::format("gave {:.1f} MiB back", Mebibytes(returned)));
    const std::optional<Error> again = Run(*engine, Batches(options).Next());
    trim.Expect(!again, again ? again->message : "");
  }
  const size_t left = ReadResidentMemory().now;
  const size_t most = before + kBesideBudget + static_cast<size_t>(threads) * kBesideBudgetOfThread;
  unload.Expect(left <= most, fmt::format("{} bytes are resident after unloading, at most {} are "
                                          "expected: {} were before loading",
                                          left, most, before));
  unload.SetDetail(fmt::format("resident {:.1f} MiB, before loading {:.1f} MiB", Mebibytes(left),
                               Mebibytes(before)));
  return {budget.result(), flat.result(), trim.result(), unload.result()};
}

std::vector<CheckResult> CheckDeviceMemory(Device& device, const MemoryCheckOptions& options) {
  const auto tell = [&](std::string_view what) {
    if (options.progress) options.progress(what);
  };
  tell("memory of the device");
  CaseLog budget("budget"), flat("flat"), trim("trim"), unload("unload");
  EngineOptions engine_options{.device = device.name()};
  const Result<ModelReport> model = Inspect(options.model, engine_options);
  if (!model.ok()) return {Failed("budget", model.error())};
  const size_t limit = WithRoom(model->smallest_device_budget);
  engine_options.device_memory_budget = limit;
  // What is free as the driver says; a failure counts as nothing.
  const auto free_now = [&] {
    const Result<Device::Memory> memory = device.memory();
    return memory.ok() ? memory->free : 0;
  };
  // A process loads some of its libraries with the first model.
  { const Result<Engine> first = Engine::Load(options.model, engine_options); }
  const size_t before = free_now();
  {
    const Result<Engine> engine = Engine::Load(options.model, engine_options);
    if (!engine.ok()) return {Failed("budget", engine.error())};
    const auto stats = [&] { return engine->Stats().devices.at(0); };
    if (!RunAll(*engine, options, budget)) return {budget.result()};
    const DeviceStats warm = stats();
    if (!RunAll(*engine, options, budget)) return {budget.result()};
    const DeviceStats end = stats();
    budget.Expect(engine->Stats().batches > 0, "no text fits into the budget");
    budget.Expect(end.peak <= limit,
                  fmt::format("{} bytes were in use at once, of a budget of {}", end.peak, limit));
    const size_t taken = before > end.free ? before - end.free : 0;
    budget.Expect(taken <= limit + kDrift,
                  fmt::format("the driver has {} bytes less than before loading, for a budget of "
                              "{}; does another process use the device?",
                              taken, limit));
    budget.SetDetail(fmt::format("{:.1f} MiB at most of {:.1f} MiB; the driver gave {:.1f} MiB",
                                 Mebibytes(end.peak), Mebibytes(limit), Mebibytes(taken)));
    flat.Expect(end.in_use == warm.in_use,
                fmt::format("{} bytes are in use, and {} were before", end.in_use, warm.in_use));
    flat.Expect(Distance(end.free, warm.free) <= kDrift,
                fmt::format("{} bytes are free, and {} were {} batches before; does another "
                            "process use the device?",
                            end.free, warm.free, options.batches));
    flat.SetDetail(fmt::format("free {:.1f} MiB, {} batches before {:.1f} MiB", Mebibytes(end.free),
                               options.batches, Mebibytes(warm.free)));
    engine->Trim();
    const DeviceStats trimmed = stats();
    const size_t returned = trimmed.free > end.free ? trimmed.free - end.free : 0;
    trim.Expect(trimmed.workspace_held == 0,
                fmt::format("{} bytes of workspace are still held", trimmed.workspace_held));
    trim.Expect(returned + kDrift >= end.workspace_held,
                fmt::format("the driver has {} bytes more, of a workspace of {}", returned,
                            end.workspace_held));
    trim.SetDetail(fmt::format("gave {:.1f} MiB back", Mebibytes(returned)));
    const std::optional<Error> again = Run(*engine, Batches(options).Next());
    trim.Expect(!again, again ? again->message : "");
  }
  const size_t left = free_now();
  unload.Expect(Distance(left, before) <= kDrift,
                fmt::format("{} bytes are free after unloading, and {} were before loading; does "
                            "another process use the device?",
                            left, before));
  unload.SetDetail(fmt::format("free {:.1f} MiB, before loading {:.1f} MiB", Mebibytes(left),
                               Mebibytes(before)));
  return {budget.result(), flat.result(), trim.result(), unload.result()};
}

}  // namespace waterline
