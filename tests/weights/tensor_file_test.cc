// Opening weight files, and the tensors of the golden checkpoints.
// SPDX-License-Identifier: Apache-2.0
#include "weights/tensor_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "weights/files.h"

namespace waterline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Error ErrorOf(const std::filesystem::path& path) {
  const Result<TensorFile> file = TensorFile::Open(path);
  return file.ok() ? Error{Code::kInternal, "accepted"} : file.error();
}

// What torch and safetensors read from one golden checkpoint.
struct Facts {
  const char* model;
  size_t tensors;
  int64_t elements;
  double weighted_sum;  // Sum of (i + 1) * value i over all tensors in order of their names.
  Dtype type;           // One tensor: the middle one by name.
  const char* name;
  const char* shape;
  double sum;
};

constexpr Facts kFacts[] = {
    {"bb_bert", 55, 40308, 4631684.032382007, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.attention.self.value.bias", "[32]",
     2.3881781982490793},
    {"bb_bert_cased_relu", 71, 47932, 5146100.011244308, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.1.attention.output.LayerNorm.bias", "[32]",
     0.08986338472459465},
    {"bb_deberta_v2_abs", 55, 37428, 5211436.010634011, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.attention.self.query_proj.bias", "[32]",
     -0.9755930712562986},
    {"bb_deberta_v2_c2p", 54, 30196, 2428900.4962874167, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.attention.self.value_proj.bias", "[32]",
     -0.9915645862929523},
    {"bb_deberta_v2_conv", 74, 40860, 4567952.124050673, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.output.dense.bias", "[32]",
     0.9033239554846659},
    {"bb_deberta_v2_conv_groups", 58, 33364, 4080013.405766174, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.attention.self.query_proj.bias", "[32]",
     -1.010927602648735},
    {"bb_deberta_v2_embproj", 56, 35364, 5574434.2562327655, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.attention.self.query_proj.weight",
     "[32, 32]", 11.40676089617773},
    {"bb_deberta_v2_noshare", 60, 35380, 2238634.87332525, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.attention.self.value_proj.weight",
     "[32, 32]", 4.172867970177322},
    {"bb_deberta_v2_p2c", 54, 31732, 5112764.548540229, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.attention.self.value_proj.bias", "[32]",
     -1.3350410787388682},
    {"us_bf16_file", 48, 27352, 2665106.1935334206, Dtype::kBF16,
     "token_rep_layer.bert_layer.model.embeddings.LayerNorm.bias", "[32]", -0.208038330078125},
    {"us_bin_noindex", 48, 27352, 1640836.047203263, Dtype::kF32,
     "token_rep_layer.bert_layer.model.embeddings.LayerNorm.bias", "[32]", -0.9121774747036397},
    {"us_bin_old_config", 48, 41280, 7104154.573475043, Dtype::kF32,
     "token_rep_layer.bert_layer.model.embeddings.LayerNorm.bias", "[32]", 0.49536936703589163},
    {"us_embed_after_marker", 48, 27352, 1847031.5092948112, Dtype::kF32,
     "token_rep_layer.bert_layer.model.embeddings.LayerNorm.bias", "[32]", -0.4840651568956673},
    {"us_f16_bin", 48, 27352, 1663566.8023655415, Dtype::kF16,
     "token_rep_layer.bert_layer.model.embeddings.LayerNorm.bias", "[32]", 0.09763336181640625},
    {"us_f16_file", 48, 27352, 1352957.0426449776, Dtype::kF16,
     "token_rep_layer.bert_layer.model.embeddings.LayerNorm.bias", "[32]", 0.1265106201171875},
    {"us_marker", 60, 47824, 7075712.462190013, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.attention.output.dense.weight", "[32, 32]",
     0.7601742476108484},
    {"us_markerV0", 46, 59528, 8872877.810102794, Dtype::kF32,
     "span_rep_layer.span_rep_layer.project_start.3.weight", "[32, 128]", -0.7030267664522398},
    {"us_markerV0_proj", 64, 66056, 11457224.403085193, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.attention.output.dense.weight", "[48, 48]",
     -5.298389953067272},
    {"us_maxlen20", 48, 27352, 2475478.9411796574, Dtype::kF32,
     "token_rep_layer.bert_layer.model.embeddings.LayerNorm.bias", "[32]", 0.4652895424515009},
    {"us_pii_style", 64, 34304, 1462710.702259158, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.attention.output.dense.weight", "[32, 32]",
     -0.0006355272234941367},
    {"us_pool_max", 48, 27352, 1020894.541620859, Dtype::kF32,
     "token_rep_layer.bert_layer.model.embeddings.LayerNorm.bias", "[32]", 0.29234483938853373},
    {"us_pool_mean", 48, 27352, 2958838.5280660246, Dtype::kF32,
     "token_rep_layer.bert_layer.model.embeddings.LayerNorm.bias", "[32]", -0.8028622441925108},
    {"us_realbuckets", 64, 49696, -993476.7732280113, Dtype::kF32,
     "token_rep_layer.bert_layer.model.encoder.layer.0.attention.output.dense.weight", "[32, 32]",
     0.5990214090270456},
    {"us_rnn0_postfusion_ignored", 84, 30232, 2615652.0342186936, Dtype::kF32,
     "cross_fuser.layers.0.2.v_proj.bias", "[16]", -0.11953662591986358},
    {"us_rnn2_pool_last", 56, 29016, 2366720.3165308796, Dtype::kF32,
     "span_rep_layer.span_rep_layer.project_start.0.bias", "[64]", 1.1762298659887165},
    {"us_width1", 46, 22616, 2503814.149836065, Dtype::kF32,
     "token_rep_layer.bert_layer.model.embeddings.LayerNorm.weight", "[32]", 32.48691976070404},
};

