// SPDX-License-Identifier: Apache-2.0
#include "extraction_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "json_record.h"
#include "json_writer.h"

namespace waterline::cli {
namespace {

constexpr OutputFormat kJsonl = OutputFormat::kJsonl;
constexpr OutputFormat kCsv = OutputFormat::kCsv;
constexpr OutputFormat kPretty = OutputFormat::kPretty;

FormatOptions Options(OutputFormat format) {
  FormatOptions options;
  options.format = format;
  options.files = {"a.txt"};
  options.labels = {{"person", ""}, {"city, \"big\"", ""}};
  return options;
}

InputDocument Text(const std::string& text, int64_t line = 0) {
  InputDocument document;
  document.text = text;
  document.line = line;
  return document;
}

InputDocument Json(const std::string& line) {
  InputDocument document;
  document.line = 1;
  document.json = line;
  JsonRecord record;
  JsonRecordReader reader("text");
  if (Result<void> read = reader.Read(line, record); !read.ok()) {
    document.flaw = read.error().message;
  }
  document.text = record.text;
  document.fields = record.fields;
  return document;
}

// An entity by its bytes, label and score; offsets are bytes + 100, to see which is printed.
Entity Found(size_t start, size_t end, int32_t label, float score) {
  Entity entity;
  entity.start = start + 100;
  entity.end = end + 100;
  entity.byte_start = start;
  entity.byte_end = end;
  entity.label = label;
  entity.score = score;
  return entity;
}

Extraction Entities(std::initializer_list<Entity> entities) {
  Extraction extraction;
  extraction.entities = entities;
  return extraction;
}

Extraction Refused(const std::string& why) {
  Extraction extraction;
  extraction.error = Error{Code::kInvalidArgument, why};
  return extraction;
}

std::string Format(const FormatOptions& options, const InputDocument& document,
                   const Extraction& extraction) {
  std::string out;
  FormatDocument(options, document, extraction, out);
  return out;
}

TEST(FormatDouble, IsShortestAndNeverAnInteger) {
  EXPECT_EQ(FormatDouble(static_cast<double>(0.91877061128616333f)), "0.9187706112861633");
  EXPECT_EQ(FormatDouble(1), "1.0");
  EXPECT_EQ(FormatDouble(0.5), "0.5");
  EXPECT_EQ(FormatDouble(0), "0.0");
  EXPECT_EQ(FormatDouble(1e-05), "1e-05");
}

TEST(Jsonl, WritesTextsAndEntities) {
  EXPECT_EQ(Format(Options(kJsonl), Text("Ada\n\x01\"é"), Entities({Found(0, 3, 0, 0.5f)})),
            "{\"text\":\"Ada\\n\\u0001\\\"é\",\"entities\":[{\"start\":100,\"end\":103,"
            "\"text\":\"Ada\",\"label\":\"person\",\"score\":0.5}]}\n");
  FormatOptions two = Options(kJsonl);
  two.files = {"a.txt", "b.txt"};
  EXPECT_EQ(Format(two, Text("x"), Entities({})),
            "{\"file\":\"a.txt\",\"text\":\"x\",\"entities\":[]}\n");
}

TEST(Jsonl, PassesFieldsOnAsTheyStood) {
  EXPECT_EQ(Format(Options(kJsonl), Json(R"( {"id": 1.50, "text" :"a\u0041", "m":{ "k":[ ]}})"),
                   Entities({})),
            "{\"id\":1.50,\"text\":\"a\\u0041\",\"m\":{ \"k\":[ ]},\"entities\":[]}\n");
}

TEST(Jsonl, ReplacesFieldsOfTheNamesItWrites) {
  const InputDocument document =
      Json(R"({"entities":[1],"error":"old","text":"a","entit\u0069es":2,"truncated_words":3})");
  EXPECT_EQ(Format(Options(kJsonl), document, Entities({})),
            "{\"error\":\"old\",\"text\":\"a\",\"truncated_words\":3,\"entities\":[]}\n");
  Extraction cut;
  cut.words_cut = 5;
  EXPECT_EQ(Format(Options(kJsonl), document, cut),
            "{\"error\":\"old\",\"text\":\"a\",\"entities\":[],\"truncated_words\":5}\n");
  EXPECT_EQ(Format(Options(kJsonl), document, Refused("new")),
            "{\"text\":\"a\",\"truncated_words\":3,\"entities\":[],\"error\":\"new\"}\n");
}

TEST(Jsonl, KeepsThePlaceOfWhatWasRefused) {
  const InputDocument broken = Json("{\"text\"");
  EXPECT_EQ(Format(Options(kJsonl), broken, Refused("it is not JSON")),
            "{\"line\":1,\"entities\":[],\"error\":\"it is not JSON\"}\n");
  EXPECT_EQ(Format(Options(kJsonl), Json(R"({"id":1,"text":2})"), Refused("no")),
            "{\"id\":1,\"text\":2,\"entities\":[],\"error\":\"no\"}\n");
  InputDocument unread = Text("", 4);
  unread.flaw = "no";
  EXPECT_EQ(Format(Options(kJsonl), unread, Refused("no")),
            "{\"line\":4,\"entities\":[],\"error\":\"no\"}\n");
  unread.line = 0;
  EXPECT_EQ(Format(Options(kJsonl), unread, Refused("no")), "{\"entities\":[],\"error\":\"no\"}\n");
  InputDocument blank;
  blank.blank = true;
  EXPECT_EQ(Format(Options(kJsonl), blank, Entities({})), "\n");
}

// Two entities, and a relation from the second to the first.
Extraction Related(float score) {
  Extraction extraction = Entities({Found(0, 3, 0, 0.75f), Found(8, 12, 1, 0.5f)});
  extraction.relations = {{.head = 1, .tail = 0, .relation = 0, .score = score}};
  return extraction;
}

FormatOptions WithRelations(OutputFormat format) {
  FormatOptions options = Options(format);
  options.relations = {"born, \"in\""};
  return options;
}

TEST(Jsonl, WritesRelationsAsThePythonPackageNamesThem) {
  EXPECT_EQ(Format(WithRelations(kJsonl), Text("Ada saw Rome"), Related(0.25f)),
            "{\"text\":\"Ada saw Rome\",\"entities\":["
            "{\"start\":100,\"end\":103,\"text\":\"Ada\",\"label\":\"person\",\"score\":0.75},"
            "{\"start\":108,\"end\":112,\"text\":\"Rome\",\"label\":\"city, \\\"big\\\"\","
            "\"score\":0.5}],\"relations\":["
            "{\"head\":{\"start\":108,\"end\":112,\"text\":\"Rome\",\"type\":\"city, \\\"big\\\"\","
            "\"entity_idx\":1},\"tail\":{\"start\":100,\"end\":103,\"text\":\"Ada\","
            "\"type\":\"person\",\"entity_idx\":0},\"relation\":\"born, \\\"in\\\"\","
            "\"score\":0.25}]}\n");
  const InputDocument document = Json(R"({"relations":["old"],"text":"a"})");
  EXPECT_EQ(Format(WithRelations(kJsonl), document, Entities({})),
            "{\"text\":\"a\",\"entities\":[],\"relations\":[]}\n");
  EXPECT_EQ(Format(Options(kJsonl), document, Entities({})),
            "{\"relations\":[\"old\"],\"text\":\"a\",\"entities\":[]}\n");
}

TEST(Jsonl, NamesTheLabelsAndRelationsOfItsOwnLine) {
  InputDocument document = Text("Ada saw Rome");
  document.settings.labels =
      std::make_shared<const std::vector<Label>>(std::vector<Label>{{"x"}, {"y"}});
  document.settings.relations =
      std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"own"});
  const std::string line = Format(Options(kJsonl), document, Related(0.25f));
  EXPECT_NE(line.find("\"label\":\"y\""), line.npos) << line;
  EXPECT_NE(line.find("\"relation\":\"own\""), line.npos) << line;
  document.settings.relations = std::make_shared<const std::vector<std::string>>();
  EXPECT_EQ(Format(WithRelations(kJsonl), document, Entities({})),
            "{\"text\":\"Ada saw Rome\",\"entities\":[]}\n");
}

