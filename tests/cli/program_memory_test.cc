// The budget as the system sees it: resident memory and address space of the whole program.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "program.h"
#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::HasSubstr;

constexpr size_t kMiB = size_t{1} << 20;

// What docs/memory.md states: the program takes no more than this beside its budget.
constexpr size_t kResidentBeside = 16 * kMiB;
constexpr size_t kResidentPerThread = kMiB;
constexpr size_t kAddressesBeside = 96 * kMiB;
constexpr size_t kAddressesPerThread = 10 * kMiB;  // Of which 8 MiB are the stack's.

std::string Lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    for (int w = 0; w < 3 + i * 37 % 120; ++w) text += "word" + std::to_string(w * i % 7919) + " ";
    text += "London.\n";
  }
  return text;
}

// The bytes in the row `name` of --stats.
size_t Row(const std::string& table, const std::string& name) {
  const size_t row = table.find("\n  " + name + " ");
  const size_t open = table.find('(', row);
  if (row == table.npos || open == table.npos) return 0;
  std::string digits;
  for (size_t i = open + 1; i < table.size() && table[i] != ' '; ++i) {
    if (table[i] != ',') digits += table[i];
  }
  return std::strtoull(digits.c_str(), nullptr, 10);
}

class ProgramMemory : public testing::Test {
 protected:
  const Scratch scratch_;
  const std::string input_ = scratch_.File("lines.txt", Lines(24));
  size_t Smallest(int threads) {
    const Outcome hopeless = RunProgram(
        {"extract", "-l", "city", "-b", "1M", "-j", std::to_string(threads), "--lines", input_});
    const std::string before = "the smallest that would do is ";
    const size_t at = hopeless.err.find(before);
    EXPECT_NE(at, std::string::npos) << hopeless.err;
    return std::strtoull(hopeless.err.c_str() + at + before.size(), nullptr, 10);
  }
};

TEST_F(ProgramMemory, ResidentMemoryStaysBelowBudgetAndStatedOverhead) {
  for (const int threads : {1, 2}) {
    for (size_t budget = Smallest(threads); budget < 1024 * kMiB; budget *= 4) {
      const Outcome run =
          RunProgram({"extract", "-l", "person,city", "-b", std::to_string(budget), "-j",
                      std::to_string(threads), "--lines", "--stats", "-f", "jsonl", input_});
      ASSERT_NE(run.status, 2) << run.err;
      EXPECT_LE(Row(run.err, "peak"), budget);
      const size_t resident = Row(run.err, "resident peak");
      EXPECT_GT(resident, 60 * kMiB) << run.err;
      EXPECT_LE(resident,
                budget + kResidentBeside + static_cast<size_t>(threads) * kResidentPerThread)
          << run.err;
    }
  }
}

TEST_F(ProgramMemory, RunsUnderAHardLimitOfBudgetAndStatedOverhead) {
  const size_t budget = 96 * kMiB;
  const auto run = [&](size_t limit) {
    return Shell("ulimit -v " + std::to_string(limit / 1024) + "; $WATERLINE extract -l city -b " +
                 std::to_string(budget) + " -j 2 --lines -f jsonl " + input_ + " > /dev/null");
  };
  const Outcome within = run(budget + kAddressesBeside + 2 * kAddressesPerThread);
  EXPECT_EQ(within.status, 0) << within.err;
  // Far below it there is one clear sentence.
  const Outcome refused = run(budget);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, HasSubstr("refused"));
}

}  // namespace
}  // namespace waterline::cli
