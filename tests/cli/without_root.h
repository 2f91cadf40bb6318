// Checks of what the rights of files forbid, which root may do all the same.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grp.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>

namespace waterline::cli {

// Runs `check` as a user without rights over files of others: in a child process as "nobody" where
// this one is root's. What fails in `check` fails the test. `check` makes its own files.
inline void WithoutRoot(const std::function<void()>& check) {
  if (geteuid() != 0) return check();
  std::fflush(nullptr);
  const pid_t process = fork();
  ASSERT_GE(process, 0);
  if (process == 0) {
    constexpr uid_t kNobody = 65534;
    const bool dropped = setgroups(0, nullptr) == 0 && setgid(kNobody) == 0 && setuid(kNobody) == 0;
    EXPECT_TRUE(dropped);
    if (dropped) check();
    std::fflush(nullptr);
    _exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = -1;
  ASSERT_EQ(waitpid(process, &status, 0), process);
  EXPECT_EQ(status, 0) << "the checks above, made without root's rights";
}

}  // namespace waterline::cli
