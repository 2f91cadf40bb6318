// Kernels of every instruction set of this machine on random data, one thread: GFLOP/s, and its
// share of the core's peak where the operation is made of multiply-adds. With --peak alone only the
// peaks, as one line of JSON: GFLOP/s of one core by instruction set, 0 where it is lacking.
// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "doctor/attention_cases.h"
#include "doctor/fma_peak.h"
#include "doctor/linear_cases.h"
#include "doctor/lstm_cases.h"
#include "doctor/operands.h"
#include "doctor/span_scores_cases.h"
#include "kernels/denormals.h"

namespace waterline {

namespace {

void SetCounters(benchmark::State& state, const Kernels& kernels, double flops) {
  using benchmark::Counter;
  const double gflops = flops * static_cast<double>(state.iterations()) * 1e-9;
  state.counters["GFLOP/s"] = Counter(gflops, Counter::kIsRate);
  const double peak = FmaPeak(kernels.name());
  if (peak > 0) state.counters["of_peak"] = Counter(gflops / peak, Counter::kIsRate);
}

void BenchLinear(benchmark::State& state, const Kernels& kernels, const LinearCase& shape,
                 WeightType type) {
  OwnedMat x = RandomMat(shape.rows, shape.in, 1);
  const OwnedWeight w(kernels, OwnedWeight::Rows(shape.out, shape.in, 2), shape.out, shape.in,
                      shape.has_bias, type);
  OwnedMat out(shape.rows, shape.out);
  AlignedBytes scratch(kernels.LinearScratchBytes(shape.rows, w.weight));
  for (auto _ : state) kernels.Linear(x, w.weight, shape.act, scratch.span(), out);
  SetCounters(state, kernels, 2.0 * static_cast<double>(shape.rows * shape.in * shape.out));
}

// Products of queries and keys, their two position terms, and values, at 2 L d each.
void BenchAttention(benchmark::State& state, const Kernels& kernels, const AttentionCase& test) {
  const AttentionInputs inputs(test);
  AlignedBytes scratch(
      kernels.AttentionScratchBytes(inputs.longest, test.width, inputs.args.relative));
  OwnedMat out(inputs.args.q.rows, inputs.args.q.cols);
  AttentionArgs args = inputs.args;
  args.scratch = scratch.span();
  for (auto _ : state) kernels.Attention(args, out);
  double flops = 0;
  const double terms = test.terms == Terms::kBoth                               ? 4
                       : test.terms == Terms::kC2p || test.terms == Terms::kP2c ? 3
                                                                                : 2;
  for (const int64_t length : test.lengths) {
    flops += terms * 2 * static_cast<double>(length * length * test.heads * test.width);
  }
  SetCounters(state, kernels, flops);
  state.counters["million_tokens"] =
      benchmark::Counter(static_cast<double>(out.view().rows * state.iterations()) * 1e-6,
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BenchLayerNorm(benchmark::State& state, const Kernels& kernels) {
  OwnedMat x = RandomMat(512, 768, 1);
  OwnedMat residual = RandomMat(512, 768, 2);
  const std::vector<float> gamma(768, 1), beta(768, 0);
  const Norm norm{768, gamma.data(), beta.data(), 1e-7f};
  OwnedMat out(512, 768);
  for (auto _ : state) kernels.AddLayerNorm(x, residual, norm, out);
  state.counters["million_tokens"] =
      benchmark::Counter(512e-6 * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BenchLstm(benchmark::State& state, const Kernels& kernels, const LstmCase& test) {
  const LstmInputs inputs(test);
  const size_t bytes = kernels.PackedLstmFloats(test.hidden) * sizeof(float);
  AlignedBytes packed[2] = {AlignedBytes(bytes), AlignedBytes(bytes)};
  LstmArgs args;
  args.gates = inputs.gates.view();
  args.forward = reinterpret_cast<float*>(packed[0].data());
  args.backward = reinterpret_cast<float*>(packed[1].data());
  kernels.PackLstm(inputs.forward.data(), 0, 4 * test.hidden, test.hidden,
                   reinterpret_cast<float*>(packed[0].data()));
  kernels.PackLstm(inputs.backward.data(), 0, 4 * test.hidden, test.hidden,
                   reinterpret_cast<float*>(packed[1].data()));
  args.hidden = test.hidden;
  args.begins = inputs.begins;
  AlignedBytes scratch(
      kernels.LstmScratchBytes(test.hidden, static_cast<int64_t>(test.lengths.size())));
  args.scratch = scratch.span();
  OwnedMat out(args.gates.rows, 2 * test.hidden);
  for (auto _ : state) kernels.Lstm(args, out);
  SetCounters(state, kernels,
              16.0 * static_cast<double>(args.gates.rows * test.hidden * test.hidden));
}

void BenchSpanScores(benchmark::State& state, const Kernels& kernels, const SpanScoreCase& test) {
  const SpanScoreInputs inputs(test);
  AlignedBytes scratch(
      kernels.SpanScoreScratchBytes(test.features, test.widths, test.labels.front()));
  SpanScoreArgs args = inputs.args;
  args.scratch = scratch.span();
  std::vector<float> scores(static_cast<size_t>(inputs.score_begins.back()));
  for (auto _ : state) kernels.SpanScores(args, scores);
  SetCounters(state, kernels,
              2.0 * static_cast<double>(scores.size()) * static_cast<double>(test.features));
}

void Register(const Kernels& kernels) {
  const auto add = [&](const std::string& name, const auto& bench) {
    benchmark::RegisterBenchmark((std::string(kernels.name()) + "/" + name).c_str(), bench)
        ->Unit(benchmark::kMicrosecond);
  };
  for (const WeightType type : kWeightTypes) {
    for (const LinearCase& shape : kLinearShapes) {
      const std::string name = std::string("linear/") + WeightTypeName(type) + "/" +
                               std::to_string(shape.rows) + "x" + std::to_string(shape.in) + "x" +
                               std::to_string(shape.out) + (shape.act == Act::kGelu ? "/gelu" : "");
      add(name, [&, type](benchmark::State& state) { BenchLinear(state, kernels, shape, type); });
    }
  }
  for (const int64_t length : {32, 128, 384}) {
    for (const Terms terms : {Terms::kBoth, Terms::kNone}) {
      for (const int64_t width : {64, 32}) {
        const AttentionCase test{std::vector<int64_t>(static_cast<size_t>(512 / length), length),
                                 12, width, terms};
        const std::string name = "attention/" + std::to_string(length) + "x" +
                                 std::to_string(width) + (terms == Terms::kBoth ? "/both" : "");
        add(name, [&, test](benchmark::State& state) { BenchAttention(state, kernels, test); });
      }
    }
  }
  // FLOPS of these count what would be computed without a window.
  for (const auto& [name, test] :
       {std::pair("attention/384x64/window64", AttentionCase{{384}, 12, 64, Terms::kNone, 64}),
        std::pair("attention/384x64/causal",
                  AttentionCase{{384}, 12, 64, Terms::kNone, kAllKeys, true}),
        std::pair("attention/384x64/bias", AttentionCase{{384}, 12, 64, Terms::kBias})}) {
    add(name, [&, test](benchmark::State& state) { BenchAttention(state, kernels, test); });
  }
  add("layer_norm/512x768", [&](benchmark::State& state) { BenchLayerNorm(state, kernels); });
  for (const size_t sequences : {1, 8, 16}) {
    const LstmCase test{std::vector<int64_t>(sequences, 100), 256};
    add("lstm/" + std::to_string(sequences) + "x100x256",
        [&, test](benchmark::State& state) { BenchLstm(state, kernels, test); });
  }
  for (const int64_t labels : {5, 10, 25}) {
    for (const Act act : {Act::kRelu, Act::kNone}) {
      const SpanScoreCase test{{100}, {labels}, 2048, 12, act, true};
      add("span_scores/" + std::to_string(labels) + (act == Act::kNone ? "/linear" : ""),
          [&, test](benchmark::State& state) { BenchSpanScores(state, kernels, test); });
    }
  }
}

void PrintPeaks() {
  std::printf("{\"avx2\": %.1f, \"avx512\": %.1f}\n", FmaPeak("avx2"), FmaPeak("avx512"));
}

}  // namespace

}  // namespace waterline

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--peak") {
    waterline::PrintPeaks();
    return 0;
  }
  waterline::SetFlushDenormals();
  benchmark::Initialize(&argc, argv);
  for (const char* isa : waterline::CpuIsaNames()) {
    const waterline::Kernels* kernels = waterline::CpuKernels(isa);
    if (kernels != nullptr) waterline::Register(*kernels);
    const double peak = kernels == nullptr ? 0 : waterline::FmaPeak(isa);
    benchmark::AddCustomContext(std::string(isa) + " peak GFLOP/s", kernels == nullptr
                                                                        ? "this machine lacks it"
                                                                        : std::to_string(peak));
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
