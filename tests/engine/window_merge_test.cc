// Documents of several windows: nothing is lost or doubled where windows meet, and every score is
// the model's own.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <memory_resource>
#include <string>
#include <tuple>
#include <vector>

#include "base/utf8.h"
#include "engine/context_free_model.h"
#include "engine/models.h"
#include "engine/random_texts.h"
#include "engine/request.h"

namespace waterline {
namespace {

const std::vector<Label> kLabels = {{"person", {}}, {"city", {}}, {"date", {}}};

Extraction ExtractOne(const Engine& engine, const Document& document,
                      const std::vector<Label>& labels, const ExtractOptions& options) {
  const auto found = engine.Extract(std::span<const Document>(&document, 1), labels, options);
  EXPECT_TRUE(found.ok()) << found.error().message;
  EXPECT_FALSE((*found)[0].error);
  return (*found)[0];
}

// The sentences of a benchmark file, as text.
std::vector<std::string> RealSentences(const std::string& name) {
  std::ifstream lines(std::string(WATERLINE_SOURCE_DIR) + "/bench/data/" + name + ".jsonl");
  simdjson::dom::parser parser;
  std::vector<std::string> sentences;
  for (std::string line; std::getline(lines, line);) {
    std::string& sentence = sentences.emplace_back();
    for (const simdjson::dom::element word : parser.parse(line)["tokenized_text"].get_array()) {
      if (!sentence.empty()) sentence += ' ';
      sentence += std::string_view(word);
    }
  }
  EXPECT_FALSE(sentences.empty());
  return sentences;
}

std::vector<std::string> UnicodeSentences() {
  return {"Zoë Müller wohnt seit 2020 in Köln-Süd, naïve as ever.",
          "Анна Каренина живёт в Москве!",
          "日本語 の 文章 : 東京 から 京都 へ 。",
          "👍🏽 Ada Lovelace met 👩‍👩‍👧 in Saint-Étienne?",
          "e\u0301tude by J. R. R. Tolkien, 3.14 €.",
          "كتب محمد رسالة إلى القاهرة؟"};
}

// A text of some of `from`, and where each of them begins.
struct Composed {
  std::string text;
  std::vector<std::string> sentences;
  std::vector<size_t> begins;
};

Composed Compose(const std::vector<std::string>& from, int count, RandomTexts& random) {
  Composed made;
  for (int i = 0; i < count; ++i) {
    if (i > 0) made.text += random.Below(8) == 0 ? "\n\n" : " ";
    made.sentences.push_back(from[random.Below(from.size())]);
    made.begins.push_back(made.text.size());
    made.text += made.sentences.back();
  }
  return made;
}

// Of every run of at most `most` words that lies in [begin, end).
void AddSpans(const std::string& text, size_t begin, size_t end, size_t most,
              std::vector<TextSpan>& spans) {
  std::pmr::vector<Word> words;
  SplitWords(std::string_view(text).substr(begin, end - begin), words);
  for (size_t i = 0; i < words.size(); ++i) {
    for (size_t j = i; j < std::min(i + most, words.size()); ++j) {
      spans.push_back({begin + words[i].begin, begin + words[j].end});
    }
  }
}

class ContextFree : public testing::TestWithParam<const char*> {};

// Where no word knows of another, a window is as good as the whole text: the answers must be equal
// to the bit, whatever the text, the windows and the rule for overlaps.
TEST_P(ContextFree, ManyWindowsAnswerAsOne) {
  RandomTexts random(11);
  size_t entities = 0;
  for (const int max_len : {24, 40, 64}) {
    const ContextFreeModel in_windows(GetParam(), max_len), at_once(GetParam(), 4000);
    const Engine parts = MustLoad(in_windows.path()), whole = MustLoad(at_once.path());
    // Spans up to half the overlap are promised; token models find longer ones too.
    const auto widest = static_cast<size_t>(std::min(max_len / 4, 16));
    for (int round = 0; round < 40; ++round) {
      const int words = max_len + 1 + static_cast<int>(random.Below(6 * max_len));
      const std::string text = random.Text(words);
      std::vector<TextSpan> spans;
      AddSpans(text, 0, text.size(), widest, spans);
      const Document document{.text = text, .spans = &spans};
      const ExtractOptions options{.threshold = 0.3f + 0.1f * static_cast<float>(round % 7),
                                   .nested = round % 3 == 1,
                                   .multi_label = round % 4 >= 2,
                                   .offsets = Offsets::kBytes};
      const Extraction one = ExtractOne(whole, document, kLabels, options);
      const Extraction many = ExtractOne(parts, document, kLabels, options);
      ASSERT_EQ(one.windows, 1);
      ASSERT_GE(many.windows, 2);
      ASSERT_TRUE(SameAnswer(one, many)) << "round " << round << ", windows of " << max_len << "\n"
                                         << one.entities.size() << " " << many.entities.size();
      entities += one.entities.size();
    }
  }
  EXPECT_GT(entities, 500u);
}

// The same of sentences: for entities inside of them, the document says what they say alone.
TEST_P(ContextFree, ADocumentSaysWhatItsSentencesSay) {
  RandomTexts random(12);
  const ContextFreeModel model(GetParam(), 64);
  const Engine engine = MustLoad(model.path());
  std::vector<std::string> sentences = RealSentences("crossner_science_train");
  for (int copy = 0; copy < 10; ++copy) {
    for (const std::string& sentence : UnicodeSentences()) sentences.push_back(sentence);
  }
  std::pmr::vector<Word> words;
  std::erase_if(sentences, [&](const std::string& sentence) {
    words.clear();
    SplitWords(sentence, words);
    return words.size() > 60;
  });
  size_t entities = 0;
  int64_t windows = 0;
  for (int round = 0; round < 30; ++round) {
    const Composed made = Compose(sentences, 4 + round / 2, random);
    const ExtractOptions options{.threshold = 0.5f, .offsets = Offsets::kBytes};
    std::vector<TextSpan> spans;
    std::vector<Entity> expected;
    for (size_t i = 0; i < made.sentences.size(); ++i) {
      const std::string& sentence = made.sentences[i];
      const size_t at = made.begins[i];
      AddSpans(made.text, at, at + sentence.size(), 16, spans);
      std::vector<TextSpan> own;
      AddSpans(sentence, 0, sentence.size(), 16, own);
      const Document document{.text = sentence, .spans = &own};
      for (Entity e : ExtractOne(engine, document, kLabels, options).entities) {
        for (size_t* offset : {&e.start, &e.end, &e.byte_start, &e.byte_end}) *offset += at;
        expected.push_back(e);
      }
    }
    const Document document{.text = made.text, .spans = &spans};
    const Extraction found = ExtractOne(engine, document, kLabels, options);
    windows += found.windows;
    Extraction alone;
    alone.entities = expected;
    ASSERT_TRUE(SameAnswer(alone, found)) << "round " << round << " " << found.windows;
    entities += expected.size();
  }
  EXPECT_GT(windows, 100);
  EXPECT_GT(entities, 500u);
}

INSTANTIATE_TEST_SUITE_P(Heads, ContextFree,
                         testing::Values("us_marker", "us_mlp", "us_query", "ut_plain"),
                         [](const auto& test) { return std::string(test.param); });

// The windows that an engine reads a text in.
struct Cut {
  std::pmr::monotonic_buffer_resource memory;
  LabelSets sets{&memory};
  Request request{&memory};

