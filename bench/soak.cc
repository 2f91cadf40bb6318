// Runs very many batches of random shapes through one engine and tells whether the process grows.
//
//   waterline_soak [-n BATCHES] [--memory-budget B] [--scale small|full]
//
// Texts are cut from a pool without copying, labels are made once: what allocates is the engine.
// Before counting, batches of the largest shape touch what any other may touch. Two things are
// sampled throughout: resident pages, and what the heap has given out (free heap that the warm-up
// has touched would hide a leak from the former). Their least-squares slopes over the batches after
// the first 1,000, times those batches, are the drifts. The exit status is 1 when either exceeds
// kNoisePages.
// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <malloc.h>
#include <simdjson.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "byte_size.h"
#include "waterline/engine.h"

namespace {

constexpr int kMostTexts = 64;
constexpr int kMostWords = 512;
constexpr int kMostLabels = 50;

// Drift below this is noise: a heap that reaches its extent late. One byte that is lost in every
// batch is 244 pages in a million batches.
constexpr double kNoisePages = 16;

volatile std::sig_atomic_t interrupted = 0;

struct Options {
  std::string model;
  std::string budget;
  std::string scale = "small";
  std::string texts = WATERLINE_SOAK_TEXTS;
  int64_t batches = 1'000'000;
  int threads = 0;
  uint32_t seed = 1;
};

// Texts of consecutive words out of one long string.
class Pool {
 public:
  // Reads the words of {"tokenized_text": [...]} lines. Throws simdjson_error.
  explicit Pool(const std::string& path) {
    simdjson::dom::parser parser;
    for (const simdjson::dom::element line : parser.load_many(path)) {
      for (const std::string_view word : line["tokenized_text"].get_array()) {
        begins_.push_back(text_.size());
        text_.append(word).push_back(' ');
      }
    }
    begins_.push_back(text_.size());
  }

  size_t words() const { return begins_.size() - 1; }

  // `count` words from the `first`; requires that there are so many.
  std::string_view Text(size_t first, size_t count) const {
    return std::string_view(text_).substr(begins_[first],
                                          begins_[first + count] - 1 - begins_[first]);
  }

 private:
  std::string text_;
  std::vector<size_t> begins_;
};

// Sizes of batches. Each of texts, words of a text and labels follows
//   full   a log-uniform distribution from 1 to its most: in the mean 15 texts, 82 words, 12
//   labels; small  a power law, P(size > x) = (x + 1)^-2, mostly 1 or 2; every 1,000th batch is as
//   in full.
class Dice {
 public:
  Dice(uint32_t seed, bool full) : random_(seed), full_(full) {}

  // Begins a batch.
  void Next() { large_ = full_ || ++batches_ % 1000 == 0; }

  size_t Size(int most) {
    const double u = Uniform();
    const double x = large_ ? std::pow(most + 1, u) : 1 / std::sqrt(1 - u);
    return static_cast<size_t>(std::min<double>(most, x));
  }

  size_t Below(size_t limit) { return static_cast<size_t>(Uniform() * static_cast<double>(limit)); }

 private:
  double Uniform() { return std::ldexp(static_cast<double>(random_()), -32); }  // [0, 1)