TEST(Csv, HasColumnsForRelationsWhereTheRunAsksForThem) {
  std::string header;
  FormatStart(WithRelations(kCsv), header);
  EXPECT_EQ(header,
            "file,line,start,end,text,label,score,relation,tail_start,tail_end,tail_text,"
            "tail_label\n");
  EXPECT_EQ(Format(WithRelations(kCsv), Text("Ada saw Rome", 3), Related(0.25f)),
            "a.txt,3,100,103,Ada,person,0.75,,,,,\n"
            "a.txt,3,108,112,Rome,\"city, \"\"big\"\"\",0.5,,,,,\n"
            "a.txt,3,108,112,Rome,\"city, \"\"big\"\"\",0.25,\"born, \"\"in\"\"\",100,103,Ada,"
            "person\n");
}

TEST(Pretty, TellsRelationsBelowTheText) {
  EXPECT_EQ(Format(WithRelations(kPretty), Text("Ada saw Rome"), Related(0.256f)),
            "[Ada](person 0.75) saw [Rome](city, \"big\" 0.50)\n"
            "  Rome -- born, \"in\" 0.26 --> Ada\n");
}

TEST(Csv, QuotesAsRfc4180) {
  std::string header;
  FormatStart(Options(kCsv), header);
  EXPECT_EQ(header, "file,line,start,end,text,label,score\n");
  FormatOptions options = Options(kCsv);
  options.files = {"a,b.txt"};
  EXPECT_EQ(Format(options, Text("say \"hi\"\nyou", 3),
                   Entities({Found(0, 3, 0, 0.75f), Found(4, 12, 1, 1.0f)})),
            "\"a,b.txt\",3,100,103,say,person,0.75\n"
            "\"a,b.txt\",3,104,112,\"\"\"hi\"\"\nyou\",\"city, \"\"big\"\"\",1.0\n");
  EXPECT_EQ(Format(Options(kCsv), Text("Ada"), Entities({Found(0, 3, 0, 0.5f)})),
            "a.txt,,100,103,Ada,person,0.5\n");
  EXPECT_EQ(Format(Options(kCsv), Text("Ada"), Refused("no")), "");
}

