// SPDX-License-Identifier: Apache-2.0
#include "binary_content.h"

#include <gtest/gtest.h>

#include <string>

namespace waterline::cli {
namespace {

TEST(DescribeBinary, TellsTextFromOtherFiles) {
  for (const std::string text : {"", "BZh is a word", "PK", "{\"text\":1}", "\xFF", "100 %PDF-"}) {
    EXPECT_FALSE(DescribeBinary(text)) << text;
  }
  EXPECT_FALSE(DescribeBinary(std::string(9000, 'a') + std::string(1, '\0')));
  EXPECT_EQ(DescribeBinary(std::string("ab\0", 3)).value_or("").substr(0, 28),
            "it is not text: byte 2 is 0;");
  EXPECT_EQ(DescribeBinary("%PDF-1.7 ...").value_or("").substr(0, 11), "it is a PDF");
  EXPECT_TRUE(DescribeBinary("BZh91AY&SY"));
  EXPECT_TRUE(DescribeBinary("PAR1"));
}

}  // namespace
}  // namespace waterline::cli
