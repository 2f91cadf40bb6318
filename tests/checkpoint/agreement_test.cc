// dtypes.json: what is read, and what is refused.
// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace waterline {

namespace {

namespace fs = std::filesystem;

class AgreementTest : public testing::Test {
 protected:
  AgreementTest() { fs::create_directories(directory_); }
  ~AgreementTest() override { fs::remove_all(directory_); }

  Result<Agreement> Read(const std::string& text) {
    std::ofstream(directory_ / "dtypes.json") << text;
    return ReadAgreement(directory_);
  }

  fs::path directory_ =
      fs::temp_directory_path() / ("waterline-agreement-" + std::to_string(getpid()));
};

TEST_F(AgreementTest, IsEmptyWithoutAFile) {
  const Result<Agreement> agreement = ReadAgreement(directory_);
  ASSERT_TRUE(agreement.ok());
  EXPECT_FALSE(agreement->bf16);
  EXPECT_TRUE(agreement->int8.empty());
}

TEST_F(AgreementTest, ReadsPointsAndLeavesOtherKeysToPeople) {
  const Result<Agreement> agreement =
      Read(R"({"bf16": {"f1_points": -0.02, "isa": "avx2"}, "note": [1],
               "int8": {"127": {"f1_points": -1}, "2047": {"f1_points": 0.25}}})");
  ASSERT_TRUE(agreement.ok()) << agreement.error().message;
  EXPECT_EQ(agreement->bf16, -0.02);
  EXPECT_THAT(agreement->int8,
              testing::ElementsAre(testing::Pair(127, -1), testing::Pair(2047, 0.25)));
}

TEST_F(AgreementTest, NamesEveryWrongKey) {
  const Result<Agreement> agreement =
      Read(R"({"bf16": {"f1": 1}, "int8": {"many": {"f1_points": 1}, "127": 3}})");
  ASSERT_FALSE(agreement.ok());
  EXPECT_EQ(agreement.error().code, Code::kBadModel);
  EXPECT_THAT(agreement.error().message,
              testing::AllOf(testing::HasSubstr("dtypes.json"), testing::HasSubstr("bf16 is"),
                             testing::HasSubstr("int8.many is not a number of levels"),
                             testing::HasSubstr("int8.127 is 3")));
  EXPECT_FALSE(Read("[").ok());
  EXPECT_FALSE(Read(R"({"int8": 1})").ok());
}

}  // namespace

}  // namespace waterline