TEST(Pretty, MarksEntitiesInTheText) {
  EXPECT_EQ(Format(Options(kPretty), Text("Ada saw Rome."),
                   Entities({Found(0, 3, 0, 0.974f), Found(8, 12, 1, 0.5f)})),
            "[Ada](person 0.97) saw [Rome](city, \"big\" 0.50).\n");
  EXPECT_EQ(Format(Options(kPretty), Text("Ada\n\n"), Entities({Found(0, 3, 0, 1.0f)})),
            "[Ada](person 1.00)\n\n");
  EXPECT_EQ(Format(Options(kPretty), Text(""), Entities({})), "\n");
  EXPECT_EQ(Format(Options(kPretty), Text("a"), Refused("too long")), "(refused: too long)\n");
}

TEST(Pretty, ShowsNestedAndSeveralLabels) {
  EXPECT_EQ(Format(Options(kPretty), Text("New York Times"),
                   Entities({Found(0, 14, 0, 0.9f), Found(0, 8, 1, 0.8f), Found(0, 8, 0, 0.7f),
                             Found(9, 14, 0, 0.6f)})),
            "[[New York](city, \"big\" 0.80, person 0.70) [Times](person 0.60)](person 0.90)\n");
}

TEST(Pretty, SurvivesEntitiesThatCross) {
  EXPECT_EQ(Format(Options(kPretty), Text("a b c"),
                   Entities({Found(0, 3, 0, 0.9f), Found(2, 5, 0, 0.8f)})),
            "[a [b](person 0.90) c](person 0.80)\n");
}

