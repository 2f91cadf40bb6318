// Bad checkpoints, texts and labels: a clear error that names the thing, and nothing else is lost.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "engine/random_texts.h"
#include "waterline/engine.h"
#include "weights/tensor_file.h"

namespace waterline {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kModels = fs::path(WATERLINE_GOLDEN_DIR) / "models";

// A copy of a golden checkpoint that a test may break.
class BrokenCheckpoint {
 public:
  explicit BrokenCheckpoint(const std::string& name) {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::path(testing::TempDir()) /
                 ("waterline_" + std::string(test->test_suite_name()) + "_" + test->name());
    fs::remove_all(directory_);
    fs::copy(kModels / name / "checkpoint", directory_, fs::copy_options::recursive);
    for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
      fs::permissions(entry, fs::perms::owner_all, fs::perm_options::add);
    }
  }
  ~BrokenCheckpoint() { fs::remove_all(directory_); }

  fs::path File(const std::string& name) const { return directory_ / name; }
  std::string path() const { return directory_.string(); }

  // Overwrites element `index` of the f32 tensor `name`.
  void SetElement(const std::string& name, size_t index, float value) {
    size_t at = 0;
    {
      const Result<TensorFile> file = TensorFile::Open(File("model.safetensors"));
      const StoredTensor* tensor = file->Find(name);
      at = tensor->offset + index * sizeof(float);
    }
    std::fstream file(File("model.safetensors"), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.write(reinterpret_cast<const char*>(&value), sizeof value);
  }

  void Replace(const std::string& name, const std::string& from, const std::string& to) {
    std::ifstream in(File(name));
    std::string text((std::istreambuf_iterator<char>(in)), {});
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    std::ofstream(File(name)) << text;
  }

 private:
  fs::path directory_;
};

Error MustFail(const std::string& model) {
  const Result<Engine> engine = Engine::Load(model);
  EXPECT_FALSE(engine.ok());
  return engine.ok() ? Error{Code::kInternal, "loaded"} : engine.error();
}

const float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr const char* kEncoder = "token_rep_layer.bert_layer.model.";

TEST(BadCheckpoint, NaNInAPackedWeightIsNamed) {
  BrokenCheckpoint checkpoint("us_markerV0");
  const std::string name = std::string(kEncoder) + "encoder.layer.0.output.dense.weight";
  checkpoint.SetElement(name, 17, kNaN);
  const Error error = MustFail(checkpoint.path());
  EXPECT_EQ(error.code, Code::kBadModel);
  EXPECT_THAT(error.message, HasSubstr(name));
  EXPECT_THAT(error.message, HasSubstr("nan"));
}

TEST(BadCheckpoint, ATableBelowAnotherPrefixIsCalledByItsOwnName) {
  BrokenCheckpoint checkpoint("us_realbuckets");
  const std::string name = std::string(kEncoder) + "encoder.rel_embeddings.weight";
  checkpoint.SetElement(name, 3, kNaN);
  const Error error = MustFail(checkpoint.path());
  EXPECT_EQ(error.code, Code::kBadModel);
  EXPECT_THAT(error.message, HasSubstr(": " + name + " holds nan"));
}

TEST(BadCheckpoint, NaNInAnEmbeddingRefusesTheTextsThatMeetIt) {
  BrokenCheckpoint checkpoint("us_markerV0");
  const Result<Engine> sound = Engine::Load(checkpoint.path());
  ASSERT_TRUE(sound.ok());
  // Row 100 is not a special token; which words hold it does not matter.
  for (size_t row = 20; row < 200; ++row) {
    checkpoint.SetElement(std::string(kEncoder) + "embeddings.word_embeddings.weight", row * 32,
                          kNaN);
  }
  const Result<Engine> engine = Engine::Load(checkpoint.path());
  ASSERT_TRUE(engine.ok()) << engine.error().message;
  const auto found =
      engine->Extract({"The two punchers went right after each other.", " "}, {{"number", {}}});
  ASSERT_TRUE(found.ok());
  ASSERT_TRUE((*found)[0].error);
  EXPECT_EQ((*found)[0].error->code, Code::kBadModel);
  EXPECT_THAT((*found)[0].error->message, HasSubstr("NaN"));
  EXPECT_FALSE((*found)[1].error);
}

TEST(BadCheckpoint, EveryMissingAndMisshapenTensorIsListed) {
  BrokenCheckpoint checkpoint("us_markerV0");
  // Same length, so that the header stays as long as it says.
  checkpoint.Replace("model.safetensors", "prompt_rep_layer.0.weight", "prompt_rep_layer.9.weight");
  checkpoint.Replace("model.safetensors", "encoder.layer.0.output.dense.bias",
                     "encoder.layer.0.output.dense.bios");
  checkpoint.Replace("gliner_config.json", "\"intermediate_size\": 40",
                     "\"intermediate_size\": 44");
  const Error error = MustFail(checkpoint.path());
  EXPECT_EQ(error.code, Code::kBadModel);
  EXPECT_THAT(error.message, HasSubstr("model.safetensors"));
  EXPECT_THAT(error.message, HasSubstr("prompt_rep_layer.0.weight is missing"));
  EXPECT_THAT(error.message, HasSubstr("encoder.layer.0.output.dense.bias is missing"));
  EXPECT_THAT(
      error.message,
      HasSubstr("encoder.layer.0.intermediate.dense.weight is [40, 32], expected [44, 32]"));
}

TEST(BadCheckpoint, SpanModesThatCannotBeAreNamed) {
  BrokenCheckpoint checkpoint("us_conv_conv");
  checkpoint.Replace("gliner_config.json", "\"max_width\": 6", "\"max_width\": 257");
  Error error = MustFail(checkpoint.path());
  EXPECT_EQ(error.code, Code::kUnsupported);
  EXPECT_THAT(error.message, HasSubstr("max_width 257 with span_mode \"conv_conv\""));
  EXPECT_THAT(error.message, HasSubstr("up to 256"));
  // Another mode than the tensors are for.
  checkpoint.Replace("gliner_config.json", "\"max_width\": 257", "\"max_width\": 6");
  checkpoint.Replace("gliner_config.json", "\"span_mode\": \"conv_conv\"",
                     "\"span_mode\": \"query\"");
  error = MustFail(checkpoint.path());
  EXPECT_EQ(error.code, Code::kBadModel);
  EXPECT_THAT(error.message, HasSubstr("span_rep_layer.span_rep_layer.query_seg is missing"));
  checkpoint.Replace("gliner_config.json", "\"span_mode\": \"query\"", "\"span_mode\": \"quest\"");
  error = MustFail(checkpoint.path());
  EXPECT_EQ(error.code, Code::kBadModel);
  EXPECT_THAT(error.message, HasSubstr("span_mode is \"quest\", but must be one of marker"));
}

TEST(BadCheckpoint, AnOddBidirectionalSpanEncoderIsRefused) {
  BrokenCheckpoint checkpoint("us_spanenc_rnn");
  checkpoint.Replace("gliner_config.json", "\"hidden_size\": 24", "\"hidden_size\": 25");
  const Error error = MustFail(checkpoint.path());
  EXPECT_EQ(error.code, Code::kBadModel);
  EXPECT_THAT(error.message, HasSubstr("span_encoder_config.hidden_size 25 is odd"));
}

TEST(BadCheckpoint, ATruncatedFileIsRefused) {
  BrokenCheckpoint checkpoint("us_markerV0");
  const auto size = fs::file_size(checkpoint.File("model.safetensors"));
  for (const auto length : {size - 1, size / 2, uintmax_t{100}, uintmax_t{7}, uintmax_t{0}}) {
    fs::resize_file(checkpoint.File("model.safetensors"), length);
    const Error error = MustFail(checkpoint.path());
    EXPECT_EQ(error.code, Code::kBadModel) << length;
    EXPECT_THAT(error.message, HasSubstr("model.safetensors"));
  }
}

TEST(BadCheckpoint, MissingFilesAreNamed) {
  BrokenCheckpoint checkpoint("us_markerV0");
  fs::remove(checkpoint.File("model.safetensors"));
  EXPECT_THAT(MustFail(checkpoint.path()).message, HasSubstr("model.safetensors"));
  fs::remove(checkpoint.File("gliner_config.json"));
  EXPECT_THAT(MustFail(checkpoint.path()).message, HasSubstr("gliner_config.json"));
  const Error nowhere = MustFail("nobody/no-such-model");
  EXPECT_EQ(nowhere.code, Code::kNotFound);
  EXPECT_THAT(nowhere.message, HasSubstr("`waterline pull nobody/no-such-model`"));
}

TEST(BadCheckpoint, WhatIsNotSupportedIsNamedWithWhatIs) {
  BrokenCheckpoint checkpoint("us_markerV0");
  checkpoint.Replace("gliner_config.json", "\"markerV0\"", "\"markerV9\"");
  const Error mode = MustFail(checkpoint.path());
  EXPECT_EQ(mode.code, Code::kBadModel);
  EXPECT_THAT(mode.message, HasSubstr("span_mode is \"markerV9\""));
  EXPECT_THAT(mode.message, HasSubstr("markerV0"));

  BrokenCheckpoint generating("us_markerV0");
  generating.Replace("gliner_config.json", "\"span_mode\"",
                     "\"labels_decoder\": \"gpt2\", \"span_mode\"");
  const Error decoder = MustFail(generating.path());
  EXPECT_EQ(decoder.code, Code::kUnsupported);
  EXPECT_THAT(decoder.message, HasSubstr("labels_decoder"));
  EXPECT_THAT(decoder.message, HasSubstr("label decoder"));
}

TEST(BadCheckpoint, AConfigThatContradictsTheTokenizerIsRefused) {
  BrokenCheckpoint checkpoint("us_markerV0");
  checkpoint.Replace("gliner_config.json", "\"class_token_index\": 232",
                     "\"class_token_index\": 231");
  const Error error = MustFail(checkpoint.path());
  EXPECT_EQ(error.code, Code::kBadModel);
  EXPECT_THAT(error.message, HasSubstr("class_token_index is 231"));
  EXPECT_THAT(error.message, HasSubstr("232"));
}

TEST(BadCheckpoint, SizesThatCannotBeAreRefused) {
  for (const char* huge : {"2305843009213693952", "70000"}) {
    BrokenCheckpoint checkpoint("us_markerV0");
    checkpoint.Replace("gliner_config.json", "\"max_width\": ",
                       "\"max_width\": " + std::string(huge) + ", \"was_width\": ");
    const Error error = MustFail(checkpoint.path());
    EXPECT_EQ(error.code, Code::kBadModel);
    EXPECT_THAT(error.message, HasSubstr("max_width"));
    EXPECT_THAT(error.message, HasSubstr("65536"));
  }
}

TEST(BadCheckpoint, AVocabularyThatIsNotTheEmbeddingsIsRefused) {
  BrokenCheckpoint checkpoint("bb_bert");
  checkpoint.Replace("gliner_config.json", "\"vocab_size\": 293", "\"vocab_size\": 292");
  const Error misshapen = MustFail(checkpoint.path());
  EXPECT_THAT(misshapen.message, HasSubstr("expected [292, 32]"));
}

class BadText : public testing::Test {
 protected:
  const Engine engine_ = *Engine::Load((kModels / "us_markerV0" / "checkpoint").string(),
                                       {.memory_budget = size_t{64} << 20, .threads = 2});
};

TEST_F(BadText, InvalidUtf8RefusesThatTextAlone) {
  const auto found = engine_.Extract({"fine", "bro\xc3ken", "fine too"}, {{"person", {}}});
  ASSERT_TRUE(found.ok());
  EXPECT_FALSE((*found)[0].error);
  EXPECT_FALSE((*found)[2].error);
  ASSERT_TRUE((*found)[1].error);
  EXPECT_EQ((*found)[1].error->code, Code::kInvalidArgument);
  EXPECT_THAT((*found)[1].error->message, HasSubstr("byte 3"));
}

TEST_F(BadText, LabelsAreChecked) {
  const auto none = engine_.Extract({"text"}, {});
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message, HasSubstr("no labels"));
  const auto marker = engine_.Extract({"text"}, {{"person", {}}, {"a <<ENT>> b", {}}});
  ASSERT_FALSE(marker.ok());
  EXPECT_THAT(marker.error().message, HasSubstr("a <<ENT>> b"));
  const auto utf8 = engine_.Extract({"text"}, {{"person", {}}, {"\xff", {}}});
  ASSERT_FALSE(utf8.ok());
  EXPECT_THAT(utf8.error().message, HasSubstr("label 2"));
  const auto same = engine_.Extract({"text"}, {{"a", "one"}, {"b", "one"}});
  ASSERT_FALSE(same.ok());
  EXPECT_THAT(same.error().message, HasSubstr("\"a\" and \"b\""));
  const auto empty = engine_.Extract({"text"}, {{"", {}}, {"person", {}}});
  EXPECT_TRUE(empty.ok());
  const auto nan = engine_.Extract({"text"}, {{"person", {}}}, {.threshold = kNaN});
  EXPECT_FALSE(nan.ok());
}

