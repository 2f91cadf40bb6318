// SPDX-License-Identifier: Apache-2.0
#include "line_splitter.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace waterline::cli {
namespace {

// What the splitter makes of `input` when it comes `piece` bytes at a time; too long lines as "<too
// long>".
std::vector<std::string> Lines(std::string_view input, size_t piece, size_t max_bytes = 100) {
  LineSplitter splitter(max_bytes);
  std::vector<std::string> lines;
  const auto take = [&] {
    Line line;
    while (splitter.Next(line)) {
      EXPECT_EQ(line.number, static_cast<int64_t>(lines.size()) + 1);
      lines.emplace_back(line.too_long ? "<too long>" : line.bytes);
    }
  };
  for (size_t at = 0; at < input.size(); at += piece) {
    splitter.Feed(input.substr(at, piece));
    take();
  }
  splitter.Feed("");
  take();
  return lines;
}

using Strings = std::vector<std::string>;

TEST(LineSplitter, SplitsAlikeWhereverPiecesEnd) {
  const std::vector<std::pair<std::string, Strings>> cases = {
      {"", {}},
      {"\n", {""}},
      {"a", {"a"}},
      {"a\n", {"a"}},
      {"a\nb", {"a", "b"}},
      {"a\r\nb\r\n", {"a", "b"}},
      {"a\r", {"a\r"}},
      {"a\r\r\n\rb\n", {"a\r", "\rb"}},
      {"\n\na\n\n", {"", "", "a", ""}},
      {"\xEF\xBB\xBF", {}},
      {"\xEF\xBB\xBF"
       "a\n",
       {"a"}},
      {"\xEF\xBB\xBF\n", {""}},
      {"\xEF\xBB", {"\xEF\xBB"}},
      {"\xEF\xBB\n", {"\xEF\xBB"}},
      {"a\n\xEF\xBB\xBF"
       "b",
       {"a",
        "\xEF\xBB\xBF"
        "b"}},
      {std::string("a\0b\nc", 5), {std::string("a\0b", 3), "c"}},
  };
  for (const auto& [input, lines] : cases) {
    for (const size_t piece : {1, 2, 3, 5, 1000}) {
      EXPECT_EQ(Lines(input, piece), lines) << testing::PrintToString(input) << " by " << piece;
    }
  }
}

TEST(LineSplitter, ReportsLinesThatAreTooLongAndGoesOn) {
  for (const size_t piece : {1, 2, 3, 7, 1000}) {
    EXPECT_EQ(Lines("12345\n123456\n1\r\n12345\r\n123456\r\n1234567890123456789\n2\n", piece, 5),
              (Strings{"12345", "<too long>", "1", "12345", "<too long>", "<too long>", "2"}));
    EXPECT_EQ(Lines("1\n123456", piece, 5), (Strings{"1", "<too long>"}));
    EXPECT_EQ(Lines("12345678901234567890", piece, 5), (Strings{"<too long>"}));
  }
}

RC_GTEST_PROP(LineSplitter, GivesTheBytesBack, ()) {
  const auto lines = *rc::gen::container<Strings>(
      rc::gen::container<std::string>(rc::gen::element('a', 'b', '\r', ' ', '\xEF')));
  const auto piece = *rc::gen::inRange<size_t>(1, 20);
  std::string input;
  Strings expected;
  for (const std::string& line : lines) {
    input += line + '\n';
    expected.push_back(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
  }
  RC_ASSERT(Lines(input, piece, 100000) == expected);
}

}  // namespace
}  // namespace waterline::cli
