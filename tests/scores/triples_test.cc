// Triple scorers against the reference.
// SPDX-License-Identifier: Apache-2.0
#include "scores/triples.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>
#include <fstream>
#include <string>
#include <vector>

namespace waterline {
namespace {

using simdjson::dom::element;

std::vector<float> Row(element e) {
  std::vector<float> row;
  for (element value : e.get_array()) row.push_back(static_cast<float>(double(value)));
  return row;
}

TEST(Triples, ScoreAsTheReference) {
  simdjson::dom::parser parser;
  std::ifstream lines(std::string(WATERLINE_GOLDEN_DIR) + "/decoding/triples.jsonl");
  std::string line;
  int cases = 0;
  while (std::getline(lines, line)) {
    const element e = parser.parse(line);
    const std::string scorer{std::string_view(e["scorer"])};
    SCOPED_TRACE(scorer);
    size_t n = 0;
    for (element expected : e["expected"].get_array()) {
      const std::vector<float> head = Row(e["head"].at(n)), relation = Row(e["relation"].at(n)),
                               tail = Row(e["tail"].at(n));
      const double score = TripleScore(scorer, head.data(), relation.data(), tail.data(),
                                       static_cast<int64_t>(head.size()));
      EXPECT_NEAR(score, double(expected), 1e-5 * (1 + std::abs(double(expected))));
      ++n;
    }
    ++cases;
  }
  EXPECT_EQ(cases, 18);
}

}  // namespace
}  // namespace waterline