TEST(Pretty, ColoursOnRequest) {
  FormatOptions options = Options(kPretty);
  options.colour = true;
  EXPECT_EQ(Format(options, Text("Ada, hi"), Entities({Found(0, 3, 0, 0.5f)})),
            "\x1b[38;5;16;48;5;117mAda\x1b[0m\x1b[38;5;117;48;5;236m\u00A0person\u00A00."
            "50\u00A0\x1b[0m, hi\n");
}

TEST(Pretty, WrapsBetweenWords) {
  FormatOptions options = Options(kPretty);
  options.columns = 10;
  EXPECT_EQ(
      Format(options, Text("one two three four\nfive  six seventeenth 八九十百千"), Entities({})),
      "one two\nthree four\nfive  six\nseventeenth\n八九十百千\n");
}

TEST(Pretty, LetsNoTextSteerTheTerminal) {
  EXPECT_EQ(Format(Options(kPretty), Text(std::string("a\x1b[31mb\x07\0c\x7F\u009B\td", 15)),
                   Entities({})),
            "a␛[31mb␇␀c␡\uFFFD\td\n");
}

TEST(Pretty, HeadsEachOfSeveralFiles) {
  FormatOptions options = Options(kPretty);
  options.files = {"a.txt", "-"};
  InputDocument second = Text("x", 1);
  second.file = 1;
  EXPECT_EQ(Format(options, Text("x"), Entities({})), "==> a.txt <==\nx\n");
  EXPECT_EQ(Format(options, second, Entities({})), "==> standard input <==\nx\n");
  second.line = 2;
  EXPECT_EQ(Format(options, second, Entities({})), "x\n");
}

// The same with offsets in code points, as these formats count.
Entity Counted(size_t start, size_t end, size_t shift, int32_t label, float score) {
  Entity entity = Found(start, end, label, score);
  entity.start = start - shift;
  entity.end = end - shift;
  return entity;
}

TEST(FormatConll, TagsWords) {
  const FormatOptions options = Options(OutputFormat::kConll);
  Extraction extraction;
  extraction.entities = {Found(0, 8, 0, 0.5f), Found(0, 3, 1, 0.25f), Found(9, 11, 1, 0.5f)};
  EXPECT_EQ(Format(options, Text("Ada\nLove inX.\n\nEnd\n"), extraction),
            "-DOCSTART-\tO\n\nAda\tB-person\nLove\tI-person\nin\tB-city,_\"big\"\nX\tO\n.\tO\n\n"
            "End\tO\n\n");
  EXPECT_EQ(Format(options, Text(""), {}), "-DOCSTART-\tO\n\n\n");
  extraction.error = Error{Code::kInvalidArgument, "no"};
  EXPECT_EQ(Format(options, Text("x"), extraction), "");
}

TEST(FormatConll, KeepsTheWordsOfTheInput) {
  FormatOptions options = Options(OutputFormat::kConll);
  InputDocument document = Text("\u00E9a b-c\U0001F44D");
  document.settings.words = std::vector<TextSpan>{{0, 1}, {1, 4}, {5, 7}};
  EXPECT_EQ(Format(options, document, {}),
            "-DOCSTART-\tO\n\n\u00E9\tO\na_b\tO\nc\U0001F44D\tO\n\n");
  options.offsets = Offsets::kUtf16;
  document.settings.words = std::vector<TextSpan>{{5, 8}};
  EXPECT_EQ(Format(options, document, {}), "-DOCSTART-\tO\n\nc\U0001F44D\tO\n\n");
}

TEST(FormatSpacy, WritesADocOfSpacy) {
  FormatOptions options = Options(OutputFormat::kSpacy);
  Extraction extraction;
  extraction.entities = {Counted(3, 6, 1, 0, 0.5f)};
  EXPECT_EQ(Format(options, Text("\u00E9 Ada!"), extraction),
            "{\"text\":\"\u00E9 "
            "Ada!\",\"ents\":[{\"start\":2,\"end\":5,\"label\":\"person\",\"score\":0.5}],"
            "\"tokens\":[{\"id\":0,\"start\":0,\"end\":1},{\"id\":1,\"start\":2,\"end\":5},"
            "{\"id\":2,\"start\":5,\"end\":6}]}\n");
  options.overlapping = true;
  EXPECT_EQ(
      Format(options, Text("Ada"), {}),
      "{\"text\":\"Ada\",\"spans\":{\"sc\":[]},\"tokens\":[{\"id\":0,\"start\":0,\"end\":3}]}\n");
}

