// A LoRA adapter in a checkpoint is added to the weights that it changes.
// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <map>
#include <random>

#include "engine/models.h"
#include "weights/safetensors_writer.h"
#include "weights/tensor_file.h"

namespace waterline {
namespace {

namespace fs = std::filesystem;

const std::vector<Label> kLabels = {{"person"}, {"organization"}, {"location"}, {"date"}};
const std::vector<std::string> kTexts = {
    "Angela Merkel met Barack Obama in Berlin in 2013.",
    "Cristiano Ronaldo played for Manchester United, Real Madrid and Juventus.",
};

// A golden checkpoint whose backbone PEFT has wrapped: every map with "query", "value" or "dense"
// in its name became a base and an update, the sum of which is the original.
class AdapterTest : public testing::Test {
 protected:
  static constexpr int64_t kRank = 3;
  static constexpr double kAlpha = 5;

  AdapterTest() {
    fs::copy(GoldenModel("bb_bert"), directory_, fs::copy_options::recursive);
    fs::permissions(directory_, fs::perms::owner_all, fs::perm_options::add);
    fs::remove(directory_ / "model.safetensors");
  }
  ~AdapterTest() override { fs::remove_all(directory_); }

  void Wrap(double scale) {
    const Result<TensorFile> file =
        TensorFile::Open(fs::path(GoldenModel("bb_bert")) / "model.safetensors");
    ASSERT_TRUE(file.ok());
    const std::string prefix = "token_rep_layer.bert_layer.model.";
    std::vector<NewTensor> tensors;
    std::vector<std::vector<float>> values;
    const auto add = [&](const std::string& name, std::vector<int64_t> shape,
                         std::vector<float> numbers) {
      tensors.push_back({name, Dtype::kF32, std::move(shape)});
      values.push_back(std::move(numbers));
    };
    std::mt19937 generator(3);
    std::normal_distribution<float> normal(0, 0.3f);
    for (const auto& [name, tensor] : file->tensors()) {
      std::vector<float> numbers(static_cast<size_t>(tensor.elements()));
      ASSERT_TRUE(file->ReadF32(tensor, 0, numbers).ok());
      std::string wrapped = name;
      if (name.starts_with(prefix)) wrapped.insert(prefix.size(), "base_model.model.");
      const bool adapted = name.starts_with(prefix + "encoder") &&
                           (name.find("query") != name.npos || name.find("value") != name.npos ||
                            name.find("dense") != name.npos);
      if (!adapted) {
        add(wrapped, tensor.shape, numbers);
        continue;
      }
      const size_t dot = wrapped.rfind('.');
      const std::string stem = wrapped.substr(0, dot);
      if (name.ends_with("weight")) {
        const int64_t out = tensor.shape[0], in = tensor.shape[1];
        std::vector<float> a(static_cast<size_t>(kRank * in)), b(static_cast<size_t>(out * kRank));
        for (float& x : a) x = normal(generator);
        for (float& x : b) x = normal(generator);
        for (int64_t o = 0; o < out; ++o) {
          for (int64_t i = 0; i < in; ++i) {
            double sum = 0;
            for (int64_t r = 0; r < kRank; ++r) {
              sum += static_cast<double>(b[static_cast<size_t>(o * kRank + r)]) *
                     a[static_cast<size_t>(r * in + i)];
            }
            numbers[static_cast<size_t>(o * in + i)] -= static_cast<float>(scale * sum);
          }
        }
        add(stem + ".lora_A.default.weight", {kRank, in}, a);
        add(stem + ".lora_B.default.weight", {out, kRank}, b);
      }
      add(stem + ".base_layer" + wrapped.substr(dot), tensor.shape, numbers);
    }
    Result<SafetensorsWriter> writer =
        SafetensorsWriter::Make(directory_ / "model.safetensors", tensors, {});
    ASSERT_TRUE(writer.ok()) << writer.error().message;
    for (const std::vector<float>& numbers : values) {
      ASSERT_TRUE(writer->Write(std::as_bytes(std::span(numbers))).ok());
    }
    ASSERT_TRUE(writer->Close().ok());
  }
  void Configure(const std::string& json) {
    std::ofstream(directory_ / "adapter_config.json") << json;
  }
  void ExpectTheOriginal() {
    const ExtractOptions options{.threshold = 0.3f};
    const auto expected = MustExtract(MustLoad(GoldenModel("bb_bert")), kTexts, kLabels, options);
    const auto found = MustExtract(MustLoad(directory_), kTexts, kLabels, options);
    size_t entities = 0;
    for (size_t t = 0; t < kTexts.size(); ++t) {
      ASSERT_EQ(found[t].entities.size(), expected[t].entities.size());
      for (size_t i = 0; i < found[t].entities.size(); ++i, ++entities) {
        EXPECT_EQ(found[t].entities[i].start, expected[t].entities[i].start);
        EXPECT_EQ(found[t].entities[i].label, expected[t].entities[i].label);
        EXPECT_NEAR(found[t].entities[i].score, expected[t].entities[i].score, 2e-5);
      }
    }
    EXPECT_GT(entities, 0u);
  }

  fs::path directory_ =
      fs::temp_directory_path() / ("waterline-adapter-" + std::to_string(getpid()));
};

TEST_F(AdapterTest, IsAddedWithItsScale) {
  Wrap(kAlpha / kRank);
  Configure(R"({"peft_type":"LORA","r":3,"lora_alpha":5})");
  ExpectTheOriginal();
}

TEST_F(AdapterTest, IsAddedWithTheScaleOfRankStabilisedAdapters) {
  Wrap(kAlpha / std::sqrt(static_cast<double>(kRank)));
  Configure(R"({"peft_type":"LORA","r":3,"lora_alpha":5,"use_rslora":true,"rank_pattern":{}})");
  ExpectTheOriginal();
}

TEST_F(AdapterTest, NeedsItsConfig) {
  Wrap(1);
  const auto engine = Engine::Load(directory_);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.error().code, Code::kBadModel);
  EXPECT_THAT(engine.error().message, testing::HasSubstr("adapter_config.json"));
}

TEST_F(AdapterTest, RefusesOtherKinds) {
  Wrap(1);
  for (const char* json :
       {R"({"peft_type":"IA3"})", R"({"use_dora":true})", R"({"alpha_pattern":{"query":2}})"}) {
    Configure(json);
    const auto engine = Engine::Load(directory_);
    ASSERT_FALSE(engine.ok()) << json;
    EXPECT_EQ(engine.error().code, Code::kUnsupported) << json;
  }
}

}  // namespace
}  // namespace waterline
