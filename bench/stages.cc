// What of a pass the encoder takes, and what the head, on one thread.
//
//   waterline_bench_stages MODEL [--dtype T] [--texts N] [--words N] [--tokens N] [--labels N]
//                          [--rounds N]
//
// A batch of random tokens, the shape of which is given: `texts` texts of `words` words and
// `tokens` sub-words, prompt not counted, with `labels` labels. Prints a line: type, tokens with
// prompts, and of encoder and head the median milliseconds and the share. SPDX-License-Identifier:
// Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <limits>
#include <memory_resource>
#include <random>
#include <string>
#include <vector>

#include "engine/model.h"
#include "kernels/denormals.h"
#include "memory/block.h"
#include "ops/planned.h"

namespace waterline {
namespace {

struct Shape {
  int texts = 8;
  int words = 72;
  int tokens = 96;  // Of one text.
  int labels = 10;
};

// Sequences as MakeBatch packs them: specials around, a marker and two tokens a label, a separator,
// and sub-words shared out among the words.
Batch RandomBatch(const Shape& shape, int64_t vocabulary, const BatchRules& rules) {
  Batch batch(std::pmr::get_default_resource());
  std::mt19937 random(1);
  std::uniform_int_distribution<int32_t> id(10, static_cast<int32_t>(vocabulary) - 10);
  const auto token = [&](int32_t first) {
    batch.positions.push_back(static_cast<int32_t>(batch.ids.size()) - first);
    batch.ids.push_back(id(random));
  };
  const auto read = [&] {
    const auto row = static_cast<int32_t>(batch.ids.size());
    batch.read.push_back({row, row + 1});
    const auto of_read = static_cast<int32_t>(batch.read.size()) - 1;
    return RowRange{of_read, of_read + 1};
  };
  batch.begins = batch.word_begins = {0};
  batch.score_begins = {0};
  for (int t = 0; t < shape.texts; ++t) {
    const auto first = static_cast<int32_t>(batch.ids.size());
    token(first);
    const auto label = static_cast<int32_t>(batch.labels.size());
    for (int c = 0; c < shape.labels; ++c) {
      batch.labels.push_back(read());
      for (int i = 0; i < 3; ++i) token(first);
    }
    batch.label_groups.push_back({label, label + shape.labels});
    batch.relation_groups.emplace_back();
    token(first);
    for (int w = 0; w < shape.words; ++w) {
      batch.words.push_back(read());
      const int begin = shape.tokens * w / shape.words, end = shape.tokens * (w + 1) / shape.words;
      for (int i = begin; i < end; ++i) token(first);
    }
    token(first);
    batch.begins.push_back(static_cast<int32_t>(batch.ids.size()));
    batch.word_begins.push_back(static_cast<int32_t>(batch.words.size()));
    batch.score_begins.push_back(batch.score_begins.back() +
                                 int64_t{shape.words} * shape.labels * rules.channels);
  }
  return batch;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Result<void> Run(const std::string& model, Precision precision, const Shape& shape, int rounds) {
  const Kernels& kernels = *CpuKernels();
  Budget budget(std::numeric_limits<size_t>::max());
  BudgetResource memory(budget, Use::kLoading);
  Result<Checkpoint> checkpoint = OpenCheckpoint(model, precision, kernels, budget, &memory);
  if (!checkpoint.ok()) return checkpoint.error();
  if (checkpoint->label_source != LabelSource::kPrompt) {
    return Error{Code::kUnsupported, "only models that read labels with the text"};
  }
  BindingReport measured, report;
  const Result<Network> dry = MeasureNetwork(*checkpoint, kernels, &memory, measured);
  if (!dry.ok()) return dry.error();
  Result<Block> weights = Block::Make(measured.block_bytes, budget, Use::kWeights);
  if (!weights.ok()) return weights.error();
  const Result<Network> network = BindNetwork(
      *checkpoint, kernels,
      {.block = weights->bytes(), .memory = &memory, .loading = &memory, .threads = 1}, report);
  if (!network.ok()) return network.error();

  const Batch batch = RandomBatch(shape, checkpoint->backbone.vocab_size, network->head->rules());
  HostLane lane(kernels);
  const Plan plan =
      PlanOn(lane, &memory, /*members=*/1, [&](Ops& ops) { network->Forward(ops, batch); });
  Result<Block> workspace = Block::Make(plan.bytes, budget, Use::kWorkspace);
  if (!workspace.ok()) return workspace.error();
  using Clock = std::chrono::steady_clock;
  using Milliseconds = std::chrono::duration<double, std::milli>;
  std::vector<double> encoder, head;
  for (int round = -1; round < rounds; ++round) {  // The first warms up.
    Arena arena(workspace->bytes(), plan);
    Ops ops(kernels, arena, &memory);
    const Clock::time_point start = Clock::now();
    Mat hidden = network->encoder->Forward(ops, batch);
    const Clock::time_point middle = Clock::now();
    const Scores scores = network->head->Forward(ops, std::move(hidden), batch);
    const Clock::time_point end = Clock::now();
    if (ops.error()) return *ops.error();
    if (round < 0) continue;
    encoder.push_back(Milliseconds(middle - start).count());
    head.push_back(Milliseconds(end - middle).count());
  }
  const double e = Median(encoder), h = Median(head);
  fmt::print("{}, {} tokens: encoder {:.1f} ms ({:.1f} %), head {:.1f} ms ({:.1f} %)\n",
             PrecisionName(checkpoint->precision), batch.tokens(), e, 100 * e / (e + h), h,
             100 * h / (e + h));
  return {};
}

}  // namespace
}  // namespace waterline

int main(int argc, char** argv) {
  using waterline::Precision;
  std::string model, dtype = "f32";
  waterline::Shape shape;
  int rounds = 10;
  CLI::App app("What of a pass the encoder takes, and what the head.");
  app.add_option("model", model)->required();
  app.add_option("--dtype", dtype)->check(CLI::IsMember({"f32", "bf16", "int8"}));
  for (auto [name, value] :
       {std::pair("--texts", &shape.texts), std::pair("--words", &shape.words),
        std::pair("--tokens", &shape.tokens), std::pair("--labels", &shape.labels),
        std::pair("--rounds", &rounds)}) {
    app.add_option(name, *value)->check(CLI::PositiveNumber);
  }
  CLI11_PARSE(app, argc, argv);
  if (shape.tokens < shape.words) {
    fmt::print(stderr, "stages: --tokens {} are fewer than --words {}\n", shape.tokens,
               shape.words);
    return 2;
  }
  waterline::SetFlushDenormals();
  const auto done = waterline::Run(model,
                                   dtype == "int8"   ? Precision::kInt8
                                   : dtype == "bf16" ? Precision::kBf16
                                                     : Precision::kF32,
                                   shape, rounds);
  if (done.ok()) return 0;
  fmt::print(stderr, "stages: {}\n", done.error().message);
  return 1;
}
