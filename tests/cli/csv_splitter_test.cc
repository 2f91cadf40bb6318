// SPDX-License-Identifier: Apache-2.0
#include "csv_splitter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace waterline::cli {
namespace {

using testing::ElementsAre;

// "line:a|b|c" or "line!flaw" for each record, fed in pieces of `step` bytes.
std::vector<std::string> Split(std::string_view text, size_t step = 1000, char delimiter = ',',
                               size_t max_bytes = 1000) {
  CsvSplitter splitter(delimiter, max_bytes);
  std::vector<std::string> all;
  CsvRecord record;
  const auto take = [&] {
    while (splitter.Next(record)) {
      std::string shown = std::to_string(record.line);
      if (record.flaw) {
        all.push_back(shown + "!" + *record.flaw);
        continue;
      }
      for (size_t i = 0; i < record.fields.size(); ++i)
        shown += (i == 0 ? ":" : "|") + record.fields[i];
      all.push_back(shown);
    }
  };
  for (size_t at = 0; at < text.size(); at += step) {
    splitter.Feed(text.substr(at, step));
    take();
  }
  splitter.Feed("");
  take();
  return all;
}

TEST(CsvSplitter, ReadsRfc4180) {
  const std::string_view text =
      "\xEF\xBB\xBF"
      "a,b\r\n\r\n\"x, \"\"y\"\"\",\"two\r\nlines\"\n,\n\"\",z\"z\nlast,";
  for (const size_t step : {1, 2, 3, 1000}) {
    EXPECT_THAT(Split(text, step),
                ElementsAre("1:a|b", "3:x, \"y\"|two\r\nlines", "5:|", "6:|z\"z", "7:last|"));
  }
  EXPECT_THAT(Split("a\tb,c\n", 1000, '\t'), ElementsAre("1:a|b,c"));
  EXPECT_THAT(Split(""), ElementsAre());
}

TEST(CsvSplitter, LosesOneLineToAnOpenQuote) {
  for (const size_t step : {1, 1000}) {
    EXPECT_THAT(Split("a,b\n1,\"open\n2,x\n3,y\n", step),
                ElementsAre("1:a|b", "2!the quote that field 2 begins with is never closed",
                            "3:2|x", "4:3|y"));
    // The next quote closes it, with text behind.
    EXPECT_THAT(Split("1,\"open\n2,\"x\"\n3,y\n", step),
                ElementsAre("1!field 2 goes on behind its closing quote", "2:2|x", "3:3|y"));
    EXPECT_THAT(Split("1,\"open", step),
                ElementsAre("1!the quote that field 2 begins with is never closed"));
  }
}

TEST(CsvSplitter, HoldsNoMoreThanItMay) {
  const std::string wide(5000, 'w');
  const std::vector<std::string> records = Split("a\n" + wide + "\nb\n\"" + wide + "\nc\n", 100);
  ASSERT_EQ(records.size(), 5u);
  EXPECT_EQ(records[0], "1:a");
  EXPECT_THAT(records[1], testing::HasSubstr("2!the record is longer than 1000 B"));
  EXPECT_EQ(records[2], "3:b");
  EXPECT_THAT(records[3],
              testing::HasSubstr("4!the quote that field 1 begins with is never closed in"));
  EXPECT_EQ(records[4], "5:c");
}

RC_GTEST_PROP(CsvSplitter, ReadsBackWhatIsQuoted, ()) {
  const auto text =
      rc::gen::container<std::string>(rc::gen::element('a', ',', '"', '\n', '\r', ' '));
  const auto rows = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::vector<std::string>>>(
      rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(text))));
  const auto step = *rc::gen::inRange<size_t>(1, 8);
  std::string csv;
  for (const std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      csv += i == 0 ? "\"" : ",\"";
      for (const char c : row[i]) csv += c == '"' ? std::string("\"\"") : std::string(1, c);
      csv += '"';
    }
    csv += '\n';
  }
  CsvSplitter splitter(',', 1 << 20);
  std::vector<std::vector<std::string>> read;
  CsvRecord record;
  for (size_t at = 0; at < csv.size(); at += step) {
    splitter.Feed(std::string_view(csv).substr(at, step));
    while (splitter.Next(record)) read.push_back(record.fields);
  }
  RC_ASSERT(read == rows);
}

}  // namespace
}  // namespace waterline::cli
