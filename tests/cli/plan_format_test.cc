// SPDX-License-Identifier: Apache-2.0
#include "plan_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>
#include <utility>

namespace waterline::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

namespace dom = simdjson::dom;

PlanReport Loaded() {
  PlanReport report;
  report.model.directory = "/models/m";
  report.model.backbone = "bert: 6 layers";
  report.model.smallest_budget = 1000;
  report.model.longest_text_words = 256;
  report.model.max_words = 384;
  report.model.largest_batch_tokens = 4096;
  report.engine.memory_budget = 256 << 20;
  report.engine.weights = 100 << 20;
  report.engine.workspace = 128 << 20;
  report.engine.in_use = 228 << 20;
  report.engine.threads = 2;
  report.engine.isa = "avx2";
  return report;
}

BatchPlan Batch(int64_t tokens, size_t bytes) {
  return {
      .sequences = 3, .tokens = tokens, .words = 1500, .labels = 6, .bytes = bytes, .buffers = {}};
}

// A call of `batches` batches, of which the one at `largest` is.
RunPlan Call(int64_t batches, int64_t largest, size_t bytes) {
  RunPlan plan;
  for (int64_t i = 0; i < batches; ++i) {
    plan.batches.push_back(Batch(100 + i, i == largest ? bytes : bytes / 2));
    plan.tokens += 100 + i;
  }
  plan.largest = plan.batches[static_cast<size_t>(largest)];
  plan.largest.buffers = {{"hidden \"states\"", bytes, 0, 1, 5}};
  plan.splits = 1;
  return plan;
}

TEST(InputPlan, AddsCalls) {
  InputPlan plan;
  plan.Add(Call(3, 1, 500));
  plan.Add(Call(4, 2, 900));
  plan.Add(Call(2, 0, 900));  // Of equal ones the first stays.
  plan.Add({});
  EXPECT_EQ(plan.batches.size(), 9u);
  EXPECT_EQ(plan.tokens, 303 + 406 + 201);
  EXPECT_EQ(plan.splits, 3);
  EXPECT_EQ(plan.largest_index, 5u);
  EXPECT_EQ(plan.largest.bytes, 900u);
  EXPECT_EQ(plan.largest.buffers.size(), 1u);
  plan.refused = {{"a:1", {Code::kOverBudget, "x"}}, {"a:2", {Code::kInvalidArgument, "y"}}};
  EXPECT_EQ(plan.Refusals(), 1);
}

TEST(FormatPlan, TellsTheBudgetWithoutAnInput) {
  PlanReport report = Loaded();
  const std::string given = FormatPlan(report);
  EXPECT_THAT(given, HasSubstr("  budget                    256 MiB (268,435,456 bytes)\n"));
  EXPECT_THAT(given, HasSubstr("  in use, the sum           228 MiB (239,075,328 bytes)\n"));
  EXPECT_THAT(given, HasSubstr("  longest text              256 words (10 labels)\n"));
  EXPECT_THAT(given, Not(HasSubstr("input\n")));
  report.engine.automatic = true;
  report.engine.available = 512 << 20;
  report.model.max_words = 256;
  const std::string automatic = FormatPlan(report);
  EXPECT_THAT(automatic, HasSubstr("bytes), half of the 512 MiB that were free\n"));
  EXPECT_THAT(automatic, HasSubstr("(10 labels), as many as the model reads at once\n"));
}

TEST(FormatPlan, ShowsEveryBatchOfAFew) {
  PlanReport report = Loaded();
  report.input.emplace();
  report.input->texts = 1234;
  report.input->Add(Call(20, 19, 2048));
  const std::string table = FormatPlan(report);
  EXPECT_THAT(table, HasSubstr("  texts                     1,234\n"));
  EXPECT_THAT(table, HasSubstr("    number sequences    tokens     words  labels  peak\n"
                               "         1         3       100     1,500       6  1 KiB (1,024 "
                               "bytes)\n"));
  EXPECT_THAT(table, HasSubstr("        20         3       119     1,500       6  2 KiB (2,048 "
                               "bytes), the largest\n"));
  EXPECT_THAT(table, Not(HasSubstr("more")));
}

TEST(FormatPlan, ShowsSomeOfManyBatchesAndRefusals) {
  PlanReport report = Loaded();
  report.input.emplace();
  report.input->Add(Call(1021, 700, 2048));
  for (int i = 0; i < 25; ++i) {
    report.input->refused.push_back(
        {"a.txt:" + std::to_string(i), {Code::kOverBudget, "too\x1b long"}});
  }
  const std::string table = FormatPlan(report);
  EXPECT_THAT(table, HasSubstr("\n       701 "));
  EXPECT_THAT(table, HasSubstr("\n     1,010 more; --json lists all\n"));
  EXPECT_THAT(table, HasSubstr("  refused                   25 (25 for size)\n"));
  EXPECT_THAT(table, HasSubstr("\n  a.txt:19: too\u241b long\n  5 more; --json lists all\n"));
  report.input->largest_index = 3;
  EXPECT_THAT(FormatPlan(report), HasSubstr("\n     1,011 more; --json lists all\n"));
}

TEST(FormatPlanJson, HoldsEverything) {
  PlanReport report = Loaded();
  report.input.emplace();
  report.input->texts = 30;
  report.input->Add(Call(30, 7, 2048));
  report.input->refused = {{"a\xFF:1", {Code::kOverBudget, "it is \"large\""}}};
  const std::string text = FormatPlanJson(report);
  ASSERT_TRUE(text.ends_with("}\n"));
  dom::parser parser;
  const dom::element json = parser.parse(text);
  EXPECT_EQ(uint64_t(json["memory_budget"]), 256u << 20);
  EXPECT_FALSE(bool(json["automatic"]));
  EXPECT_EQ(uint64_t(json["smallest_budget"]), 1000u);
  EXPECT_EQ(int64_t(json["batches"]), 30);
  EXPECT_EQ(int64_t(json["splits"]), 1);
  EXPECT_EQ(int64_t(json["refusals"]), 1);
  EXPECT_EQ(uint64_t(json["largest_plan"]), 2048u);
  ASSERT_EQ(dom::array(json["batch_plans"]).size(), 30u);
  EXPECT_EQ(int64_t(json["batch_plans"].at(29)["tokens"]), 129);
  EXPECT_EQ(uint64_t(json["batch_plans"].at(7)["peak"]), 2048u);
  EXPECT_EQ(int64_t(json["largest_batch"]["number"]), 8);
  const dom::element buffer = json["largest_batch"]["buffers"].at(0);
  EXPECT_EQ(std::string_view(buffer["name"]), "hidden \"states\"");
  EXPECT_EQ(int64_t(buffer["death"]), 5);
  const dom::element refused = json["refused"].at(0);
  EXPECT_EQ(std::string_view(refused["place"]), "(not UTF-8)");
  EXPECT_EQ(std::string_view(refused["code"]), "over_budget");
  EXPECT_EQ(std::string_view(refused["error"]), "it is \"large\"");
}

TEST(FormatPlanJson, LeavesTheInputOutWhenThereIsNone) {
  dom::parser parser;
  const std::string text = FormatPlanJson(Loaded());
  const dom::element json = parser.parse(text);
  EXPECT_EQ(int64_t(json["longest_text_words"]), 256);
  EXPECT_EQ(json["texts"].error(), simdjson::NO_SUCH_FIELD);
  EXPECT_EQ(json["available"].error(), simdjson::NO_SUCH_FIELD);
}

}  // namespace
}  // namespace waterline::cli
