// How long one short text takes that comes alone.
//
//   waterline_bench_latency MODEL [--threads N] [--dtype T] [--texts N] [--words N]
//
// Each text is a call of its own, one after another, after as many of warm-up as a tenth of them.
// Prints a line: threads, type, texts, mean tokens of a text (prompt included), and of the times in
// milliseconds the least, the median and the 90th percentile.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <simdjson.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/engine.h"

namespace {

using waterline::Precision;

// Texts of `words` words each, out of {"tokenized_text": [...]} lines. Throws simdjson_error.
std::vector<std::string> ReadTexts(const std::string& path, size_t count, size_t words) {
  std::vector<std::string> texts(1);
  size_t have = 0;
  simdjson::dom::parser parser;
  for (const simdjson::dom::element line : parser.load_many(path)) {
    for (const std::string_view word : line["tokenized_text"].get_array()) {
      if (have == words) {
        if (texts.size() == count) return texts;
        texts.emplace_back();
        have = 0;
      }
      texts.back().append(have++ == 0 ? "" : " ").append(word);
    }
  }
  return texts;
}

int Fail(std::string_view message) {
  fmt::print(stderr, "latency: {}\n", message);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  std::string model, dtype = "f32", path = WATERLINE_LATENCY_TEXTS;
  int threads = 0;
  size_t count = 100, words = 16;
  CLI::App app("How long one short text takes that comes alone.");
  app.add_option("model", model)->required();
  app.add_option("-j,--threads", threads);
  app.add_option("--dtype", dtype)->check(CLI::IsMember({"f32", "bf16", "int8"}));
  app.add_option("--texts", count)->check(CLI::PositiveNumber);
  app.add_option("--words", words)->check(CLI::PositiveNumber);
  app.add_option("--from", path);
  CLI11_PARSE(app, argc, argv);

  std::vector<std::string> texts;
  try {
    texts = ReadTexts(path, count, words);
  } catch (const simdjson::simdjson_error& error) {
    return Fail(fmt::format("{}: {}", path, error.what()));
  }
  const auto engine =
      waterline::Engine::Load(model, {.threads = threads,
                                      .dtype = dtype == "int8"   ? Precision::kInt8
                                               : dtype == "bf16" ? Precision::kBf16
                                                                 : Precision::kF32});
  if (!engine.ok()) return Fail(engine.error().message);

  const std::array<waterline::Label, 3> labels = {{{"person", {}}, {"city", {}}, {"date", {}}}};
  std::vector<double> times;
  int64_t tokens = 0;
  const auto run = [&](size_t texts_to_run) -> bool {
    times.clear();
    tokens = engine->Stats().tokens;
    for (size_t i = 0; i < texts_to_run; ++i) {
      const std::string_view text = texts[i];
      const auto start = std::chrono::steady_clock::now();
      const auto found = engine->Extract(std::span(&text, 1), labels);
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - start;
      if (!found.ok() || found->front().error) return false;
      times.push_back(took.count());
    }
    tokens = engine->Stats().tokens - tokens;
    return true;
  };
  if (!run((texts.size() + 9) / 10) || !run(texts.size())) return Fail("a text was refused");
  std::sort(times.begin(), times.end());
  fmt::print("{} threads, {}, {} texts of {:.1f} tokens: {:.2f} {:.2f} {:.2f} ms\n",
             engine->Stats().threads, dtype, texts.size(),
             static_cast<double>(tokens) / static_cast<double>(texts.size()), times.front(),
             times[times.size() / 2], times[times.size() * 9 / 10]);
  return 0;
}
