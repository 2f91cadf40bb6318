// How a budget is divided, and how texts are divided into passes.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <vector>

#include "device/device.h"
#include "engine/model.h"
#include "memory/budget.h"
#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline {

// The options with every 0 replaced by what it stands for.
// Errors: kInvalidArgument  a negative number, an instruction set that the machine lacks.
struct Settings {
  size_t budget = 0;
  bool automatic = false;  // `budget` is a share of
  size_t available = 0;    // what the machine, or the shared budget, had free.
  int threads = 1;
  int64_t batch_tokens = 0;  // 0: as many as the workspace holds.
  const Kernels* kernels = nullptr;
  std::vector<Device*> devices;        // Empty: the host.
  std::vector<size_t> device_budgets;  // [devices]
  bool device_automatic = false;       // They are a share of what was free.
  Precision precision = Precision::kDefault;
  WordSplitter splitter = WordSplitter::kModel;
  bool plan_only = false;
};
// `shared_available`: what is left of the budget that the engine shares; nullopt without one.
Result<Settings> Resolve(const EngineOptions& options,
                         std::optional<size_t> shared_available = std::nullopt);

// Whether words are split by ICU.
bool UsesIcu(WordSplitter splitter, const GlinerConfig& config);

// The share of what is free that is taken when no number is given.
size_t AutomaticBudget(size_t available);
// The same of a device: nine tenths, as nobody else grows there unseen.
size_t AutomaticDeviceBudget(size_t available);

// Passes that are in flight on a device at once: while one computes, the host packs the next.
inline constexpr int kLanesPerDevice = 2;

// What a checkpoint takes, known before its weights are read.
struct Measure {
  BindingReport report;
  size_t least_workspace = 0;  // Enough for one text of 96 words with 8 labels.
  size_t held = 0;             // On the host by the loaded model: weights, tokenizer.
  size_t on_device = 0;        // Bytes of weights on each device.
  size_t loading_peak = 0;     // Most that is held at once while one thread loads it.
  int64_t longest_sequence = 0;
  int64_t widths = 0;  // Widest span that windows of long texts are made for.
};
// Measures `checkpoint`, which was opened within `budget`.
// Errors: kBadModel, kUnsupported as MeasureNetwork.
Result<Measure> MeasureCheckpoint(const Checkpoint& checkpoint, const Settings& settings,
                                  Budget& budget);

// The least budget that loads a model and runs it with the threads and devices of `settings`,
size_t SmallestBudget(const Measure& measure, const Settings& settings);
// and the least of a device with blocks of `granularity`.
size_t SmallestDeviceBudget(const Measure& measure, size_t granularity);

// What is left of a budget after the weights: memory for the texts in flight, and for passes.
struct Room {
  size_t staging = 0;
  size_t workspace = 0;
};
// A quarter of `available` for staging, at least 1 MiB and 64 KiB a thread (the batch and the plan
// that each holds), at most 64 MiB more than that; the rest for the workspace, up to 128 MiB a
// thread, beyond which a CPU gains nothing. Whole pages.
Room DivideRoom(size_t available, int threads);

// What is left of the budget of a device after the weights.
struct DeviceRoom {
  size_t stage = 0;  // Of each lane, for computations after a pass.
  size_t workspace = 0;
};
// A sixteenth of `available` for each lane's stages, 2 MiB to 64 MiB; the rest for the workspace,
// up to 2 GiB a lane. Multiples of `granularity`.
DeviceRoom DivideDeviceRoom(size_t available, size_t granularity);

// The least that DivideRoom needs to give `threads` workers a workspace of `least_workspace`.
size_t LeastRoom(size_t least_workspace, int threads);

// Tokens of the largest batch of texts of ordinary length (128 tokens, 10 labels) that `share`
// bytes of workspace hold, in whole texts, from 128 to 1024, or 16384 on a device. `memory` serves
// the planning.
int64_t BatchTokensFor(const Network& network, const Kernels& kernels, size_t share,
                       std::pmr::memory_resource* memory);

// First sequence of each pass, and the number of sequences, for sequences of `tokens` tokens,
// longest first. Passes hold at most `batch_tokens` tokens (one sequence may hold more) and their
// number suits `threads` workers.
std::pmr::vector<size_t> BatchBegins(std::span<const int64_t> tokens, int64_t batch_tokens,
                                     int threads, std::pmr::memory_resource* memory);

// How many of `threads` workers may compute pass `pass` of `passes` together, if they have nothing
// else to do: that is so while the last ones run, one for each worker.
int MembersOf(int64_t pass, int64_t passes, int threads);

}  // namespace waterline
