// The engine from C++ for bench/python.py: calls of `size` texts each, one after another.
//
//   waterline_bench_batches MODEL THREADS SIZE LABELS < texts, then requests
//
// Standard input holds the number of texts, the texts, a line each, and then seconds: for each such
// line the texts are run from where the last request ended for at least that long, and a line
// "texts seconds entities" is printed. The first line printed is "ready".
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/engine.h"

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: waterline_bench_batches MODEL THREADS SIZE LABELS\n");
    return 2;
  }
  const auto engine = waterline::Engine::Load(argv[1], {.threads = std::stoi(argv[2])});
  if (!engine.ok()) {
    fmt::print(stderr, "batches: {}\n", engine.error().message);
    return 1;
  }
  const size_t size = std::stoul(argv[3]);
  std::vector<waterline::Label> labels;
  std::istringstream names(argv[4]);
  for (std::string name; std::getline(names, name, ',');) labels.push_back({name, {}});

  std::string line;
  std::getline(std::cin, line);
  std::vector<std::string> texts(std::stoul(line));
  for (std::string& text : texts) std::getline(std::cin, text);
  fmt::print("ready\n");
  std::fflush(stdout);
  size_t next = 0;
  while (std::getline(std::cin, line)) {
    const double wanted = std::stod(line);
    size_t done = 0, entities = 0;
    double seconds = 0;
    const auto begin = std::chrono::steady_clock::now();
    while (seconds < wanted) {
      std::vector<std::string_view> batch;
      for (size_t i = 0; i < size; ++i) batch.push_back(texts[next++ % texts.size()]);
      const auto found = engine->Extract(std::span<const std::string_view>(batch), labels);
      if (!found.ok()) {
        fmt::print(stderr, "batches: {}\n", found.error().message);
        return 1;
      }
      for (const waterline::Extraction& extraction : *found) entities += extraction.entities.size();
      done += batch.size();
      seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }
    fmt::print("{} {} {}\n", done, seconds, entities);
    std::fflush(stdout);
  }
  return 0;
}
