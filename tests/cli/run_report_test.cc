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

TEST(DescribeTrouble, NamesEachKind) {
  EXPECT_EQ(DescribeTrouble({.texts = 5}), "");
  EXPECT_EQ(DescribeTrouble({.texts = 1000, .refused = 3}), "3 of 1,000 texts were refused");
  EXPECT_EQ(
      DescribeTrouble({.texts = 5,
                       .refused = 1,
                       .lost_files = 1,
                       .replaced = 1,
                       .repeated_ids = 2,
                       .changed_files = 2}),
      "1 of 5 texts was refused; 1 file could not be read to the end; 2 files changed meanwhile; "
      "1 text had bytes that are not valid in their encoding; 2 texts had an id that was there "
      "before");
}

TEST(DescribeWork, SaysWhatWasDone) {
  EXPECT_EQ(DescribeWork({.texts = 1, .entities = 1, .total_seconds = 2.5}),
            "1 text, 1 entity in 0:03");
  EXPECT_EQ(DescribeWork({.texts = 1000, .entities = 2345, .total_seconds = 83}),
            "1,000 texts, 2,345 entities in 1:23");
}

}  // namespace
}  // namespace waterline::cli