TEST_F(BadText, SettingsOfADocumentRefuseItAlone) {
  const std::vector<Label> marker = {{"a <<ENT>> b", {}}};
  const std::vector<Label> none;
  const Document documents[] = {{.text = "fine"},
                                {.text = "no number", .threshold = kNaN},
                                {.text = "bad label", .labels = &marker},
                                {.text = "no labels", .labels = &none}};
  const Label labels[] = {{"person", {}}};
  const auto found = engine_.Extract(std::span(documents), std::span(labels));
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_FALSE((*found)[0].error);
  EXPECT_TRUE((*found)[1].error);
  EXPECT_TRUE((*found)[2].error);
  EXPECT_FALSE((*found)[3].error);
  EXPECT_TRUE((*found)[3].entities.empty());
}

// What the refusal of a call or of its only text is about; kNone when nothing is refused.
Subject SubjectOf(const Engine& engine, const Document& document, std::vector<Label> labels,
                  const ExtractOptions& options = {}) {
  const auto found = engine.Extract(std::span(&document, 1), labels, options);
  if (!found.ok()) return found.error().subject;
  return (*found)[0].error ? (*found)[0].error->subject : Subject::kNone;
}

TEST_F(BadText, ErrorsSayWhatTheyAreAbout) {
  const std::string text = "Ada Lovelace lived in London.";
  const Document fine{.text = text};
  const std::vector<Label> labels = {{"person", {}}};
  EXPECT_EQ(SubjectOf(engine_, fine, labels), Subject::kNone);

  EXPECT_EQ(SubjectOf(engine_, {.text = "bro\xc3ken"}, labels), Subject::kText);
  const std::vector<TextSpan> words = {{0, 3}, {2, 5}};
  EXPECT_EQ(SubjectOf(engine_, {.text = text, .words = &words}, labels), Subject::kText);
  const std::string word(1 << 20, 'x');
  EXPECT_EQ(SubjectOf(engine_, {.text = word}, labels), Subject::kText);

  EXPECT_EQ(SubjectOf(engine_, fine, {}), Subject::kLabels);
  EXPECT_EQ(SubjectOf(engine_, fine, {{"\xff", {}}}), Subject::kLabels);
  EXPECT_EQ(SubjectOf(engine_, fine, {{"a <<ENT>> b", {}}}), Subject::kLabels);
  EXPECT_EQ(SubjectOf(engine_, fine, {{"a", "one"}, {"b", "one"}}), Subject::kLabels);
  EXPECT_EQ(SubjectOf(engine_, fine, {{"a", {}, kNaN}}), Subject::kLabels);
  const std::vector<Label> marker = {{"a <<ENT>> b", {}}};
  EXPECT_EQ(SubjectOf(engine_, {.text = text, .labels = &marker}, labels), Subject::kLabels);
  std::string long_label;
  for (int i = 0; i < 4000; ++i) long_label += "word ";
  EXPECT_EQ(SubjectOf(engine_, fine, {{long_label, {}}}), Subject::kLabels);

  EXPECT_EQ(SubjectOf(engine_, fine, labels, {.threshold = kNaN}), Subject::kThreshold);
  EXPECT_EQ(SubjectOf(engine_, fine, labels, {.relation_threshold = kNaN}), Subject::kThreshold);
  EXPECT_EQ(SubjectOf(engine_, {.text = text, .threshold = kNaN}, labels), Subject::kThreshold);

  const std::vector<std::string> relations = {"lives in"};
  EXPECT_EQ(SubjectOf(engine_, {.text = text, .relations = &relations}, labels), Subject::kModel);
  const auto vectors = engine_.EmbedLabels(labels);
  ASSERT_FALSE(vectors.ok());
  EXPECT_EQ(vectors.error().subject, Subject::kModel);

  // Neither of these.
  EXPECT_EQ(SubjectOf(engine_, fine, labels, {.labels_per_pass = -1}), Subject::kNone);
}

