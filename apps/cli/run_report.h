// What a run did, for --stats and for the closing lines.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "waterline/engine.h"

namespace waterline::cli {

// Counts of documents, words and entities; seconds.
struct RunTotals {
  int64_t texts = 0;  // Refused ones included; blank lines of JSONL not.
  int64_t refused = 0;
  int64_t words = 0;
  int64_t entities = 0;
  std::optional<int64_t> relations = {};  // Where some text asked for them.
  int64_t windowed = 0;                   // Texts that were longer than the model reads at once.
  int64_t cut = 0;                        // Texts that --truncate cut,
  int64_t words_cut = 0;                  // and the words that it cost.
  int64_t lost_files = 0;                 // That could not be read, or not to their end; and
                                          // directories.
  int64_t replaced = 0;                   // Texts in which something was not valid,
  int64_t repeated_ids = 0;               // or with an id that was there before.
  int64_t changed_files = 0;              // That changed while they were read.
  double load_seconds = 0;
  double extract_seconds = 0;                       // Inside the engine.
  double total_seconds = 0;                         // From the start of the program.
  std::optional<double> first_entity_seconds = {};  // From there until the first was written.
};

// The table of --stats; lines end in "\n".
std::string FormatStatistics(const RunTotals& totals, const EngineStats& engine);

// The same numbers as one JSON object, and "\n"; sizes in bytes. Keys that `plan --json` has too
// mean the same there; `refused_texts` counts; `relations` is there only where they were asked for,
// and `first_entity_seconds` where an entity was found.
std::string FormatStatisticsJson(const RunTotals& totals, const EngineStats& engine);

// "3 of 1,000 texts were refused; 1 file could not be read; ...": what went wrong; "" for nothing.
std::string DescribeTrouble(const RunTotals& totals);

// "1,000 texts, 2,345 entities in 1:23".
std::string DescribeWork(const RunTotals& totals);

// "2 texts were cut; 1,234 words were not read; ..." Requires totals.cut > 0.
std::string DescribeCut(const RunTotals& totals);

}  // namespace waterline::cli
