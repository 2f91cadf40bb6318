// Whole tokenizers against the reference's ids.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <memory>

#include "tokens/golden.h"

namespace waterline {
namespace {

constexpr size_t kPlenty = size_t{1} << 30;

struct Loaded {
  explicit Loaded(const std::filesystem::path& directory)
      : tokenizer(Tokenizer::Load(directory, budget, &memory)) {
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  }
  const Tokenizer& operator*() { return **tokenizer; }

  Budget budget{kPlenty};
  BudgetResource memory{budget, Use::kTokenizer};
  Result<std::unique_ptr<Tokenizer>> tokenizer;
};

struct Row {
  std::vector<int32_t> ids;
  std::vector<int32_t> word_ids;  // -1 for specials.
};

// Encodes words as the reference's template and right truncation to `limit` ids do.
Row Encode(const Tokenizer& tokenizer, const std::vector<std::string>& words, size_t limit) {
  Row row;
  row.ids.assign(tokenizer.prefix().begin(), tokenizer.prefix().end());
  row.word_ids.assign(row.ids.size(), -1);
  const size_t most = limit - tokenizer.suffix().size();
  for (size_t i = 0; i < words.size(); ++i) {
    std::pmr::vector<int32_t> ids;
    tokenizer.EncodeWord(words[i], ids);
    row.ids.insert(row.ids.end(), ids.begin(), ids.end());
    row.word_ids.insert(row.word_ids.end(), ids.size(), static_cast<int32_t>(i));
  }
  if (row.ids.size() > most) {
    row.ids.resize(most);
    row.word_ids.resize(most);
  }
  row.ids.insert(row.ids.end(), tokenizer.suffix().begin(), tokenizer.suffix().end());
  row.word_ids.insert(row.word_ids.end(), tokenizer.suffix().size(), -1);
  return row;
}

class GoldenTokenizer : public testing::TestWithParam<std::string> {};

TEST_P(GoldenTokenizer, GivesTheIdsOfTheReference) {
  Loaded loaded(GoldenTokenizers() / GetParam());
  const Tokenizer& tokenizer = *loaded;
  const int lines = ForEachLine(
      GoldenTokenizers() / GetParam() / "cases.jsonl", [&](const simdjson::dom::element& json) {
        SCOPED_TRACE(simdjson::to_string(json));
        const std::string_view kind = json["kind"];
        if (kind == "text") {
          std::pmr::vector<int32_t> ids(tokenizer.prefix().begin(), tokenizer.prefix().end());
          tokenizer.EncodeText(std::string_view(json["text"]), ids);
          ids.insert(ids.end(), tokenizer.suffix().begin(), tokenizer.suffix().end());
          EXPECT_THAT(ids, testing::ElementsAreArray(Ids(json["ids"])));
        } else if (kind == "words_batch_padded") {
          size_t i = 0;
          for (const simdjson::dom::element words : simdjson::dom::array(json["words"])) {
            const Row row = Encode(tokenizer, Strings(words), kPlenty);
            std::vector<int32_t> ids = Ids(json["ids"].at(i));
            std::vector<int32_t> word_ids = Ids(json["word_ids"].at(i));
            const std::vector<int32_t> mask = Ids(json["attention_mask"].at(i++));
            const auto length = static_cast<size_t>(std::count(mask.begin(), mask.end(), 1));
            ids.resize(length);
            word_ids.resize(length);
            EXPECT_EQ(row.ids, ids);
            EXPECT_EQ(row.word_ids, word_ids);
          }
        } else {
          const bool truncated = kind == "words_truncated";
          const size_t limit =
              truncated ? static_cast<size_t>(int64_t(json["max_length"])) : kPlenty;
          const Row row = Encode(tokenizer, Strings(json["words"]), limit);
          EXPECT_EQ(row.ids, Ids(json["ids"]));
          EXPECT_EQ(row.word_ids, Ids(json["word_ids"]));
        }
      });
  EXPECT_GE(lines, 411);
}

INSTANTIATE_TEST_SUITE_P(AllKinds, GoldenTokenizer, testing::ValuesIn(GoldenKinds()),
                         [](const auto& kind) { return kind.param; });

TEST(Tokenizer, GivesTheReferencesIdsForFuzzedStrings) {
  std::map<std::string, std::unique_ptr<Loaded>> loaded;
  const int lines = ForEachLine(
      GoldenTokenizers() / "fuzzed" / "cases.jsonl", [&](const simdjson::dom::element& json) {
        SCOPED_TRACE(simdjson::to_string(json));
        const auto kind = std::string(std::string_view(json["kind"]));
        if (loaded[kind] == nullptr)
          loaded[kind] = std::make_unique<Loaded>(GoldenTokenizers() / kind);
        std::pmr::vector<int32_t> ids;
        (**loaded[kind]).EncodeWord(std::string_view(json["word"]), ids);
        EXPECT_THAT(ids, testing::ElementsAreArray(Ids(json["ids"])));
      });
  EXPECT_GT(lines, 0);
}

TEST(Tokenizer, ReadsMaxLengthAndItsSentinel) {
  EXPECT_EQ((*Loaded(GoldenTokenizers() / "bert_cased")).max_length(), 512);
  EXPECT_EQ((*Loaded(GoldenTokenizers() / "deberta_v3")).max_length(), std::nullopt);
}

TEST(Tokenizer, CountsAndFindsTokens) {
  Loaded loaded(GoldenTokenizers() / "deberta_v3");
  EXPECT_EQ((*loaded).size(), 4005);
  EXPECT_EQ((*loaded).TokenId("[CLS]"), 1);
  EXPECT_EQ((*loaded).TokenId("[MASK]"), 4000);
  EXPECT_EQ((*loaded).TokenId("<<REL>>"), 4004);
  EXPECT_EQ((*loaded).TokenId("no such token"), std::nullopt);
  EXPECT_EQ((*loaded).Describe(), "Unigram, 4000 tokens + 5 added");
}

TEST(Tokenizer, AddsSpecialTokensBehindTheOthers) {
  Loaded loaded(GoldenTokenizers() / "bert_uncased");
  const std::vector<std::string> tokens = {"[FLERT]", "<<New>>", "<<Other>>"};
  (*loaded.tokenizer)->AddSpecialTokens(tokens);
  EXPECT_EQ((*loaded).TokenId("[FLERT]"), 12000);
  EXPECT_EQ((*loaded).TokenId("<<New>>"), 12004);
  EXPECT_EQ((*loaded).size(), 12006);
  std::pmr::vector<int32_t> ids;
  (*loaded).EncodeWord("<<Other>>a<<New>>", ids);
  EXPECT_THAT(ids, testing::ElementsAre(12005, 1037, 12004));
}

TEST(Tokenizer, GivesAllMemoryBack) {
  for (const std::string& kind : GoldenKinds()) {
    Budget budget(kPlenty);
    BudgetResource memory(budget, Use::kTokenizer);
    {
      const auto tokenizer = Tokenizer::Load(GoldenTokenizers() / kind, budget, &memory);
      ASSERT_TRUE(tokenizer.ok());
      EXPECT_GT(budget.in_use(Use::kTokenizer), 0u);
      EXPECT_EQ(budget.in_use(Use::kLoading), 0u);
    }
    EXPECT_EQ(budget.in_use(), 0u) << kind;
  }
}

TEST(Tokenizer, RefusesWhatDoesNotFit) {
  for (const std::string& kind : GoldenKinds()) {
    Budget enough(kPlenty);
    BudgetResource enough_memory(enough, Use::kTokenizer);
    ASSERT_TRUE(Tokenizer::Load(GoldenTokenizers() / kind, enough, &enough_memory).ok());
    for (const size_t percent : {0, 10, 40, 70, 90, 99}) {
      Budget budget(enough.peak() * percent / 100);
      BudgetResource memory(budget, Use::kTokenizer);
      const auto tokenizer = Tokenizer::Load(GoldenTokenizers() / kind, budget, &memory);
      ASSERT_FALSE(tokenizer.ok()) << kind << " " << percent;
      EXPECT_EQ(tokenizer.error().code, Code::kOverBudget) << tokenizer.error().message;
      EXPECT_EQ(budget.in_use(), 0u);
    }
  }
}

TEST(Tokenizer, NamesTheFilesItMisses) {
  Budget budget(kPlenty);
  const auto tokenizer = Tokenizer::Load("/nonexistent", budget, std::pmr::new_delete_resource());
  ASSERT_FALSE(tokenizer.ok());
  EXPECT_EQ(tokenizer.error().code, Code::kNotFound);
  EXPECT_THAT(tokenizer.error().message, testing::HasSubstr("spm.model"));
}

TEST(Tokenizer, EncodesAMegabyteInLinearTime) {
  std::string word;
  while (word.size() < 1'000'000) word += "abcdefg\xC3\xA9xyz\xE2\x82\xAC";
  for (const std::string& kind : GoldenKinds()) {
    Loaded loaded(GoldenTokenizers() / kind);
    for (const std::string& text :
         {word, std::string(1'000'000, 'a'), std::string(1'000'000, ' ')}) {
      std::pmr::vector<int32_t> ids;
      (*loaded).EncodeWord(text, ids);
    }
  }
}

RC_GTEST_PROP(Tokenizer, AppendsWordByWord, ()) {
  static Loaded roberta(GoldenTokenizers() / "roberta");
  static Loaded deberta(GoldenTokenizers() / "deberta_v3");
  const auto code_points = *rc::gen::container<std::vector<std::vector<uint32_t>>>(
      rc::gen::container<std::vector<uint32_t>>(rc::gen::inRange<uint32_t>(1, 0x3000)));
  for (Loaded* loaded : {&roberta, &deberta}) {
    std::pmr::vector<int32_t> together;
    std::vector<int32_t> apart;
    for (const std::vector<uint32_t>& points : code_points) {
      std::string word;
      for (const uint32_t c : points) {
        if (c < 0x80) {
          word += static_cast<char>(c);
        } else if (c < 0x800) {
          word += {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
        } else {
          word += {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
                   static_cast<char>(0x80 | (c & 0x3F))};
        }
      }
      std::pmr::vector<int32_t> ids;
      (**loaded).EncodeWord(word, ids);
      apart.insert(apart.end(), ids.begin(), ids.end());
      (**loaded).EncodeWord(word, together);
    }
    RC_ASSERT(std::equal(together.begin(), together.end(), apart.begin(), apart.end()));
  }
}

}  // namespace
}  // namespace waterline
