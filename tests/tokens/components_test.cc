// Small tokenizers written out: each component, and broken files.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/components.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>

#include "tokens/golden.h"
#include "tokens/sentencepiece_model.h"
#include "tokens/tokenizer.h"

namespace waterline {
namespace {

constexpr size_t kPlenty = size_t{1} << 30;

// A directory of its own that is gone afterwards.
class Directory {
 public:
  Directory() {
    static int count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("waterline_tokens_" + std::to_string(::getpid()) + "_" + std::to_string(count++));
    std::filesystem::create_directories(path_);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  void Write(const std::string& name, std::string_view content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Loads a tokenizer.json of this content.
struct FromJson {
  explicit FromJson(std::string_view json) {
    directory.Write("tokenizer.json", json);
    tokenizer = Tokenizer::Load(directory.path(), budget, &memory);
  }
  Directory directory;
  Budget budget{kPlenty};
  BudgetResource memory{budget, Use::kTokenizer};
  Result<std::unique_ptr<Tokenizer>> tokenizer = Error{};
};

std::vector<int32_t> Encode(const Tokenizer& tokenizer, std::string_view word) {
  std::pmr::vector<int32_t> ids;
  tokenizer.EncodeWord(word, ids);
  return {ids.begin(), ids.end()};
}

TEST(Components, GiveTheReferencesIds) {
  const int lines = ForEachLine(
      GoldenTokenizers() / "fuzzed" / "components.jsonl", [](const simdjson::dom::element& json) {
        const std::string_view text = json["tokenizer"];
        FromJson loaded(text);
        ASSERT_TRUE(loaded.tokenizer.ok()) << loaded.tokenizer.error().message;
        size_t i = 0;
        for (const std::string& word : Strings(json["words"])) {
          EXPECT_EQ(Encode(**loaded.tokenizer, word), Ids(json["ids"].at(i++)))
              << json["name"] << ": " << word;
        }
      });
  EXPECT_GT(lines, 50);
}

constexpr std::string_view kWordLevel =
    R"("model":{"type":"WordLevel","vocab":{"a":0,"b":1,"[UNK]":2},"unk_token":"[UNK]"}})";

TEST(Components, RefuseUnknownTypesByName) {
  for (const char* part : {"normalizer", "pre_tokenizer", "post_processor"}) {
    FromJson loaded(fmt::format(R"({{"{}":{{"type":"Odd"}},{})", part, kWordLevel));
    ASSERT_FALSE(loaded.tokenizer.ok());
    EXPECT_EQ(loaded.tokenizer.error().code, Code::kUnsupported);
    EXPECT_THAT(loaded.tokenizer.error().message, testing::HasSubstr("Odd"));
  }
}

TEST(Components, RefuseDeepSequences) {
  std::string nested = R"({"type":"NFC"})";
  for (int i = 0; i < 100; ++i) nested = R"({"type":"Sequence","normalizers":[)" + nested + "]}";
  FromJson loaded("{\"normalizer\":" + nested + "," + std::string(kWordLevel));
  ASSERT_FALSE(loaded.tokenizer.ok());
  EXPECT_EQ(loaded.tokenizer.error().code, Code::kBadModel);
  FromJson deep("{\"x\":" + std::string(100'000, '[') + "}");
  EXPECT_FALSE(deep.tokenizer.ok());
}

TEST(Components, RefuseBrokenModels) {
  for (const char* model : {
           R"({"type":"WordPiece","vocab":{"a":-1},"unk_token":"a"})",
           R"({"type":"WordPiece","vocab":{"a":99999999999},"unk_token":"a"})",
           R"({"type":"WordPiece","vocab":{"a":1e9},"unk_token":"a"})",
           R"({"type":"WordPiece","vocab":{"a":0},"unk_token":"b"})",
           R"({"type":"WordPiece","vocab":{"a":0}})",
           R"({"type":"WordPiece","unk_token":"a"})",
           R"({"type":"Unigram","vocab":[["a",0.0]],"unk_id":1})",
           R"({"type":"Unigram","vocab":[["a",0.0]],"unk_id":-1})",
           R"({"type":"Unigram","vocab":[["a"]],"unk_id":0})",
           R"({"type":"Unigram","vocab":[["a",0.0,1]],"unk_id":0})",
           R"({"type":"Unigram","vocab":[],"unk_id":0})",
           R"({"type":"Unigram","vocab":{"a":0},"unk_id":0})",
           R"({"type":"BPE","vocab":{"a":0},"merges":[["a","b"]]})",
           R"({"type":"BPE","vocab":{"a":0,"b":1},"merges":[["a","b"]]})",
           R"({"type":"BPE","vocab":{"a":0,"b":1},"merges":["a b c"]})",
           R"({"type":"BPE","vocab":{"a":0,"b":1},"merges":[1]})",
           R"({"type":"BPE","vocab":{"a":0,"b":1}})",
           R"({"type":"BPE","vocab":{"a":0},"merges":[],"unk_token":"u"})",
           R"([])",
           R"({"type":3})",
       }) {
    FromJson loaded(fmt::format(R"({{"model":{}}})", model));
    ASSERT_FALSE(loaded.tokenizer.ok()) << model;
    EXPECT_EQ(loaded.tokenizer.error().code, Code::kBadModel) << loaded.tokenizer.error().message;
  }
}

TEST(Components, RefuseInvalidUtf8) {
  FromJson loaded("{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"\xFF\":0}}}");
  EXPECT_FALSE(loaded.tokenizer.ok());
}

TEST(Components, SurviveTruncatedFiles) {
  for (const char* kind : {"deberta_v3_legacy", "roberta", "wordpiece_small_uncased"}) {
    const std::string whole = ReadFile(GoldenTokenizers() / kind / "tokenizer.json");
    for (size_t part = 0; part < 60; ++part) {
      FromJson loaded(std::string_view(whole).substr(0, whole.size() * part / 60));
      ASSERT_FALSE(loaded.tokenizer.ok()) << kind << " " << part;
      EXPECT_EQ(loaded.budget.in_use(), 0u);
    }
  }
}

TEST(Components, SurviveFlippedBytes) {
  const std::string whole = ReadFile(GoldenTokenizers() / "deberta_v3_legacy" / "tokenizer.json");
  uint64_t state = 7;
  for (int round = 0; round < 400; ++round) {
    std::string broken = whole;
    for (int i = 0; i < 8; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      broken[(state >> 20) % (round % 2 == 0 ? whole.size() : 6000)] =
          "0123456789ABCxyz+/=\"[]{}"[(state >> 50) % 24];
    }
    FromJson loaded(broken);
    if (loaded.tokenizer.ok()) Encode(**loaded.tokenizer, "\xEF\xBC\xA1 a\xCC\x81 \xE2\x91\xA0 x");
  }
}

TEST(PrecompiledMapFile, RefusesOffsetsOutside) {
  const auto map = [](std::vector<uint32_t> units, std::string replacements) {
    std::string blob;
    const auto append = [&](uint32_t value) {
      for (int i = 0; i < 4; ++i) blob.push_back(static_cast<char>(value >> (8 * i)));
    };
    append(static_cast<uint32_t>(units.size() * 4));
    for (const uint32_t unit : units) append(unit);
    return PrecompiledMap::Parse(blob + replacements, std::pmr::new_delete_resource());
  };
  EXPECT_FALSE(PrecompiledMap::Parse("", std::pmr::new_delete_resource()).ok());
  EXPECT_FALSE(PrecompiledMap::Parse("\x08\0\0\0abcd", std::pmr::new_delete_resource()).ok());
  EXPECT_TRUE(map({0, 0}, std::string("x\0", 2)).ok());
  EXPECT_FALSE(map({0, 1u << 10 | 1u << 8, 0, 0}, "\xFF").ok());
  EXPECT_FALSE(map({1u << 10 | 1u << 8, 1u << 31 | 99}, std::string("x\0", 2)).ok());
}

TEST(Fallback, SpmModelGivesTheIdsOfItsTokenizerJson) {
  const std::filesystem::path golden =
      std::filesystem::path(WATERLINE_GOLDEN_DIR) / "tokenizers" / "fuzzed" / "us_pii_style";
  Directory spm;
  for (const char* name : {"spm.model", "tokenizer_config.json"}) {
    spm.Write(name, ReadFile(golden / name));
  }
  Budget budget(kPlenty);
  BudgetResource memory(budget, Use::kTokenizer);
  const auto wanted = Tokenizer::Load(golden, budget, &memory);
  const auto given = Tokenizer::Load(spm.path(), budget, &memory);
  ASSERT_TRUE(wanted.ok()) << wanted.error().message;
  ASSERT_TRUE(given.ok()) << given.error().message;
  EXPECT_EQ((*given)->size(), (*wanted)->size());
  EXPECT_THAT((*given)->prefix(), testing::ElementsAreArray((*wanted)->prefix()));
  EXPECT_THAT((*given)->suffix(), testing::ElementsAreArray((*wanted)->suffix()));
  EXPECT_EQ((*given)->TokenId("[MASK]"), (*wanted)->TokenId("[MASK]"));
  int words = 0;
  ForEachLine(GoldenTokenizers() / "deberta_v3" / "cases.jsonl",
              [&](const simdjson::dom::element& json) {
                if (std::string_view(json["kind"]) != "words") return;
                for (const std::string& word : Strings(json["words"])) {
                  EXPECT_EQ(Encode(**given, word), Encode(**wanted, word)) << word;
                  ++words;
                }
              });
  EXPECT_GT(words, 300);
}

TEST(Fallback, SurvivesBrokenSpmModels) {
  const std::string whole = ReadFile(GoldenTokenizers() / "fuzzed" / "us_pii_style" / "spm.model");
  ASSERT_FALSE(whole.empty());
  for (size_t size = 0; size < whole.size(); size += 7) {
    (void)ParseSentencePieceModel(std::string_view(whole).substr(0, size),
                                  std::pmr::new_delete_resource())
        .ok();
    std::string flipped = whole;
    flipped[size] = static_cast<char>(~flipped[size]);
    Directory directory;
    directory.Write("spm.model", flipped);
    Budget budget(kPlenty);
    BudgetResource memory(budget, Use::kTokenizer);
    const auto tokenizer = Tokenizer::Load(directory.path(), budget, &memory);
    if (tokenizer.ok()) Encode(**tokenizer, "a \xEF\xBC\xA1 \xE2\x91\xA0");
  }
}

TEST(Fallback, VocabTxtGivesTheIdsOfItsTokenizerJson) {
  for (const char* kind : {"bert_cased", "bert_uncased", "wordpiece_small_cased"}) {
    const std::filesystem::path golden = GoldenTokenizers() / kind;
    simdjson::dom::parser parser;
    const simdjson::dom::element json = parser.load((golden / "tokenizer.json").string());
    std::vector<std::string> lines;
    for (const auto& [token, id] : simdjson::dom::object(json["model"]["vocab"])) {
      const auto line = static_cast<size_t>(int64_t(id));
      if (lines.size() <= line) lines.resize(line + 1);
      lines[line] = token;
    }
    std::string vocabulary;
    for (const std::string& line : lines) vocabulary += line + "\n";
    Directory directory;
    directory.Write("vocab.txt", vocabulary);
    directory.Write("tokenizer_config.json", ReadFile(golden / "tokenizer_config.json"));
    Budget budget(kPlenty);
    BudgetResource memory(budget, Use::kTokenizer);
    const auto tokenizer = Tokenizer::Load(directory.path(), budget, &memory);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    ForEachLine(golden / "cases.jsonl", [&](const simdjson::dom::element& line) {
      if (std::string_view(line["kind"]) != "text") return;
      std::pmr::vector<int32_t> ids((*tokenizer)->prefix().begin(), (*tokenizer)->prefix().end());
      (*tokenizer)->EncodeText(std::string_view(line["text"]), ids);
      ids.insert(ids.end(), (*tokenizer)->suffix().begin(), (*tokenizer)->suffix().end());
      EXPECT_THAT(ids, testing::ElementsAreArray(Ids(line["ids"])));
    });
  }
}

}  // namespace
}  // namespace waterline
