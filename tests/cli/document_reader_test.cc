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

TEST(DocumentReader, ReplacesWhatIsNotUtf8AndTellsOnce) {
  const Scratch scratch;
  const std::string lines = scratch.File("a.txt", "a\nb\xFF\nc\xE2\x82!\xC3");
  DocumentReader reader({lines}, Options(InputKind::kLines));
  const std::vector<InputDocument> documents = ReadEverything(reader);
  ASSERT_EQ(documents.size(), 3u);
  EXPECT_EQ(documents[1].text, "b\uFFFD");
  EXPECT_EQ(documents[2].text, "c\uFFFD!\uFFFD");  // One for each maximal part, as Python.
  EXPECT_EQ(reader.tally().replaced_texts, 2);
  const std::vector<std::string> notes = reader.TakeNotes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0], HasSubstr("a.txt:2: it has bytes that are not UTF-8"));

  const std::string jsonl = scratch.File("b.jsonl", "{\"text\":\"x\",\"id\":\"\xFF\"}\n");
  EXPECT_THAT(Read({jsonl}, Options()), ElementsAre("0:1:x"));
}

TEST(DocumentReader, DecodesWhatIsDeclared) {
  const Scratch scratch;
  const std::string marked = scratch.File("a.txt", std::string("\xFF\xFE\xE9\0a\0", 6));
  const std::string latin = scratch.File("b.txt", "caf\xE9");
  ReadOptions options = Options();
  options.encoding = "windows-1252";
  EXPECT_THAT(Read({marked, latin}, options), ElementsAre("0:0:\u00E9a", "1:0:caf\u00E9"));
  const std::string utf16 = scratch.File("c.csv", std::string("t\0e\0x\0t\0\n\0h\0i\0", 14));
  options.encoding = "utf-16le";
  EXPECT_THAT(Read({utf16}, options), ElementsAre("0:2:hi"));
}

TEST(DocumentReader, ReadsColumnsOfCsvByName) {
  const Scratch scratch;
  const std::string csv =
      scratch.File("a.csv", "id,body\n1,\"one, \"\"two\"\"\nthree\"\n2,\"open\n3,x,y\n4,four\n");
  ReadOptions options = Options();
  options.text_field = "body";
  EXPECT_THAT(Read({csv}, options),
              ElementsAre("0:2:one, \"two\"\nthree", "0:4!", "0:5!", "0:6:four"));
  const std::string tsv = scratch.File("b.tsv", "body\tid\none, two\t1\n");
  const std::string semicolons = scratch.File("c.csv", "id;body\n1;a,b\n");
  EXPECT_THAT(Read({tsv}, options), ElementsAre("0:2:one, two"));
  options.delimiter = ';';
  EXPECT_THAT(Read({semicolons}, options), ElementsAre("0:2:a,b"));
  DocumentReader reader({csv}, Options());
  const std::vector<InputDocument> lost = ReadEverything(reader);
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_TRUE(lost[0].lost_file);
  EXPECT_THAT(*lost[0].flaw, HasSubstr("no column \"text\" (it has \"id\", \"body\")"));
}

TEST(DocumentReader, MakesJsonOfCsvRecords) {
  const Scratch scratch;
  const std::string csv = scratch.File("a.csv", "id,text\n7,\"a \"\"b\"\"\"\n");
  DocumentReader reader({csv}, Options());
  const std::vector<InputDocument> documents = ReadEverything(reader);
  ASSERT_EQ(documents.size(), 1u);
  EXPECT_EQ(documents[0].json, R"({"id":"7","text":"a \"b\""})");
  ASSERT_EQ(documents[0].fields.size(), 2u);
  EXPECT_EQ(documents[0].fields[0].key.Of(documents[0].json), "\"id\"");
  EXPECT_EQ(documents[0].fields[1].value.Of(documents[0].json), R"("a \"b\"")");
}

TEST(DocumentReader, LosesBinaryFilesAndGoesOn) {
  const Scratch scratch;
  const std::string binary = scratch.File("a.txt", std::string("ab\0c", 4));
  const std::string pdf = scratch.File("b.jsonl", "%PDF-1.7\n");
  const std::string text = scratch.File("c.txt", "fine");
  EXPECT_THAT(Read({binary, pdf, text}, Options()), ElementsAre("0:0!", "1:0!", "2:0:fine"));
}

TEST(DocumentReader, TellsRepeatedIdsOfAFileOnce) {
  const Scratch scratch;
  const std::string file = scratch.File("a.jsonl",
                                        "{\"id\":1,\"text\":\"a\"}\n{\"id\":2,\"text\":\"b\"}\n"
                                        "{\"id\":1,\"text\":\"c\"}\n{\"id\":2,\"text\":\"d\"}\n");
  DocumentReader reader({file, file}, Options());
  EXPECT_EQ(ReadEverything(reader).size(), 8u);
  EXPECT_EQ(reader.tally().repeated_ids, 4);
  const std::vector<std::string> notes = reader.TakeNotes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0], HasSubstr("a.jsonl:3: its \"id\" 1 was there before"));
}

TEST(DocumentReader, NoticesAFileThatChangesWhileItIsRead) {
  const Scratch scratch;
  std::string many;
  for (int i = 0; i < 1000; ++i) many += std::to_string(i) + "\n";
  const std::string file = scratch.File("a.txt", many);
  DocumentReader reader({file}, Options(InputKind::kLines));
  std::vector<InputDocument> window;
  ASSERT_TRUE(reader.ReadWindow(window).ok());
  std::ofstream(file, std::ios::app) << "more\n";
  ReadEverything(reader);
  EXPECT_EQ(reader.tally().changed_files, 1);
  const std::vector<std::string> notes = reader.TakeNotes();
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_THAT(notes[0], HasSubstr("changed while it was read"));
}

TEST(DocumentReader, ShardsHaveEachDocumentOnce) {
  const Scratch scratch;
  const std::string lines = scratch.File("a.jsonl", "{\"text\":\"0\"}\n\n{\"text\":\"2\"}\n");
  const std::string one = scratch.File("b.txt", "3");
  const std::string csv = scratch.File("c.csv", "text\n4\n5\n");
  std::vector<std::string> all(6);
  for (int64_t index = 0; index < 4; ++index) {
    ReadOptions options = Options();
    options.shard = {.index = index, .count = 4};
    size_t at = static_cast<size_t>(index);
    for (const std::string& document : Read({lines, one, csv}, options)) {
      ASSERT_LT(at, all.size());
      all[at] = document;
      at += 4;
    }
  }
  EXPECT_EQ(all, Read({lines, one, csv}, Options()));
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

TEST(DocumentReader, TakesAFileThatCannotBeReadForALostOne) {
  const Scratch scratch;
  const std::string text = scratch.File("a.txt", "fine");
  DocumentReader reader({"/nowhere/at all.txt", scratch.Path(""), text}, Options());
  const std::vector<InputDocument> documents = ReadEverything(reader);
  ASSERT_EQ(documents.size(), 3u);
  EXPECT_TRUE(documents[0].lost_file);
  EXPECT_THAT(*documents[0].flaw, HasSubstr("/nowhere/at all.txt: cannot be read: No such file"));
  EXPECT_THAT(*documents[1].flaw, HasSubstr("is a directory"));
  EXPECT_EQ(documents[2].text, "fine");
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
