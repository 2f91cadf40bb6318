// SPDX-License-Identifier: Apache-2.0
#include "document_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

ReadOptions Options(InputKind kind = InputKind::kAuto, size_t max_bytes = 1 << 20) {
  ReadOptions options;
  options.kind = kind;
  options.max_bytes = max_bytes;
  return options;
}

std::vector<InputDocument> ReadEverything(DocumentReader& reader) {
  std::vector<InputDocument> all;
  std::vector<InputDocument> window;
  while (true) {
    const Result<void> read = reader.ReadWindow(window);
    EXPECT_TRUE(read.ok()) << read.error().message;
    if (!read.ok() || window.empty()) return all;
    EXPECT_LE(window.size(), DocumentReader::kWindowDocuments);
    for (InputDocument& document : window) all.push_back(std::move(document));
  }
}

// "file:line:text", or "file:line!" for a refused document, "file:line-" for a blank line.
std::vector<std::string> Read(const std::vector<std::string>& files, const ReadOptions& options) {
  DocumentReader reader(files, options);
  std::vector<std::string> all;
  for (const InputDocument& document : ReadEverything(reader)) {
    all.push_back(std::to_string(document.file) + ":" + std::to_string(document.line) +
                  (document.flaw    ? "!"
                   : document.blank ? "-"
                                    : ":" + document.text));
  }
  return all;
}

TEST(DocumentReader, TellsKindsByFileName) {
  const Scratch scratch;
  const std::string text = scratch.File("a.txt", "one\ntwo\n");
  const std::string jsonl = scratch.File("b.jsonl", "{\"text\":\"x\"}\n\n{\"text\":\"y\"}");
  const std::string ndjson = scratch.File("c.ndjson", "{\"text\":\"z\"}\r\n");
  const std::string empty = scratch.File("d.jsonl", "");
  EXPECT_THAT(Read({text, jsonl, ndjson, empty}, Options()),
              ElementsAre("0:0:one\ntwo\n", "1:1:x", "1:2-", "1:3:y", "2:1:z"));
  EXPECT_THAT(Read({text}, Options(InputKind::kLines)), ElementsAre("0:1:one", "0:2:two"));
  EXPECT_THAT(Read({text}, Options(InputKind::kJsonl)), ElementsAre("0:1!", "0:2!"));
  EXPECT_THAT(Read({jsonl}, Options(InputKind::kText)),
              ElementsAre("0:0:{\"text\":\"x\"}\n\n{\"text\":\"y\"}"));
}

TEST(DocumentReader, TakesAnEmptyFileForAnEmptyText) {
  const Scratch scratch;
  const std::string file = scratch.File("a.txt", "");
  EXPECT_THAT(Read({file}, Options()), ElementsAre("0:0:"));
  EXPECT_THAT(Read({file}, Options(InputKind::kLines)), ElementsAre());
}

TEST(DocumentReader, DropsTheByteOrderMarkOfEachFile) {
  const Scratch scratch;
  const std::string text = scratch.File("a.txt", "\xEF\xBB\xBFone");
  const std::string jsonl = scratch.File("b.jsonl", "\xEF\xBB\xBF{\"text\":\"x\"}\n");
  EXPECT_THAT(Read({text, jsonl, text}, Options()), ElementsAre("0:0:one", "1:1:x", "2:0:one"));
}

TEST(DocumentReader, RefusesWhatIsTooLongAndGoesOn) {
  const Scratch scratch;
  const std::string text = scratch.File("a.txt", std::string(300000, 'a'));
  const std::string lines =
      scratch.File("b.txt", "short\n" + std::string(300000, 'b') + "\nlast\n");
  EXPECT_THAT(Read({text}, Options(InputKind::kText, 1000)), ElementsAre("0:0!"));
  EXPECT_THAT(Read({text, lines}, Options(InputKind::kLines, 1000)),
              ElementsAre("0:1!", "1:1:short", "1:2!", "1:3:last"));
  DocumentReader reader({text}, Options(InputKind::kText, 1000));
  EXPECT_THAT(*ReadEverything(reader)[0].flaw, HasSubstr("longer than 1000 B"));
}

