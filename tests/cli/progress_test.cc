// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace waterline::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

ProgressState State() {
  return {.texts = 12345,
          .texts_here = 2000,
          .tokens = 50000,
          .bytes = 600,
          .bytes_before = 200,
          .bytes_total = 1000,
          .seconds = 10,
          .in_use = 300 << 20,
          .budget = 512 << 20};
}

TEST(FormatProgress, TellsRatesOfThisRunAndTheTimeLeft) {
  EXPECT_EQ(FormatProgress(State(), 0),
            "60 %  12,345 texts, 200 texts/s, 5,000 tokens/s, 0:10 left, memory 300 of 512 MiB");
}

TEST(FormatProgress, DrawsABarThatFitsTheTerminal) {
  EXPECT_THAT(FormatProgress(State(), 200),
              testing::StartsWith("[##############..........] 60 %  12"));
  EXPECT_EQ(FormatProgress(State(), 40).size(), 39u);
  ProgressState done = State();
  done.bytes = 1000;
  EXPECT_THAT(FormatProgress(done, 200), HasSubstr("[########################] 100 %"));
  done.bytes = 0;
  EXPECT_THAT(FormatProgress(done, 200), HasSubstr("[........................] 0 %"));
}

TEST(FormatProgress, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(FormatProgress({.texts = 3}, 0), "3 texts");
  ProgressState state = State();
  state.bytes_total = 0;
  EXPECT_THAT(FormatProgress(state, 80), Not(HasSubstr("left")));
  EXPECT_THAT(FormatProgress(state, 80), Not(HasSubstr("%")));
}

TEST(FormatClock, CountsUpToHours) {
  EXPECT_EQ(FormatClock(0), "0:00");
  EXPECT_EQ(FormatClock(59.2), "1:00");
  EXPECT_EQ(FormatClock(185), "3:05");
  EXPECT_EQ(FormatClock(3723), "1:02:03");
}

TEST(Progress, ShowsNothingOfAShortRun) {
  int looked = 0;
  Progress progress(Progress::Kind::kBar, [&] {
    ++looked;
    return ProgressState();
  });
  progress.Print([] {});
  progress.End();
  EXPECT_FALSE(progress.shown());
  EXPECT_EQ(looked, 0);
}

}  // namespace
}  // namespace waterline::cli