  Cut(const Engine& engine, std::string_view text, const std::vector<Label>& labels) {
    Engine::Impl& impl = EngineInternals::Of(engine);
    const LoadedModel& model = **impl.model;
    const Checkpoint& checkpoint = model.checkpoint;
    Result<LabelSets> made = MakeLabelSets(
        {.labels = labels, .relations = {}, .source = checkpoint.label_source, .stored = {}},
        checkpoint.prompt, *checkpoint.tokenizer, model.around(), model.limits, &memory);
    EXPECT_TRUE(made.ok());
    sets = std::move(*made);
    request.labels = &sets;
    request.document.text = text;
    PrepareText(request, {},
                {.splitter = impl.splitter.get(),
                 .tokenizer = *checkpoint.tokenizer,
                 .around = model.around(),
                 .limits = model.limits},
                &memory);
  }

  const std::pmr::vector<Window>& windows() const { return request.windows; }
  // The first byte of word `word`, and one past its last.
  size_t Begin(int32_t word) const { return request.text.words[static_cast<size_t>(word)].begin; }
  size_t End(int32_t word) const { return request.text.words[static_cast<size_t>(word)].end; }
  // The bytes of the words of a window.
  TextSpan Bytes(const Window& window) const { return {Begin(window.begin), End(window.end - 1)}; }
  bool Owns(const Window& window, size_t byte) const {
    return byte >= Begin(window.own_begin) && byte <= Begin(window.own_end - 1);
  }
  // The window that owns what starts at `byte`.
  const Window& OwnerOf(size_t byte) const {
    return *std::find_if(windows().begin(), windows().end(),
                         [&](const Window& window) { return Owns(window, byte); });
  }
};

auto Key(const Entity& e) { return std::tuple(e.byte_start, e.byte_end, e.label); }

bool Meet(const Entity& a, const Entity& b) {
  return a.byte_start < b.byte_end && b.byte_start < a.byte_end;
}

struct RealModel {
  const char* name;  // Of a golden checkpoint; "" for the model that ships.
  float threshold;
  std::vector<Label> labels;
};

class Windows : public testing::TestWithParam<RealModel> {
 protected:
  const RealModel& model() const { return GetParam(); }
  Engine Load() const {
    const std::string name = model().name;
    return MustLoad(name.empty() ? DefaultModel() : GoldenModel(name));
  }
};

TEST_P(Windows, MergeWithoutLossAndWithTheScoresOfTheirOwner) {
  const Engine engine = Load();
  RandomTexts random(13);
  std::vector<std::string> sentences = RealSentences("crossner_politics_train");
  for (const std::string& sentence : UnicodeSentences()) sentences.push_back(sentence);
  const ExtractOptions options{.threshold = model().threshold};
  int64_t windows = 0;
  size_t in_both = 0, entities = 0;
  for (const int count : {14, 25, 40}) {
    const Composed made = Compose(sentences, count, random);
    const std::string& text = made.text;
    const Extraction found = ExtractOne(engine, {.text = text}, model().labels, options);
    const Cut cut(engine, text, model().labels);
    ASSERT_EQ(static_cast<int64_t>(cut.windows().size()), found.windows);
    windows += found.windows;
    entities += found.entities.size();

    // Flat: in order, apart, and inside of the text in every unit.
    const Extraction utf16 =
        ExtractOne(engine, {.text = text}, model().labels,
                   {.threshold = model().threshold, .offsets = Offsets::kUtf16});
    ASSERT_EQ(utf16.entities.size(), found.entities.size());
    size_t last_end = 0;
    for (size_t i = 0; i < found.entities.size(); ++i) {
      const Entity& e = found.entities[i];
      ASSERT_LT(e.byte_start, e.byte_end);
      ASSERT_LE(e.byte_end, text.size());
      ASSERT_GE(e.byte_start, last_end);
      last_end = e.byte_end;
      const std::string_view before = std::string_view(text).substr(0, e.byte_start);
      const std::string_view until = std::string_view(text).substr(0, e.byte_end);
      ASSERT_EQ(FindInvalidUtf8(until.substr(before.size())), kValidUtf8);
      ASSERT_EQ(e.start, CountCodePoints(before));
      ASSERT_EQ(e.end, CountCodePoints(until));
      ASSERT_EQ(utf16.entities[i].start, CountUtf16(before));
      ASSERT_EQ(utf16.entities[i].end, CountUtf16(until));
    }

    // Each has the score that the window which owns its first word gives when read by itself.
    for (const Window& window : cut.windows()) {
      const TextSpan bytes = cut.Bytes(window);
      std::vector<Entity> owned;
      std::copy_if(found.entities.begin(), found.entities.end(), std::back_inserter(owned),
                   [&](const Entity& e) { return cut.Owns(window, e.byte_start); });
      std::vector<TextSpan> spans;
      for (const Entity& e : owned) {
        spans.push_back({e.byte_start - bytes.start, e.byte_end - bytes.start});
      }
      const std::string part = text.substr(bytes.start, bytes.end - bytes.start);
      const Extraction scores = ExtractOne(
          engine, {.text = part, .spans = &spans}, model().labels,
          {.threshold = model().threshold, .multi_label = true, .offsets = Offsets::kBytes});
      for (const Entity& e : owned) {
        const auto same =
            std::find_if(scores.entities.begin(), scores.entities.end(), [&](const Entity& o) {
              return o.byte_start + bytes.start == e.byte_start &&
                     o.byte_end + bytes.start == e.byte_end && o.label == e.label;
            });
        ASSERT_NE(same, scores.entities.end());
        ASSERT_EQ(same->score, e.score);
      }
    }

    // What a window finds where it is the owner is there once, or something better that meets it;
    // so is what both of two neighbours find.
    std::vector<Entity> before;
    for (const Window& window : cut.windows()) {
      const TextSpan bytes = cut.Bytes(window);
      const std::string part = text.substr(bytes.start, bytes.end - bytes.start);
      std::vector<Entity> here =
          ExtractOne(engine, {.text = part}, model().labels, options).entities;
      for (Entity& e : here) {
        e.byte_start += bytes.start;
        e.byte_end += bytes.start;
        const auto twin = std::find_if(before.begin(), before.end(),
                                       [&](const Entity& o) { return Key(o) == Key(e); });
        if (twin != before.end()) ++in_both;
        if (twin == before.end() && !cut.Owns(window, e.byte_start)) continue;
        const float least = twin == before.end() ? e.score : std::min(e.score, twin->score);
        const auto times = std::count_if(found.entities.begin(), found.entities.end(),
                                         [&](const Entity& o) { return Key(o) == Key(e); });
        const bool beaten = std::any_of(
            found.entities.begin(), found.entities.end(),
            [&](const Entity& o) { return Key(o) != Key(e) && Meet(o, e) && o.score >= least; });
        ASSERT_EQ(times, beaten ? 0 : 1) << text.substr(e.byte_start, e.byte_end - e.byte_start);
      }
      before = std::move(here);
    }
  }
  EXPECT_GE(windows, 8);
  EXPECT_GT(entities, 20u);
  EXPECT_GT(in_both, 3u);
}

// With words that do know of each other a document cannot say quite what its sentences say alone:
// the other sentences of a window are context too. But where windows meet it must not say less of
// it than in their middle.
TEST(DefaultModel, SaysAtTheBordersOfWindowsWhatSentencesSayNoLessThanElsewhere) {
  const Engine engine = MustLoad(DefaultModel());
  const std::vector<Label> labels = {
      {"person", {}}, {"organization", {}}, {"location", {}}, {"country", {}}};
  constexpr int32_t kNear = 16;  // Half of the overlap.
  size_t near = 0, near_kept = 0, far = 0, far_kept = 0;
  {
    const std::vector<std::string> sentences = RealSentences("crossner_politics_dev");
    for (size_t first = 0; first < 240; first += 40) {
      Composed made;
      std::vector<std::string> part(sentences.begin() + static_cast<std::ptrdiff_t>(first),
                                    sentences.begin() + static_cast<std::ptrdiff_t>(first + 40));
      const std::vector<Extraction> alone = MustExtract(engine, part, labels);
      std::vector<Entity> expected;
      for (size_t i = 0; i < part.size(); ++i) {
        if (i > 0) made.text += ' ';
        for (Entity e : alone[i].entities) {
          e.byte_start += made.text.size();
          e.byte_end += made.text.size();
          expected.push_back(e);
        }
        made.text += part[i];
      }
      const Extraction found = ExtractOne(engine, {.text = made.text}, labels, {});
      const Cut cut(engine, made.text, labels);
      for (const Entity& e : expected) {
        const bool at_border =
            std::any_of(cut.windows().begin() + 1, cut.windows().end(), [&](const Window& window) {
              const int32_t words = static_cast<int32_t>(cut.request.text.words.size());
              return e.byte_start >= cut.Begin(std::max(window.own_begin - kNear, 0)) &&
                     e.byte_start < cut.End(std::min(window.own_begin + kNear, words) - 1);
            });
        const bool kept = std::any_of(found.entities.begin(), found.entities.end(),
                                      [&](const Entity& o) { return Key(o) == Key(e); });
        (at_border ? near : far) += 1;
        (at_border ? near_kept : far_kept) += kept;
      }
    }
  }
  const double near_share = static_cast<double>(near_kept) / static_cast<double>(near);
  const double far_share = static_cast<double>(far_kept) / static_cast<double>(far);
  std::printf("near %zu/%zu far %zu/%zu\n", near_kept, near, far_kept, far);
  EXPECT_GT(near, 80u);
  EXPECT_GE(near_share, far_share - 0.03);
}

INSTANTIATE_TEST_SUITE_P(
    Models, Windows,
    testing::Values(RealModel{"", 0.5f, {{"person", {}}, {"organization", {}}, {"country", {}}}},
                    RealModel{"", 0.2f, {{"person", {}}, {"organization", {}}, {"country", {}}}},
                    RealModel{"us_maxlen20", 0.4f, kLabels}, RealModel{"us_marker", 0.5f, kLabels},
                    RealModel{"us_query", 0.4f, kLabels}, RealModel{"ut_plain", 0.3f, kLabels}),
    [](const auto& test) {
      const std::string name = test.param.name;
      return name.empty() ? "default_" + std::to_string(test.index) : name;
    });

}  // namespace
}  // namespace waterline