TEST(FormatSpacy, CountsSpacesAsSpacyDoes) {
  FormatOptions options = Options(OutputFormat::kSpacy);
  const auto tokens = [&](const std::string& text) {
    const std::string line = Format(options, Text(text), {});
    return line.substr(line.find("\"tokens\""));
  };
  EXPECT_EQ(tokens("a b"),
            "\"tokens\":[{\"id\":0,\"start\":0,\"end\":1},{\"id\":1,\"start\":2,\"end\":3}]}\n");
  // " " before the first word, "\n" behind the space of the second, "\u2003\n" at the end.
  EXPECT_EQ(tokens(" a \nb \u2003\n"),
            "\"tokens\":[{\"id\":0,\"start\":0,\"end\":1},{\"id\":1,\"start\":1,\"end\":2},{\"id\":"
            "2,\"start\":3,"
            "\"end\":4},{\"id\":3,\"start\":4,\"end\":5},{\"id\":4,\"start\":6,\"end\":8}]}\n");
}

TEST(FormatProdigy, KeepsOtherFields) {
  const FormatOptions options = Options(OutputFormat::kProdigy);
  Extraction extraction;
  extraction.entities = {Counted(0, 8, 0, 0, 0.5f)};
  EXPECT_EQ(
      Format(options, Json("{\"id\": 7, \"text\":\"Ada Love.\", \"spans\":[]}"), extraction),
      "{\"text\":\"Ada Love.\",\"id\":7,\"spans\":[{\"start\":0,\"end\":8,\"label\":\"person\","
      "\"score\":0.5,\"token_start\":0,\"token_end\":1}],\"tokens\":[{\"text\":\"Ada\",\"start\":0,"
      "\"end\":3,\"id\":0,\"ws\":true},{\"text\":\"Love\",\"start\":4,\"end\":8,\"id\":1,"
      "\"ws\":false},{\"text\":\".\",\"start\":8,\"end\":9,\"id\":2,\"ws\":false}],"
      "\"meta\":{\"file\":\"a.txt\",\"line\":1}}\n");
}

TEST(FormatHtml, NestsMarksAndEscapesText) {
  const FormatOptions options = Options(OutputFormat::kHtml);
  Extraction extraction;
  extraction.entities = {Found(0, 3, 1, 0.25f), Found(0, 8, 0, 0.5f)};
  EXPECT_EQ(Format(options, Text("Ada <Lo> & \x01"), extraction),
            "<article>\n<h2>a.txt</h2>\n<p class=\"text\" dir=\"auto\">"
            "<mark style=\"--h:0\" data-label=\"person\" data-score=\"0.5000\">"
            "<mark style=\"--h:137\" data-label=\"city, &quot;big&quot;\" data-score=\"0.2500\">Ada"
            "<small>city, &quot;big&quot; 0.25</small></mark> &lt;Lo&gt;"
            "<small>person 0.50</small></mark> &amp; \u2401</p>\n</article>\n");
  // Without a score none is shown, and no slider hides the entity.
  extraction.entities = {Found(0, 3, 0, std::numeric_limits<float>::quiet_NaN())};
  EXPECT_THAT(Format(options, Text("Ada"), extraction),
              testing::HasSubstr("data-score=\"1.0000\">Ada<small>person</small></mark>"));
  std::string page;
  FormatStart(options, page);
  FormatEnd(options, page);
  EXPECT_EQ(page.find("http"), std::string::npos);  // Nothing comes from elsewhere.
  EXPECT_TRUE(page.starts_with("<!DOCTYPE html>"));
  EXPECT_TRUE(page.ends_with("</html>\n"));
}

}  // namespace
}  // namespace waterline::cli
