// SPDX-License-Identifier: Apache-2.0
#include "duration.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace waterline::cli {
namespace {

TEST(ParseDuration, KnowsNumbersAndUnits) {
  const std::vector<std::pair<std::string, int64_t>> cases = {
      {"0", 0},       {"0s", 0},      {"500ms", 500},  {"1ms", 1},        {"30s", 30000},
      {"1.5s", 1500}, {"2m", 120000}, {"1h", 3600000}, {"0.5h", 1800000}, {"8760h", 31536000000}};
  for (const auto& [text, milliseconds] : cases) {
    const Result<std::chrono::milliseconds> parsed = ParseDuration(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().message;
    EXPECT_EQ(parsed->count(), milliseconds) << text;
  }
}

TEST(ParseDuration, RefusesWhatIsNoTime) {
  for (const char* text : {"",    " ",    "s",     "-1s",     "+1s",   "1",
                           "30",  "1 s",  "1S",    "1sec",    "1e3s",  "1..5s",
                           ".",   "1d",   "0.5ms", "0.0001s", "9000h", "99999999999999999999999s",
                           "nan", "infs", "1s\xFF"}) {
    const Result<std::chrono::milliseconds> parsed = ParseDuration(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
    EXPECT_NE(parsed.error().message.find(text), std::string::npos) << "the message names it";
  }
}

}  // namespace
}  // namespace waterline::cli
