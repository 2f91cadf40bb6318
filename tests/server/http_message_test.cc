// SPDX-License-Identifier: Apache-2.0
#include "http_message.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

namespace waterline::server {
namespace {

TEST(ProblemOf, NamesTheFieldThatTheErrorIsAbout) {
  for (const auto& [subject, status, field] : {
           std::tuple(Subject::kText, 422, "/text"),
           std::tuple(Subject::kLabels, 422, "/labels"),
           std::tuple(Subject::kRelations, 422, "/relations"),
           std::tuple(Subject::kThreshold, 422, "/threshold"),
           std::tuple(Subject::kModel, 404, "/model"),
           std::tuple(Subject::kNone, 422, ""),
       }) {
    // What the message begins with does not matter.
    const Problem problem = ProblemOf({Code::kInvalidArgument, "the text of relation 1", subject});
    EXPECT_EQ(problem.status, status) << field;
    EXPECT_EQ(problem.field, field);
    EXPECT_EQ(problem.code, "invalid_argument");
    EXPECT_EQ(problem.message, "the text of relation 1");
  }
}

TEST(ProblemOf, TakesTheStatusFromTheCode) {
  for (const auto& [code, status, told] : {
           std::tuple(Code::kInvalidArgument, 422, true),
           std::tuple(Code::kUnsupported, 422, true),
           std::tuple(Code::kOverBudget, 413, true),
           std::tuple(Code::kDeadline, 504, true),
           std::tuple(Code::kCancelled, 503, true),
           std::tuple(Code::kIo, 503, false),
           std::tuple(Code::kNotFound, 503, false),
           std::tuple(Code::kBadModel, 500, false),
           std::tuple(Code::kInternal, 500, false),
       }) {
    const Problem problem = ProblemOf({code, "in /srv/models/tiny"});
    EXPECT_EQ(problem.status, status) << CodeName(code);
    EXPECT_EQ(problem.code, CodeName(code));
    EXPECT_EQ(problem.message == "in /srv/models/tiny", told) << problem.message;
  }
}

TEST(ProblemOf, CallsATextThatIsTooLargeByItsField) {
  EXPECT_EQ(ProblemOf({Code::kOverBudget, "more than there is"}).field, "/text");
  EXPECT_EQ(ProblemOf({Code::kOverBudget, "this text is large", Subject::kText}).field, "/text");
}

}  // namespace
}  // namespace waterline::server