TEST(DocumentReader, RefusesWhatIsNotUtf8) {
  const Scratch scratch;
  const std::string lines = scratch.File("a.txt", "a\nb\xFF\nc");
  EXPECT_THAT(Read({lines}, Options(InputKind::kLines)), ElementsAre("0:1:a", "0:2!", "0:3:c"));
  const std::string utf16 = scratch.File("b.txt", std::string("\xFF\xFE"
                                                              "a\0",
                                                              4));
  DocumentReader reader({utf16}, Options());
  EXPECT_THAT(*ReadEverything(reader)[0].flaw, HasSubstr("iconv -f UTF-16"));
}

TEST(DocumentReader, EndsWindowsByCountAndBytes) {
  const Scratch scratch;
  std::string many;
  for (int i = 0; i < 1000; ++i) many += std::to_string(i) + "\n";
  const std::string file = scratch.File("a.txt", many);
  DocumentReader reader({file}, Options(InputKind::kLines));
  std::vector<InputDocument> window;
  ASSERT_TRUE(reader.ReadWindow(window).ok());
  EXPECT_EQ(window.size(), DocumentReader::kWindowDocuments);
  EXPECT_EQ(ReadEverything(reader).size(), 1000 - DocumentReader::kWindowDocuments);

  const std::string wide(100 * 1024, 'x');
  const std::string lines = scratch.File("b.txt", wide + "\n" + wide + "\n" + wide + "\n" + wide);
  DocumentReader wide_reader({lines}, Options(InputKind::kLines));
  ASSERT_TRUE(wide_reader.ReadWindow(window).ok());
  EXPECT_EQ(window.size(), 3u);
  ASSERT_TRUE(wide_reader.ReadWindow(window).ok());
  EXPECT_EQ(window.size(), 1u);
}

TEST(DocumentReader, SaysWhichFileIsMissing) {
  DocumentReader reader({"/nowhere/at all.txt"}, Options());
  std::vector<InputDocument> window;
  const Result<void> read = reader.ReadWindow(window);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::kNotFound);
  EXPECT_THAT(read.error().message, HasSubstr("/nowhere/at all.txt"));
}

TEST(DocumentReader, RefusesAFolder) {
  const Scratch scratch;
  DocumentReader reader({scratch.Path("")}, Options());
  std::vector<InputDocument> window;
  const Result<void> read = reader.ReadWindow(window);
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().message, HasSubstr("is a directory"));
}

TEST(DocumentReader, ReadsAPipeByteByByte) {
  const Scratch scratch;
  const std::string path = scratch.Path("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::thread writer([&] {
    std::ofstream pipe(path, std::ios::binary);
    for (const char c : std::string("\xEF\xBB\xBF{\"text\":\"a\"}\r\n{\"te\n{\"text\":\"b\"}")) {
      pipe << c << std::flush;
    }
  });
  EXPECT_THAT(Read({path}, Options(InputKind::kJsonl)), ElementsAre("0:1:a", "0:2!", "0:3:b"));
  writer.join();
}

TEST(DocumentReader, DoesNotWaitForMoreThanItHas) {
  const Scratch scratch;
  const std::string path = scratch.Path("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  std::ofstream pipe;
  std::thread opener([&] { pipe.open(path); });
  DocumentReader reader({path}, Options(InputKind::kLines));
  std::thread later([&] {
    opener.join();
    pipe << "one\ntwo\nthr" << std::flush;
  });
  std::vector<InputDocument> window;
  ASSERT_TRUE(reader.ReadWindow(window).ok());  // Would hang if it did: the pipe stays open.
  later.join();
  ASSERT_EQ(window.size(), 2u);
  EXPECT_EQ(window[1].text, "two");
  pipe << "ee\n";
  pipe.close();
  ASSERT_TRUE(reader.ReadWindow(window).ok());
  ASSERT_EQ(window.size(), 1u);
  EXPECT_EQ(window[0].text, "three");
  EXPECT_EQ(window[0].line, 3);
}

}  // namespace
}  // namespace waterline::cli
