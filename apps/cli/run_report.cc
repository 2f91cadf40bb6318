// SPDX-License-Identifier: Apache-2.0
#include "run_report.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

#include "byte_size.h"

namespace waterline::cli {
namespace {

class Table {
 public:
  void Row(std::string_view name, std::string_view value) {
    fmt::format_to(std::back_inserter(text_), "  {:<26}{}\n", name, value);
  }
  void Count(std::string_view name, int64_t value) { Row(name, FormatCount(value)); }
  void Bytes(std::string_view name, size_t value) { Row(name, FormatExactByteSize(value)); }
  void Seconds(std::string_view name, double value) { Row(name, fmt::format("{:.3f} s", value)); }
  void Heading(std::string_view name) { fmt::format_to(std::back_inserter(text_), "{}\n", name); }

  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string Rate(int64_t count, double seconds) {
  if (seconds <= 0) return "-";
  const double rate = static_cast<double>(count) / seconds;
  return rate < 100 ? fmt::format("{:.1f}", rate) : FormatCount(static_cast<int64_t>(rate));
}

std::string Texts(int64_t count) {
  return fmt::format("{} {}", FormatCount(count), count == 1 ? "text" : "texts");
}

}  // namespace

std::string DescribeBudget(const EngineStats& engine) {
  std::string text = FormatExactByteSize(engine.memory_budget);
  if (engine.automatic) {
    text += fmt::format(", half of the {} that were free", FormatByteSize(engine.available));
  }
  return text;
}

std::string FormatStatistics(const RunTotals& totals, const EngineStats& engine) {
  Table table;
  table.Heading("work");
  table.Count("texts", totals.texts);
  table.Count("refused", totals.refused);
  table.Count("words", totals.words);
  table.Count("tokens", engine.tokens);
  table.Count("entities", totals.entities);
  table.Count("texts in windows", totals.windowed);
  table.Row("texts cut", fmt::format("{} ({} words not read)", FormatCount(totals.cut),
                                     FormatCount(totals.words_cut)));
  table.Heading("time");
  table.Seconds("load", totals.load_seconds);
  if (totals.first_entity_seconds) table.Seconds("first entity", *totals.first_entity_seconds);
  table.Seconds("extract", totals.extract_seconds);
  table.Seconds("whole run", totals.total_seconds);
  table.Row("texts/s", Rate(totals.texts, totals.extract_seconds));
  table.Row("tokens/s", Rate(engine.tokens, totals.extract_seconds));
  table.Row("threads", fmt::format("{}, {}", engine.threads, engine.isa));
  table.Heading("memory budget");
  table.Row("budget", DescribeBudget(engine));
  table.Bytes("in use", engine.in_use);
  table.Bytes("peak", engine.peak);
  table.Bytes("weights", engine.weights);
  table.Bytes("tokenizer", engine.tokenizer);
  table.Bytes("texts in flight", engine.staging);
  table.Bytes("  of it in use", engine.staging_in_use);
  table.Bytes("  most at once", engine.staging_peak);
  table.Bytes("workspace", engine.workspace);
  table.Bytes("  of it in use", engine.workspace_in_use);
  table.Bytes("  most at once", engine.workspace_peak);
  table.Heading("passes");
  table.Count("passes", engine.batches);
  table.Count("planned", engine.plans);
  table.Count("split to fit", engine.splits);
  table.Count("texts refused for size", engine.refusals);
  table.Count("most tokens of a batch", engine.batch_tokens);
  table.Bytes("largest pass", engine.largest_plan);
  table.Bytes("last pass", engine.last_plan);
  table.Heading("process");
  table.Bytes("resident", engine.resident);
  table.Bytes("resident peak", engine.resident_peak);
  table.Bytes("read from the file", engine.in_file);
  return table.Take();
}

std::string DescribeRefused(const RunTotals& totals) {
  return fmt::format("{} of {} {} refused", FormatCount(totals.refused), Texts(totals.texts),
                     totals.refused == 1 ? "was" : "were");
}

std::string DescribeCut(const RunTotals& totals) {
  return fmt::format("{} {} cut to what the model reads at once ({} words not read)",
                     Texts(totals.cut), totals.cut == 1 ? "was" : "were",
                     FormatCount(totals.words_cut));
}

}  // namespace waterline::cli
