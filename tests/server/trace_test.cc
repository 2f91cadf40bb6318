// SPDX-License-Identifier: Apache-2.0
#include "trace.h"

#include <gtest/gtest.h>

#include <string>

namespace waterline::server {
namespace {

// The example of W3C Trace Context.
const std::string kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(Trace, AChildHasTheTraceAndAParentOfItsOwn) {
  ASSERT_TRUE(IsTraceparent(kParent));
  EXPECT_EQ(TraceIdOf(kParent), "4bf92f3577b34da6a3ce929d0e0e4736");
  const std::string child = ChildOf(kParent);
  EXPECT_TRUE(IsTraceparent(child)) << child;
  EXPECT_EQ(TraceIdOf(child), TraceIdOf(kParent));
  EXPECT_NE(child, kParent);
  EXPECT_EQ(child.substr(52), "-01");
}

TEST(Trace, OtherHeadersAreNone) {
  std::string upper = kParent;
  upper[3] = 'A';
  for (const std::string& header : {std::string(), kParent + "0", "01" + kParent.substr(2), upper,
                                    "00-" + std::string(32, '0') + kParent.substr(35),
                                    kParent.substr(0, 36) + "0000000000000000-01"}) {
    EXPECT_FALSE(IsTraceparent(header)) << header;
  }
}

TEST(Trace, IdsOfClientsMayNotBreakALog) {
  EXPECT_TRUE(IsRequestId(NewRequestId()));
  EXPECT_NE(NewRequestId(), NewRequestId());
  EXPECT_TRUE(IsRequestId("a.B_9-:"));
  EXPECT_FALSE(IsRequestId(""));
  EXPECT_FALSE(IsRequestId("a b"));
  EXPECT_FALSE(IsRequestId("a\"b"));
  EXPECT_FALSE(IsRequestId(std::string(129, 'a')));
}

}  // namespace
}  // namespace waterline::server
