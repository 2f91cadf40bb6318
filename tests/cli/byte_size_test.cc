// SPDX-License-Identifier: Apache-2.0
#include "byte_size.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace waterline::cli {
namespace {

TEST(ParseByteSize, KnowsNumbersAndUnits) {
  const std::vector<std::pair<std::string, size_t>> cases = {
      {"1", 1},
      {"268435456", 268435456},
      {"100B", 100},
      {"1K", 1024},
      {"1k", 1024},
      {"1KiB", 1024},
      {"1kB", 1000},
      {"1KB", 1000},
      {"256MiB", size_t{256} << 20},
      {"256mib", size_t{256} << 20},
      {"512M", size_t{512} << 20},
      {"3MB", 3000000},
      {"1G", size_t{1} << 30},
      {"1.5G", size_t{3} << 29},
      {"1.5 GiB", size_t{3} << 29},
      {"2GB", 2000000000},
      {"2T", size_t{2} << 40},
      {"0.5K", 512},
      {"1.2345", 1},
      {"4096T", size_t{1} << 52},
  };
  for (const auto& [text, bytes] : cases) {
    const Result<size_t> parsed = ParseByteSize(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, bytes) << text;
  }
}

TEST(ParseByteSize, RefusesWhatIsNoSize) {
  for (const char* text : {"",
                           " ",
                           "-1",
                           "+1",
                           "0",
                           "0.0001",
                           "0G",
                           "G",
                           "x",
                           "1X",
                           "1KiBs",
                           "1Kib2",
                           "1..5G",
                           "1.",
                           ".5",
                           "1e3",
                           "0x10",
                           "nan",
                           "inf",
                           "1  G",
                           "1 ",
                           " 1",
                           "9223372036854775808",
                           "99999999999999999999",
                           "8589934592G",
                           "1,5G",
                           "1\xFF"}) {
    const Result<size_t> parsed = ParseByteSize(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
    EXPECT_NE(parsed.error().message.find(text), std::string::npos) << "the message names it";
  }
}

TEST(FormatByteSize, PicksTheUnit) {
  EXPECT_EQ(FormatByteSize(0), "0 B");
  EXPECT_EQ(FormatByteSize(1023), "1023 B");
  EXPECT_EQ(FormatByteSize(1024), "1 KiB");
  EXPECT_EQ(FormatByteSize(1536), "1.50 KiB");
  EXPECT_EQ(FormatByteSize(size_t{256} << 20), "256 MiB");
  EXPECT_EQ(FormatByteSize(60712345), "57.9 MiB");
  EXPECT_EQ(FormatByteSize(std::numeric_limits<size_t>::max()), "16 EiB");
  EXPECT_EQ(FormatExactByteSize(60712345), "57.9 MiB (60,712,345 bytes)");
  EXPECT_EQ(FormatExactByteSize(12), "12 bytes");
}

TEST(FormatCount, GroupsDigits) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(-123456), "-123,456");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
}

}  // namespace
}  // namespace waterline::cli
