// SPDX-License-Identifier: Apache-2.0
#include "arena_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace waterline::cli {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

size_t Count(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

// `names` names, `layers` buffers of each.
BatchPlan Batch(int names, int layers) {
  BatchPlan batch{
      .sequences = 2, .tokens = 900, .words = 700, .labels = 6, .bytes = 0, .buffers = {}};
  for (int layer = 0; layer < layers; ++layer) {
    for (int name = 0; name < names; ++name) {
      const int birth = layer * 2 * names + name;
      batch.buffers.push_back({"buffer " + std::to_string(name), size_t{1} << 20,
                               static_cast<size_t>(name) << 20, birth, birth + names});
    }
  }
  batch.bytes = static_cast<size_t>(names) << 20;
  return batch;
}

TEST(DrawArena, ShowsEveryBuffer) {
  const std::string svg = DrawArena(Batch(12, 16), "m", size_t{64} << 20);
  EXPECT_THAT(svg, StartsWith("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_EQ(Count(svg, "<title>"), 12u * 16);
  for (int name = 0; name < 12; ++name) {
    const std::string title = "<title>buffer " + std::to_string(name) + ": 1 MiB (1,048,576 bytes)";
    EXPECT_EQ(Count(svg, title), 16u);
  }
  EXPECT_THAT(svg, HasSubstr("<title>buffer 3: 1 MiB (1,048,576 bytes) at 3,145,728, steps 27 to 39"
                             "</title>"));
  EXPECT_THAT(svg, HasSubstr(">buffer 11: 1 MiB, 16 buffers</text>"));
  EXPECT_THAT(svg, HasSubstr(">peak 12 MiB (12,582,912 bytes)</text>"));
  EXPECT_THAT(svg, HasSubstr("2 sequences, 900 tokens, 700 words, 6 labels: peak 12 MiB of a "
                             "workspace of 64 MiB, in 192 buffers"));
}

TEST(DrawArena, GivesEachNameAFillOfItsOwn) {
  const std::string svg = DrawArena(Batch(30, 1), "m", size_t{64} << 20);
  EXPECT_EQ(Count(svg, "<pattern "), 21u) << "beyond nine colours they are hatched";
  EXPECT_EQ(Count(svg, "fill=\"url(#hatch29)\""), 2u) << "the buffer and the legend";
  EXPECT_EQ(Count(svg, "fill=\"#77aadd\""), 2u + 3) << "and the ground of three hatches";
}

TEST(DrawArena, SurvivesMoreNamesThanFills) {
  const std::string svg = DrawArena(Batch(200, 1), "m", size_t{64} << 20);
  EXPECT_EQ(Count(svg, "<title>"), 200u);
  EXPECT_EQ(Count(svg, "<pattern "), 45u);
}

TEST(DrawArena, EscapesTexts) {
  BatchPlan batch = Batch(1, 1);
  batch.buffers[0].name = "<a> & \"b\"\x01";
  const std::string svg = DrawArena(batch, "</text><script>", size_t{64} << 20);
  EXPECT_THAT(svg, Not(HasSubstr("<a>")));
  EXPECT_THAT(svg, Not(HasSubstr("<script>")));
  EXPECT_EQ(Count(svg, "\x01"), 0u);
  EXPECT_THAT(svg, HasSubstr("<title>&lt;a&gt; &amp; &quot;b&quot;\u2401: 1 MiB"));
  EXPECT_THAT(DrawArena(batch, "\xFF", 1), HasSubstr("(not UTF-8)"));
  const std::string longer = DrawArena(batch, std::string(90, 'd') + "/" + std::string(30, 'n'), 1);
  EXPECT_THAT(longer, HasSubstr("of .../nnn"));
}

TEST(DrawArena, SurvivesAPassWithoutBytes) {
  BatchPlan batch;
  EXPECT_THAT(DrawArena(batch, "m", 0), Not(HasSubstr("nan")));
  batch.buffers.push_back({"empty", 0, 0, 0, 1});
  const std::string svg = DrawArena(batch, "m", 0);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_EQ(Count(svg, "<title>"), 1u);
}

}  // namespace
}  // namespace waterline::cli