  std::mt19937 random_;
  bool full_;
  bool large_ = false;
  int64_t batches_ = 0;
};

// Pages in memory, exactly: VmRSS lags behind on machines with many cores. Allocates nothing.
int64_t ResidentPages() {
  static const int64_t kibibytes_a_page = ::sysconf(_SC_PAGESIZE) / 1024;
  std::array<char, 4096> text{};
  const int file = ::open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  const ssize_t size = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  const char* rss = size > 0 ? std::strstr(text.data(), "Rss:") : nullptr;
  return rss == nullptr ? 0 : std::strtoll(rss + 4, nullptr, 10) / kibibytes_a_page;
}

// Pages that the heap has given out.
double HeapPages() {
  const struct mallinfo2 heap = ::mallinfo2();
  return static_cast<double>(heap.uordblks + heap.hblkhd) /
         static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// Least squares over points that are not kept.
class Line {
 public:
  void Add(double x, double y) {
    ++count_;
    const double dx = x - mean_x_;
    mean_x_ += dx / count_;
    mean_y_ += (y - mean_y_) / count_;
    xx_ += dx * (x - mean_x_);
    xy_ += dx * (y - mean_y_);
  }
  double slope() const { return xx_ > 0 ? xy_ / xx_ : 0; }

 private:
  double count_ = 0, mean_x_ = 0, mean_y_ = 0, xx_ = 0, xy_ = 0;
};

class Soak {
 public:
  Soak(const waterline::Engine& engine, const Pool& pool, const Options& options)
      : engine_(engine), pool_(pool), dice_(options.seed, options.scale == "full") {
    texts_.reserve(kMostTexts);
    for (int i = 0; i < kMostLabels; ++i) labels_.push_back({"type " + std::to_string(i), {}});
  }

  // Batches of the largest shape that have all words of the pool between them.
  bool WarmUp() {
    const size_t starts = pool_.words() - kMostWords;
    const size_t step = kMostWords / 2;
    for (size_t first = 0; first < starts + step;) {
      texts_.clear();
      for (int i = 0; i < kMostTexts; ++i, first += step) {
        texts_.push_back(pool_.Text(std::min(first, starts), kMostWords));
      }
      if (!Extract(kMostLabels)) return false;
    }
    return true;
  }

  bool RandomBatch() {
    dice_.Next();
    texts_.clear();
    const size_t texts = dice_.Size(kMostTexts);
    for (size_t i = 0; i < texts; ++i) {
      const size_t words = dice_.Size(kMostWords);
      texts_.push_back(pool_.Text(dice_.Below(pool_.words() - words + 1), words));
    }
    return Extract(dice_.Size(kMostLabels));
  }

  int64_t texts() const { return texts_done_; }
  int64_t refused() const { return refused_; }

 private:
  bool Extract(size_t labels) {
    const auto found = engine_.Extract(texts_, std::span(labels_).first(labels));
    if (!found.ok()) {
      fmt::print(stderr, "waterline_soak: {}\n", found.error().message);
      return false;
    }
    for (const waterline::Extraction& extraction : *found) refused_ += extraction.error.has_value();
    texts_done_ += static_cast<int64_t>(texts_.size());
    return true;
  }

  const waterline::Engine& engine_;
  const Pool& pool_;
  Dice dice_;
  std::vector<std::string_view> texts_;
  std::vector<waterline::Label> labels_;
  int64_t texts_done_ = 0;
  int64_t refused_ = 0;
};

bool IsPowerOfTen(int64_t n) {
  while (n % 10 == 0) n /= 10;
  return n == 1;
}

std::string Describe(int64_t pages) {
  return fmt::format("{} pages ({:.2f} MiB)", waterline::cli::FormatCount(pages),
                     static_cast<double>(pages * ::sysconf(_SC_PAGESIZE)) / (1 << 20));
}

int Run(const waterline::Engine& engine, const Pool& pool, const Options& options) {
  using Clock = std::chrono::steady_clock;
  Soak soak(engine, pool, options);
  if (!soak.WarmUp()) return 2;
  const int64_t warm = ResidentPages();
  fmt::print("warmed up: RSS {}\n", Describe(warm));

  // The first thousand, or a tenth of a short run, count as warm-up too.
  const int64_t settled = std::min<int64_t>(1000, options.batches / 10);
  const int64_t sample_every = std::max<int64_t>(1, options.batches / 2000);
  const int64_t refused_before = soak.refused(), texts_before = soak.texts();
  int64_t settled_pages = warm, pages = warm, done = 0;
  Line resident, heap;
  const auto begin = Clock::now();
  while (done < options.batches && interrupted == 0) {
    if (!soak.RandomBatch()) return 2;
    ++done;
    if (done == settled) settled_pages = ResidentPages();
    if (done > settled && done % sample_every == 0) {
      resident.Add(static_cast<double>(done), static_cast<double>(ResidentPages()));
      heap.Add(static_cast<double>(done), HeapPages());
    }
    if (IsPowerOfTen(done) || done % 10'000 == 0 || done == options.batches) {
      pages = ResidentPages();
      const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
      fmt::print("{:>9} batches, {:.1f} texts/s, RSS {}, heap {:.1f} pages, in use {}\n",
                 waterline::cli::FormatCount(done),
                 static_cast<double>(soak.texts() - texts_before) / seconds, Describe(pages),
                 HeapPages(), waterline::cli::FormatExactByteSize(engine.Stats().in_use));
      std::fflush(stdout);
    }
  }
  pages = ResidentPages();
  fmt::print(
      "{} batches, {} texts ({} refused): RSS {} after the first {}, {} at the end, {:+} "
      "pages\n",
      waterline::cli::FormatCount(done), waterline::cli::FormatCount(soak.texts() - texts_before),
      soak.refused() - refused_before, Describe(settled_pages), settled, Describe(pages),
      pages - settled_pages);
  const auto counted = static_cast<double>(std::max<int64_t>(0, done - settled));
  const double resident_drift = resident.slope() * counted;
  const double heap_drift = heap.slope() * counted;
  const bool grew = std::max(resident_drift, heap_drift) > kNoisePages;
  fmt::print("drift: resident {:+.1f} pages, heap {:+.1f} pages; up to {} are noise: memory {}\n",
             resident_drift, heap_drift, kNoisePages, grew ? "grows" : "is flat");
  return grew ? 1 : 0;
}

int Start(const Options& options) {
  waterline::EngineOptions engine_options = {.threads = options.threads};
  if (!options.budget.empty()) {
    const auto bytes = waterline::cli::ParseByteSize(options.budget);
    if (!bytes.ok()) {
      fmt::print(stderr, "waterline_soak: --memory-budget: {}\n", bytes.error().message);
      return 2;
    }
    engine_options.memory_budget = *bytes;
  }
  // Else the system joins pages to large ones when it likes, and counts what was never touched.
  ::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  const Pool pool(options.texts);
  if (pool.words() < kMostWords) {
    fmt::print(stderr, "waterline_soak: {} has {} words, {} are needed\n", options.texts,
               pool.words(), kMostWords);
    return 2;
  }
  const auto engine = waterline::Engine::Load(options.model, engine_options);
  if (!engine.ok()) {
    fmt::print(stderr, "waterline_soak: {}\n", engine.error().message);
    return 2;
  }
  std::signal(SIGINT, [](int) { interrupted = 1; });
  return Run(*engine, pool, options);
}

// Starts the program anew without the caches that malloc keeps for each thread: they fill over
// thousands of batches, and what lies in them counts as given out.
void RestartWithoutThreadCaches(char** argv) {
  if (::getenv("GLIBC_TUNABLES") != nullptr) return;
  ::setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
  ::execv("/proc/self/exe", argv);  // Where that fails, it runs with them.
}

}  // namespace

int main(int argc, char** argv) {
  RestartWithoutThreadCaches(argv);
  Options options;
  CLI::App app("Runs very many batches of random shapes; exit status 1 when the process grows",
               "waterline_soak");
  app.add_option("-n,--batches", options.batches, "1,000,000")->check(CLI::PositiveNumber);
  app.add_option("-m,--model", options.model, "directory or hub id; without it the default model");
  app.add_option("-b,--memory-budget", options.budget, "as of `waterline extract`");
  app.add_option("--threads", options.threads, "0: one for each core");
  app.add_option("--scale", options.scale,
                 "sizes of 1 to 64 texts, 1 to 512 words, 1 to 50 labels: small (most are few and "
                 "short), full (log-uniform)")
      ->check(CLI::IsMember({"small", "full"}));
  app.add_option("--texts", options.texts, "JSONL file with tokenized_text");
  app.add_option("--seed", options.seed, "1");
  CLI11_PARSE(app, argc, argv);
  try {
    return Start(options);
  } catch (const simdjson::simdjson_error& error) {
    fmt::print(stderr, "waterline_soak: {}: {}\n", options.texts, error.what());
    return 2;
  }
}