std::filesystem::path WeightsOf(const std::string& model) {
  const std::filesystem::path directory =
      std::filesystem::path(WATERLINE_GOLDEN_DIR) / "models" / model / "checkpoint";
  const std::filesystem::path safetensors = directory / "model.safetensors";
  return std::filesystem::exists(safetensors) ? safetensors : directory / "pytorch_model.bin";
}

std::vector<float> ValuesOf(const TensorFile& file, const StoredTensor& tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  EXPECT_TRUE(file.ReadF32(tensor, 0, values).ok());
  return values;
}

TEST(TensorFile, ReadsTheGoldenCheckpointsAsTorchDoes) {
  for (const Facts& facts : kFacts) {
    SCOPED_TRACE(facts.model);
    const Result<TensorFile> file = TensorFile::Open(WeightsOf(facts.model));
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_EQ(file->tensors().size(), facts.tensors);
    EXPECT_TRUE(file->unreadable().empty());
    int64_t elements = 0;
    double weighted_sum = 0;
    for (const auto& [name, tensor] : file->tensors()) {
      for (const float value : ValuesOf(*file, tensor)) {
        weighted_sum += static_cast<double>(++elements) * static_cast<double>(value);
      }
    }
    EXPECT_EQ(elements, facts.elements);
    EXPECT_NEAR(weighted_sum, facts.weighted_sum, 1e-5);

    const StoredTensor* tensor = file->Find(facts.name);
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->type, facts.type);
    EXPECT_EQ(ShapeText(tensor->shape), facts.shape);
    double sum = 0;
    for (const float value : ValuesOf(*file, *tensor)) sum += static_cast<double>(value);
    EXPECT_NEAR(sum, facts.sum, 1e-10);
  }
}

TEST(TensorFile, KeepsItsTensorsWhenItMoves) {
  Result<TensorFile> file = TensorFile::Open(WeightsOf("us_markerV0"));
  ASSERT_TRUE(file.ok());
  const StoredTensor* before = file->Find("prompt_rep_layer.0.bias");
  const TensorFile moved = *std::move(file);
  EXPECT_EQ(moved.Find("prompt_rep_layer.0.bias"), before);
  EXPECT_EQ(ValuesOf(moved, *before).size(), static_cast<size_t>(before->elements()));
}

