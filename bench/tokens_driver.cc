// Waterline's side of bench/tokens.py: one tokenizer over one list of texts, on one thread.
//
//   waterline_bench_tokens DIRECTORY TEXTS.jsonl
//
// DIRECTORY holds a tokenizer; a line of TEXTS.jsonl is a list of words. Reads requests from
// standard input, a line each, and answers each with a line:
//
//   load N          the least of the seconds that N loads took
//   time KIND N     seconds of N rounds over all texts
//   ids KIND FILE   writes the ids of each text as a line of FILE; the number of ids
//
// KIND is `words`: the words as they are given; or `text`: the words joined by spaces, as one
// string. Special tokens around a text are left out.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tokens/tokenizer.h"

namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Text {
  std::vector<std::string> words;
  std::string joined;
};

// Throws simdjson_error.
std::vector<Text> ReadTexts(const std::string& path) {
  std::vector<Text> texts;
  simdjson::dom::parser parser;
  for (const simdjson::dom::element line : parser.load_many(path)) {
    Text& text = texts.emplace_back();
    for (const std::string_view word : line.get_array()) {
      text.words.emplace_back(word);
      text.joined.append(text.joined.empty() ? "" : " ").append(word);
    }
  }
  return texts;
}

class Driver {
 public:
  Driver(std::string directory, std::vector<Text> texts)
      : directory_(std::move(directory)), texts_(std::move(texts)) {}

  // Throws std::runtime_error.
  std::string Answer(const std::string& request) {
    std::istringstream words(request);
    std::string what, kind, file;
    int count = 0;
    words >> what;
    if (what == "load" && words >> count) return fmt::format("{:.9f}", Load(count));
    if (what == "time" && words >> kind >> count) return fmt::format("{:.9f}", Time(kind, count));
    if (what == "ids" && words >> kind >> file) return fmt::format("{}", WriteIds(kind, file));
    throw std::runtime_error("unknown request: " + request);
  }

 private:
  // A tokenizer and the memory that it lives in.
  struct Loaded {
    waterline::Budget budget{size_t{1} << 31};
    waterline::BudgetResource memory{budget, waterline::Use::kTokenizer};
    std::unique_ptr<waterline::Tokenizer> tokenizer;
  };

  double Load(int count) {
    double least = 0;
    for (int i = 0; i < count; ++i) {
      loaded_ = std::make_unique<Loaded>();
      const Clock::time_point start = Clock::now();
      auto tokenizer = waterline::Tokenizer::Load(directory_, loaded_->budget, &loaded_->memory);
      const double seconds = SecondsSince(start);
      if (!tokenizer.ok()) throw std::runtime_error(tokenizer.error().message);
      loaded_->tokenizer = *std::move(tokenizer);
      least = i == 0 ? seconds : std::min(least, seconds);
    }
    return least;
  }

  const waterline::Tokenizer& tokenizer() {
    if (!loaded_) Load(1);
    return *loaded_->tokenizer;
  }

  void Encode(const std::string& kind, const Text& text, std::pmr::vector<int32_t>& ids) {
    ids.clear();
    if (kind == "text") {
      tokenizer().EncodeText(text.joined, ids);
    } else {
      for (const std::string& word : text.words) tokenizer().EncodeWord(word, ids);
    }
  }

  double Time(const std::string& kind, int rounds) {
    std::pmr::vector<int32_t> ids;
    tokenizer();
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < rounds; ++i) {
      for (const Text& text : texts_) Encode(kind, text, ids);
    }
    return SecondsSince(start);
  }

  size_t WriteIds(const std::string& kind, const std::string& path) {
    std::ofstream file(path);
    std::pmr::vector<int32_t> ids;
    size_t count = 0;
    for (const Text& text : texts_) {
      Encode(kind, text, ids);
      count += ids.size();
      file << fmt::format("{}\n", fmt::join(ids, " "));
    }
    if (!file.flush()) throw std::runtime_error("cannot write " + path);
    return count;
  }

  const std::string directory_;
  const std::vector<Text> texts_;
  std::unique_ptr<Loaded> loaded_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: waterline_bench_tokens DIRECTORY TEXTS.jsonl\n");
    return 2;
  }
  try {
    Driver driver(argv[1], ReadTexts(argv[2]));
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << driver.Answer(line) << std::endl;
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "waterline_bench_tokens: {}\n", error.what());
    return 1;
  }
}
