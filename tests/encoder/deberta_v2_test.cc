// SPDX-License-Identifier: Apache-2.0
#include "encoder/deberta_v2.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <fstream>
#include <string>

namespace waterline {
namespace {

TEST(RelativeBucket, EqualsTheReferenceAtEveryDistance) {
  simdjson::dom::parser parser;
  std::ifstream lines(std::string(WATERLINE_GOLDEN_DIR) + "/decoding/deberta_buckets.jsonl");
  std::string line;
  int cases = 0;
  while (std::getline(lines, line)) {
    const simdjson::dom::element c = parser.parse(line);
    int64_t distance = int64_t(c["first"]);
    for (const simdjson::dom::element expected : c["expected"].get_array()) {
      EXPECT_EQ(
          RelativeBucket(distance, int64_t(c["position_buckets"]), int64_t(c["max_position"])),
          int64_t(expected))
          << "distance " << distance;
      ++distance;
    }
    ++cases;
  }
  EXPECT_EQ(cases, 7);
}

TEST(ParseAct, KnowsTheNamesOfTheConfigs) {
  EXPECT_EQ(ParseAct("gelu"), Act::kGelu);
  EXPECT_EQ(ParseAct("gelu_new"), Act::kGeluTanh);
  EXPECT_EQ(ParseAct("relu"), Act::kRelu);
  EXPECT_EQ(ParseAct("mish"), std::nullopt);
}

}  // namespace
}  // namespace waterline