TEST(TensorFile, ReadsPartsOfATensorInItsTypeAndAsF32) {
  const TempDirectory directory;
  std::string halves;  // More than are widened at once.
  for (int i = 0; i < 40000; ++i) halves += Bytes(static_cast<uint16_t>(0x3c00 + i % 1024));
  const std::filesystem::path path = directory.Write(
      "m.safetensors",
      SafetensorsFile(R"({"a":{"dtype":"F16","shape":[40000],"data_offsets":[0,80000]}})", halves));
  const Result<TensorFile> file = TensorFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  const StoredTensor& tensor = **file->Require("a");
  std::vector<float> values(39000);
  ASSERT_TRUE(file->ReadF32(tensor, 1000, values).ok());
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i], 1.f + static_cast<float>((i + 1000) % 1024) / 1024.f);
  }
  std::string two(4, '\0');
  ASSERT_TRUE(file->Read(tensor, 5, std::as_writable_bytes(std::span(two))).ok());
  EXPECT_EQ(two, halves.substr(10, 4));
  std::filesystem::resize_file(path, 1000);
  const Result<void> cut = file->ReadF32(tensor, 0, values);
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code, Code::kIo);
}

TEST(TensorFile, SaysWhichTensorIsMissing) {
  const Result<TensorFile> file = TensorFile::Open(WeightsOf("us_markerV0"));
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->Require("prompt_rep_layer.0.bias").ok());
  const Result<const StoredTensor*> missing = file->Require("prompt_rep_layer.9.bias");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::kBadModel);
  EXPECT_THAT(missing.error().message,
              AllOf(HasSubstr("model.safetensors"), HasSubstr("prompt_rep_layer.9.bias")));
}

TEST(TensorFile, SaysWhyATensorOfAForeignTypeCannotBeRead) {
  const TempDirectory directory;
  const std::filesystem::path path = directory.Write(
      "model.safetensors",
      SafetensorsFile(R"({"q":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", "abcd"));
  const Result<TensorFile> file = TensorFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->Find("q"), nullptr);
  const Result<const StoredTensor*> refused = file->Require("q");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  EXPECT_THAT(refused.error().message, HasSubstr("F8_E4M3"));
}

TEST(TensorFile, CountsItsHeapBytesFromAbove) {
  const Result<TensorFile> file = TensorFile::Open(WeightsOf("us_markerV0"));
  ASSERT_TRUE(file.ok());
  size_t least = 0;
  for (const auto& [name, tensor] : file->tensors()) {
    least += name.size() + sizeof(tensor) + 8 * tensor.shape.size();
  }
  EXPECT_GT(file->heap_bytes(), least);
  EXPECT_LT(file->heap_bytes(), 5 * least);
}

TEST(TensorFile, ReportsFilesThatCannotBeRead) {
  const TempDirectory directory;
  EXPECT_EQ(ErrorOf(directory.path() / "absent").code, Code::kNotFound);
  EXPECT_EQ(ErrorOf(directory.path()).code, Code::kIo);
  const Error empty = ErrorOf(directory.Write("empty", ""));
  EXPECT_EQ(empty.code, Code::kBadModel);
  EXPECT_THAT(empty.message, HasSubstr("is empty"));
  const std::filesystem::path secret = directory.Write("secret", "x");
  ::chmod(secret.c_str(), 0);
  if (::access(secret.c_str(), R_OK) != 0) {  // Root reads everything.
    EXPECT_EQ(ErrorOf(secret).code, Code::kIo);
  }
}

TEST(TensorFile, RecognisesWhatItCannotRead) {
  const TempDirectory directory;
  const Error legacy = ErrorOf(directory.Write(
      "legacy.bin",
      std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02", 17)));
  EXPECT_EQ(legacy.code, Code::kUnsupported);
  EXPECT_THAT(legacy.message, AllOf(HasSubstr("before 1.6"), HasSubstr("torch.save")));
  const Error pointer = ErrorOf(directory.Write(
      "pointer.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"));
  EXPECT_EQ(pointer.code, Code::kBadModel);
  EXPECT_THAT(pointer.message, HasSubstr("git lfs pull"));
  EXPECT_EQ(ErrorOf(directory.Write("text", "just some text of no format")).code, Code::kBadModel);
}

TEST(ShapeText, ListsDimensions) {
  EXPECT_EQ(ShapeText({}), "[]");
  EXPECT_EQ(ShapeText({768, 3072}), "[768, 3072]");
}

}  // namespace
}  // namespace waterline