TEST(ErrorsSayWhatTheyAreAbout, OfOtherModels) {
  const auto load = [](const char* name) {
    return *Engine::Load((kModels / name / "checkpoint").string(), {.threads = 1});
  };
  const Document fine{.text = "Ada Lovelace lived in London."};
  const std::vector<Label> labels = {{"person", {}}};

  const Engine related = load("rs_dot");
  for (const char* bad : {"\xff", "a <<REL>> b"}) {
    const std::vector<std::string> relations = {"knows", bad};
    EXPECT_EQ(SubjectOf(related, {.text = fine.text, .relations = &relations}, labels),
              Subject::kRelations)
        << bad;
  }
  EXPECT_EQ(SubjectOf(load("us_precomputed"), fine, {{"of no such model", {}}}), Subject::kLabels);

  std::string long_label;
  for (int i = 0; i < 4000; ++i) long_label += "word ";
  const Engine encoding = load("bs_plain");
  EXPECT_EQ(SubjectOf(encoding, fine, {{long_label, {}}}), Subject::kLabels);
  const auto vectors = encoding.EmbedLabels(std::vector<Label>{{long_label, {}}});
  ASSERT_FALSE(vectors.ok());
  EXPECT_EQ(vectors.error().subject, Subject::kLabels);
}

TEST_F(BadText, ATextThatLacksMemoryIsTheSubject) {
  const std::string text(size_t{8} << 20, '!');
  const Document large{.text = text};
  const std::vector<Label> labels = {{"person", {}}};
  const auto found = engine_.Extract(std::span(&large, 1), labels);
  ASSERT_TRUE(found.ok()) << found.error().message;
  ASSERT_TRUE((*found)[0].error);
  EXPECT_EQ((*found)[0].error->code, Code::kOverBudget);
  EXPECT_EQ((*found)[0].error->subject, Subject::kText);
  const auto plan = engine_.Plan(std::span(&large, 1), labels);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  ASSERT_EQ(plan->refused.size(), 1u);
  EXPECT_EQ(plan->refused[0].error.subject, Subject::kText);
}

