// One run of Waterline for bench/memory.py: extracts from a list of batches and tells after each
// what the process holds.
//
//   waterline_bench_memory JOB.json
//
// JOB.json: {"model": directory, "threads": N, "budget": bytes, 0 for the engine's own choice,
// "batches": [{"texts": [...], "labels": [...]}, ...]}. Prints one line of JSON after loading and
// one after each batch. Without "batches": only the smallest budget that would do,
// and what weights and tokenizer hold of it.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <simdjson.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/engine.h"

namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Lets VmHWM begin anew, where the system allows it.
void ResetPeak() { std::ofstream("/proc/self/clear_refs") << '5'; }

// Bytes that the system says this process holds: now, of those the pages of files, and the most.
std::string Memory() {
  std::ifstream status("/proc/self/status");
  std::string key;
  size_t resident = 0, file = 0, peak = 0;
  while (status >> key) {
    if (key == "VmRSS:") status >> resident;
    if (key == "RssFile:") status >> file;
    if (key == "VmHWM:") status >> peak;
    status.ignore(4096, '\n');
  }
  return fmt::format("\"rss\":{},\"file\":{},\"peak\":{}", resident * 1024, file * 1024,
                     peak * 1024);
}

void PrintLine(std::string_view fields, double seconds) {
  fmt::print("{{{},\"seconds\":{:.6f},{}}}\n", fields, seconds, Memory());
  std::fflush(stdout);
}

int Fail(const waterline::Error& error) {
  fmt::print(stderr, "waterline_bench_memory: {}\n", error.message);
  return 1;
}

// Views into the job, which outlives them.
struct Batch {
  std::vector<std::string_view> texts;
  std::vector<waterline::Label> labels;
};

std::vector<Batch> ReadBatches(simdjson::dom::array array) {
  std::vector<Batch> batches;
  for (const simdjson::dom::element element : array) {
    Batch& batch = batches.emplace_back();
    for (const std::string_view text : element["texts"].get_array()) batch.texts.push_back(text);
    for (const std::string_view label : element["labels"].get_array()) {
      batch.labels.push_back({std::string(label), {}});
    }
  }
  return batches;
}

int Run(const std::string& model, const waterline::EngineOptions& options,
        const std::vector<Batch>& batches) {
  auto begin = Clock::now();
  // Seconds that workers spent in passes, and of these on planning them.
  std::atomic<double> passes{0}, planning{0};
  waterline::EngineOptions observed = options;
  observed.observer = [&](const waterline::BatchReport& report) {
    passes += report.seconds;
    planning += report.planning_seconds;
  };
  const auto engine = waterline::Engine::Load(model, observed);
  if (!engine.ok()) return Fail(engine.error());
  PrintLine(fmt::format("\"batch\":0,\"budget\":{}", engine->Stats().memory_budget),
            SecondsSince(begin));
  for (size_t i = 0; i < batches.size(); ++i) {
    ResetPeak();
    begin = Clock::now();
    // Cut where the Python package cuts, so that all contestants do the same work.
    const auto found = engine->Extract(batches[i].texts, batches[i].labels, {.truncate = true});
    const double seconds = SecondsSince(begin);
    if (!found.ok()) return Fail(found.error());
    size_t entities = 0;
    size_t refused = 0;
    for (const waterline::Extraction& extraction : *found) {
      entities += extraction.entities.size();
      refused += extraction.error.has_value();
    }
    const waterline::EngineStats stats = engine->Stats();
    PrintLine(fmt::format("\"batch\":{},\"entities\":{},\"refused\":{},\"tokens\":{},\"in_use\":{},"
                          "\"engine_peak\":{},\"passes\":{},\"pass_seconds\":{:.6f},"
                          "\"planning_seconds\":{:.6f}",
                          i + 1, entities, refused, stats.tokens, stats.in_use, stats.peak,
                          stats.batches, passes.load(), planning.load()),
              seconds);
  }
  return 0;
}

int RunJob(const char* path) {
  simdjson::dom::parser parser;
  const simdjson::dom::element job = parser.load(path);
  const std::string model(job["model"].get_string().value());
  const waterline::EngineOptions options = {
      .memory_budget = job["budget"].get_uint64(),
      .threads = static_cast<int>(job["threads"].get_int64())};
  simdjson::dom::array batches;
  if (job["batches"].get_array().get(batches) == simdjson::SUCCESS) {
    return Run(model, options, ReadBatches(batches));
  }
  const auto report = waterline::Inspect(model, options);
  if (!report.ok()) return Fail(report.error());
  fmt::print("{{\"smallest_budget\":{},\"held\":{}}}\n", report->smallest_budget,
             report->weight_bytes + report->tokenizer_bytes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: waterline_bench_memory JOB.json\n");
    return 2;
  }
  try {
    return RunJob(argv[1]);
  } catch (const simdjson::simdjson_error& error) {
    fmt::print(stderr, "waterline_bench_memory: {}: {}\n", argv[1], error.what());
    return 2;
  }
}
