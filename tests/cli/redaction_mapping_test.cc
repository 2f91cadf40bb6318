// SPDX-License-Identifier: Apache-2.0
#include "redaction_mapping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "scratch.h"

namespace waterline::cli {
namespace {

using testing::HasSubstr;

TEST(RedactionMapping, ReadsWhatWasWritten) {
  const Scratch scratch;
  InputDocument document;
  document.line = 3;
  document.text = "ö \"Ada\"\n, Ulm";
  document.json = R"({"id":[1, 2]})";
  document.fields = {{.name = "id", .key = {1, 4}, .value = {6, 6}}};
  const std::vector<redaction::Finding> findings = {{3, 9, "person"}, {11, 14, "city"}};
  const redaction::RedactedText made = redaction::Redact(document.text, findings, {});
  std::string text;
  AppendMappingHead(true, text);
  AppendMapping("sub/a.jsonl", document, "id", made, findings, text);
  AppendRefusedMapping("b", {}, text);

  Result<MappingReader> reader = MappingReader::Open(scratch.File("m", text));
  ASSERT_TRUE(reader.ok()) << reader.error().message;
  EXPECT_TRUE(reader->files());
  MappedText mapped;
  ASSERT_TRUE(*reader->Next(mapped));
  EXPECT_EQ(mapped.file, "sub/a.jsonl");
  EXPECT_EQ(mapped.id, "[1,2]");
  EXPECT_FALSE(mapped.refused);
  ASSERT_EQ(mapped.parts.size(), 2u);
  EXPECT_EQ(mapped.parts[0].start, 2u);
  EXPECT_EQ(mapped.parts[0].text, "\"Ada\"\n");
  const auto restored = redaction::Restore(made.text, mapped.parts);
  ASSERT_TRUE(restored.ok());
  EXPECT_EQ(restored->text, document.text);
  ASSERT_TRUE(*reader->Next(mapped));
  EXPECT_TRUE(mapped.refused);
  EXPECT_FALSE(mapped.id);
  EXPECT_FALSE(*reader->Next(mapped));
}

TEST(RedactionMapping, NamesLinesThatAreNone) {
  const Scratch scratch;
  std::string head;
  AppendMappingHead(false, head);
  for (const char* line :
       {"{", "{}", "[]", R"({"file":"a","redactions":[{"start":1}]})",
        R"({"file":"a","redactions":[{"start":-1,"end":2,"text":"","replacement":""}]})"}) {
    Result<MappingReader> reader = MappingReader::Open(scratch.File("m", head + line + "\n"));
    ASSERT_TRUE(reader.ok());
    MappedText mapped;
    const Result<bool> next = reader->Next(mapped);
    ASSERT_FALSE(next.ok()) << line;
    EXPECT_THAT(next.error().message, HasSubstr("m:2: is not a line of a mapping"));
  }
  for (const char* text :
       {"", "\n", "{}\n", "{\"waterline\":\"redaction mapping\",\"version\":9}\n"}) {
    EXPECT_FALSE(MappingReader::Open(scratch.File("m", text)).ok()) << text;
  }
}

}  // namespace
}  // namespace waterline::cli