TEST_F(BadText, AMegabyteOfOneWordIsRefusedWithItsSize) {
  const std::string word(1 << 20, 'x');
  const std::string_view texts[] = {"before", word, "after"};
  const Label labels[] = {{"person", {}}};
  const auto found = engine_.Extract(std::span(texts), std::span(labels));
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_FALSE((*found)[0].error);
  EXPECT_FALSE((*found)[2].error);
  ASSERT_TRUE((*found)[1].error);
  EXPECT_THAT((*found)[1].error->message, HasSubstr(std::to_string(1 << 20)));
  EXPECT_EQ(engine_.Stats().staging_in_use, 0u);
}

TEST_F(BadText, ManyThousandWordsAreProcessedInWindows) {
  const std::string text(1 << 15, '!');
  const auto found = engine_.Extract({text}, {{"person", {}}}, {.threshold = 0.999999f});
  ASSERT_TRUE(found.ok());
  ASSERT_FALSE((*found)[0].error) << (*found)[0].error->message;
  EXPECT_EQ((*found)[0].words, 1 << 15);
  EXPECT_GT((*found)[0].windows, 80);
}

TEST_F(BadText, NothingAndBlanksHaveNoEntities) {
  const auto found = engine_.Extract({"", " \t\n", "\xc2\xa0"}, {{"person", {}}});
  ASSERT_TRUE(found.ok());
  for (const Extraction& e : *found) {
    EXPECT_FALSE(e.error);
    EXPECT_TRUE(e.entities.empty());
  }
  const auto no_texts =
      engine_.Extract(std::span<const std::string_view>(), std::vector<Label>{{"person", {}}});
  ASSERT_TRUE(no_texts.ok());
  EXPECT_TRUE(no_texts->empty());
}

TEST_F(BadText, ThresholdsOutsideTheUnitIntervalBehaveAsComparisons) {
  const std::string text = "The two punchers went right after each other.";
  const auto all = engine_.Extract({text}, {{"event", {}}}, {.threshold = -1.f, .nested = true});
  ASSERT_TRUE(all.ok());
  EXPECT_GT((*all)[0].entities.size(), 5u);
  const auto none = engine_.Extract({text}, {{"event", {}}}, {.threshold = 1.5f});
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE((*none)[0].entities.empty());
}

}  // namespace
}  // namespace waterline
