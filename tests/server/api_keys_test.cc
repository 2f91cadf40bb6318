// SPDX-License-Identifier: Apache-2.0
#include "api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace waterline::server {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ApiKeys, AKeyStandsForItsClient) {
  const auto keys = ApiKeys::Parse(
      "# who may ask\n\nnews 0123456789abcdef\r\n  shop\tfedcba9876543210  \nnews "
      "0000000000000000");
  ASSERT_TRUE(keys.ok());
  EXPECT_EQ(keys->ClientOf("0123456789abcdef"), "news");
  EXPECT_EQ(keys->ClientOf("0000000000000000"), "news");
  EXPECT_EQ(keys->ClientOf("fedcba9876543210"), "shop");
}

TEST(ApiKeys, OtherKeysAreNobodys) {
  const auto keys = ApiKeys::Parse("news 0123456789abcdef");
  for (const char* key : {"", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "news"}) {
    EXPECT_FALSE(keys->ClientOf(key).has_value()) << key;
  }
}

TEST(ApiKeys, ABadLineIsNamedWithoutItsKey) {
  for (const char* file :
       {"a 0123456789abcdef\nsecretsecretsecret\n", "a 0123456789abcdef\nb secret",
        "a 0123456789abcdef\nb secretsecretsecret c", "a 0123456789abcdef\nb 0123456789abcdef"}) {
    const auto keys = ApiKeys::Parse(file);
    ASSERT_FALSE(keys.ok()) << file;
    EXPECT_THAT(keys.error().message, HasSubstr("line 2"));
    EXPECT_THAT(keys.error().message, Not(HasSubstr("secret")));
  }
}

TEST(ApiKeys, AFileWithoutKeysIsAnError) {
  EXPECT_FALSE(ApiKeys::Parse("# none\n").ok());
  EXPECT_EQ(ApiKeys::Read("/no/such/file").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace waterline::server
