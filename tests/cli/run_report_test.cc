// SPDX-License-Identifier: Apache-2.0
#include "run_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>

namespace waterline::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

namespace dom = simdjson::dom;

EngineStats Engine() {
  EngineStats engine;
  engine.memory_budget = 1 << 20;
  engine.in_use = 1000;
  engine.staging = 100;
  engine.batches = 12;
  engine.plans = 13;
  engine.refusals = 4;
  engine.largest_plan = 123456;
  engine.resident = 5 << 20;
  engine.isa = "avx2";
  return engine;
}

TEST(FormatStatistics, KeepsNamesAndValuesApart) {
  EngineStats engine = Engine();
  const std::string table = FormatStatistics({}, engine);
  EXPECT_THAT(table, HasSubstr("  budget                    1 MiB (1,048,576 bytes)\n"));
  EXPECT_THAT(table, HasSubstr("  texts refused for size    4\n"));
  EXPECT_THAT(table, HasSubstr("  largest plan              121 KiB (123,456 bytes)\n"));
  EXPECT_THAT(table, HasSubstr("  resident                  5 MiB (5,242,880 bytes)\n"));
  EXPECT_THAT(table, Not(HasSubstr("leased")));
  EXPECT_THAT(table, Not(HasSubstr("first entity")));
  EXPECT_THAT(table, Not(HasSubstr("relations")));
  EXPECT_THAT(FormatStatistics({.relations = 0}, engine),
              HasSubstr("  relations                 0"));
  engine.leased = 7;
  engine.automatic = true;
  engine.available = 2 << 20;
  const std::string more = FormatStatistics({.first_entity_seconds = 0.25}, engine);
  EXPECT_THAT(more, HasSubstr("    of it leased            7 bytes\n"));
  EXPECT_THAT(more, HasSubstr("(1,048,576 bytes), half of the 2 MiB that were free\n"));
  EXPECT_THAT(more, HasSubstr("  first entity              0.250 s\n"));
}

TEST(FormatStatisticsJson, HoldsTheSameNumbers) {
  RunTotals totals;
  totals.texts = 9;
  totals.refused = 2;
  totals.load_seconds = 0.5;
  const std::string text = FormatStatisticsJson(totals, Engine());
  ASSERT_TRUE(text.ends_with("}\n"));
  dom::parser parser;
  const dom::element json = parser.parse(text);
  EXPECT_EQ(int64_t(json["texts"]), 9);
  EXPECT_EQ(int64_t(json["refused_texts"]), 2);
  EXPECT_EQ(double(json["load_seconds"]), 0.5);
  EXPECT_EQ(json["first_entity_seconds"].error(), simdjson::NO_SUCH_FIELD);
  EXPECT_EQ(json["relations"].error(), simdjson::NO_SUCH_FIELD);
  EXPECT_EQ(uint64_t(json["memory_budget"]), uint64_t{1} << 20);
  EXPECT_FALSE(bool(json["automatic"]));
  EXPECT_EQ(int64_t(json["batches"]), 12);
  EXPECT_EQ(int64_t(json["plans"]), 13);
  EXPECT_EQ(int64_t(json["refusals"]), 4);
  EXPECT_EQ(uint64_t(json["largest_plan"]), 123456u);
  EXPECT_EQ(std::string_view(json["isa"]), "avx2");
}

}  // namespace
}  // namespace waterline::cli
