// Packed checkpoints: the answers of the original, on disk whole or not at all, and refused where
// they are broken or asked for what they do not have.
// SPDX-License-Identifier: Apache-2.0
#include "waterline/pack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "engine/models.h"
#include "engine/random_texts.h"
#include "weights/safetensors_writer.h"
#include "weights/temp_directory.h"
#include "weights/tensor_file.h"

namespace waterline {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> NamesIn(const fs::path& directory) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    names.push_back(entry.path().filename());
  }
  return names;
}

PackReport MustPack(const std::string& model, const std::string& directory,
                    const PackOptions& options) {
  const Result<PackReport> report = Pack(model, directory, options);
  EXPECT_TRUE(report.ok()) << report.error().message;
  return report.ok() ? *report : PackReport{};
}

class PackTest : public testing::Test {
 protected:
  const TempDirectory scratch_;
  RandomTexts random_{77};
  std::vector<std::string> texts_ = {random_.Text(20), random_.Text(60), random_.Text(5),
                                     "Ada Lovelace was born in London in 1815."};
  std::vector<Label> labels_ = random_.Labels(3);

  std::string Place(const std::string& name) const { return scratch_.path() / name; }
  std::vector<Extraction> Answers(const std::string& model, const EngineOptions& options) {
    return MustExtract(MustLoad(model, options), texts_, labels_,
                       {.threshold = 0.02f, .vectors = true});
  }
  // The message with which loading fails; "" when it does not.
  static std::string Refusal(const std::string& model, Precision dtype = Precision::kDefault) {
    const Result<Engine> engine = Engine::Load(model, {.dtype = dtype});
    return engine.ok() ? "" : engine.error().message;
  }
};

// Every backbone and head, f16 and bf16 files, torch archives, a tokenizer and a config that lie
// with the backbone.
TEST_F(PackTest, HasTheAnswersOfTheOriginalBitForBit) {
  for (const std::string& model :
       {DefaultModel(), GoldenModel("us_markerV0_proj"), GoldenModel("us_marker"),
        GoldenModel("bb_deberta_v2_conv_groups"), GoldenModel("bb_deberta_v2_noshare"),
        GoldenModel("bb_deberta_v2_embproj"), GoldenModel("us_bf16_file"),
        GoldenModel("us_f16_bin"), GoldenModel("us_bin_old_config"),
        GoldenModel("us_rnn2_pool_last")}) {
    SCOPED_TRACE(model);
    for (const Precision dtype : {Precision::kInt8, Precision::kBf16}) {
      const std::string packed =
          Place(fs::path(model).parent_path().filename().string() + PrecisionName(dtype));
      MustPack(model, packed, {.dtype = dtype});
      for (const std::string isa : {"", "portable"}) {
        const std::vector<Extraction> expected = Answers(model, {.dtype = dtype, .isa = isa});
        EXPECT_TRUE(SameAnswers(Answers(packed, {.isa = isa}), expected));
        EXPECT_TRUE(SameAnswers(Answers(packed, {.dtype = dtype, .isa = isa}), expected));
        EXPECT_TRUE(
            SameAnswers(Answers(packed, {.dtype = Precision::kAuto, .isa = isa}), expected));
      }
      const Result<ModelReport> report = Inspect(packed);
      ASSERT_TRUE(report.ok()) << report.error().message;
      EXPECT_EQ(report->packed_as, PrecisionName(dtype));
      EXPECT_EQ(report->dtype, dtype);
      EXPECT_THAT(report->tensors_unused, testing::SizeIs(Inspect(model)->tensors_unused.size()));
      EXPECT_EQ(report->parameters, Inspect(model)->parameters);
    }
  }
}

TEST_F(PackTest, IsSmallerOnDiskAndTakesTheSameMemory) {
  const std::string model = GoldenModel("us_markerV0_proj");
  size_t last = Inspect(model)->file_bytes;
  for (const PackOptions& options :
       {PackOptions{.dtype = Precision::kBf16}, PackOptions{.dtype = Precision::kInt8},
        PackOptions{.dtype = Precision::kInt8, .embeddings = EmbeddingType::kBf16}}) {
    const std::string packed = Place(std::to_string(last));
    const PackReport report = MustPack(model, packed, options);
    EXPECT_LT(report.bytes, last);
    EXPECT_EQ(report.bytes, fs::file_size(fs::path(packed) / "model.safetensors"));
    EXPECT_GT(report.tensors_shortened, 10);
    last = report.bytes;
    const EngineStats as_packed = MustLoad(packed).Stats();
    const EngineStats original = MustLoad(model, {.dtype = options.dtype}).Stats();
    // But for the list of tensors, which has scales.
    EXPECT_NEAR(static_cast<double>(as_packed.weights), static_cast<double>(original.weights),
                40000);
  }
}

TEST_F(PackTest, RunsAsItIsPackedAlone) {
  const std::string model = GoldenModel("us_markerV0_proj");
  MustPack(model, Place("int8"), {.dtype = Precision::kInt8});
  MustPack(model, Place("bf16"), {.dtype = Precision::kBf16});
  for (const auto& [packed, dtype, words] :
       {std::tuple{"int8", Precision::kF32, "is packed as int8 and does not run as f32"},
        {"int8", Precision::kBf16, "is packed as int8 and does not run as bf16"},
        {"bf16", Precision::kF32, "is packed as bf16 and does not run as f32"},
        {"bf16", Precision::kInt8, "is packed as bf16 and does not run as int8"}}) {
    EXPECT_THAT(Refusal(Place(packed), dtype), HasSubstr(words));
    EXPECT_FALSE(Inspect(Place(packed), {.dtype = dtype}).ok());
  }
  const Result<PackReport> again = Pack(Place("int8"), Place("again"), {});
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Code::kInvalidArgument);
  EXPECT_THAT(again.error().message, HasSubstr("is packed already, as int8"));
}

TEST_F(PackTest, RefusesWhatItCannotWrite) {
  const std::string model = GoldenModel("us_markerV0_proj");
  for (const Precision dtype : {Precision::kF32, Precision::kAuto, Precision::kDefault}) {
    EXPECT_EQ(Pack(model, Place("f32"), {.dtype = dtype}).error().code, Code::kInvalidArgument);
  }
  EXPECT_EQ(Pack(Place("nothing"), Place("out")).error().code, Code::kNotFound);
  const Result<PackReport> nowhere = Pack(model, Place("no/such/place"));
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().code, Code::kIo);
  EXPECT_THAT(nowhere.error().message, HasSubstr("No such file or directory"));
  EXPECT_THAT(NamesIn(scratch_.path()), IsEmpty());
}

TEST_F(PackTest, NeverWritesOverAnything) {
  const std::string model = GoldenModel("us_markerV0_proj");
  const fs::path file = scratch_.Write("taken/mine.txt", "mine");
  fs::create_directory_symlink(Place("gone"), Place("link"));
  for (const std::string name : {"taken", "taken/", "taken/mine.txt", "link"}) {
    const Result<PackReport> packed = Pack(model, Place(name));
    ASSERT_FALSE(packed.ok());
    EXPECT_EQ(packed.error().code, Code::kInvalidArgument);
    EXPECT_THAT(packed.error().message, HasSubstr("is there already"));
  }
  EXPECT_EQ(ReadFile(file), "mine");
  EXPECT_THAT(NamesIn(scratch_.path()), testing::UnorderedElementsAre("taken", "link"));
}

// The system refuses to make files longer, as a full disk does, at several places.
TEST_F(PackTest, LeavesNothingWhenTheDiskIsFull) {
  const std::string model = GoldenModel("us_markerV0_proj");
  const auto old_action = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  for (const rlim_t limit : {0, 1000, 20000, 100000}) {
    rlimit low = old;
    low.rlim_cur = limit;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &low), 0);
    const Result<PackReport> packed = Pack(model, Place("packed"));
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
    ASSERT_FALSE(packed.ok()) << limit;
    EXPECT_EQ(packed.error().code, Code::kIo);
    EXPECT_THAT(packed.error().message, HasSubstr("cannot write"));
    EXPECT_THAT(NamesIn(scratch_.path()), IsEmpty());
  }
  std::signal(SIGXFSZ, old_action);
  EXPECT_TRUE(Pack(model, Place("packed")).ok());
}

// Writes the weights of a packed checkpoint again, each tensor as `change` leaves it; without it
// when that returns false.
template <typename Change>
void Rewrite(const fs::path& directory, const Change& change) {
  const fs::path path = directory / "model.safetensors";
  const TensorFile file = *TensorFile::Open(path);
  std::vector<NewTensor> tensors;
  std::string data;
  for (const auto& [name, tensor] : file.tensors()) {
    NewTensor header{name, tensor.type, tensor.shape};
    std::string bytes(tensor.bytes(), '\0');
    ASSERT_TRUE(file.Read(tensor, 0, std::as_writable_bytes(std::span(bytes))).ok());
    if (!change(header, bytes)) continue;
    tensors.push_back(header);
    data += bytes;
  }
  fs::remove(path);
  auto writer = SafetensorsWriter::Make(
      path, tensors, {{"waterline_packed_as", file.packed_as()}, {"format", "pt"}});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(writer->Write(std::as_bytes(std::span(data))).ok());
  ASSERT_TRUE(writer->Close().ok());
}

TEST_F(PackTest, TellsWhatIsBroken) {
  const std::string model = GoldenModel("us_markerV0_proj");
  const std::string name = "prompt_rep_layer.0.weight";
  const std::string scales = name + "_scale";
  const auto broken = [&](const auto& change) {
    fs::remove_all(Place("packed"));
    MustPack(model, Place("packed"), {.dtype = Precision::kInt8});
    Rewrite(Place("packed"), change);
    return Refusal(Place("packed"));
  };
  EXPECT_EQ(broken([](NewTensor&, std::string&) { return true; }), "");
  EXPECT_THAT(broken([&](NewTensor& t, std::string&) { return t.name != scales; }),
              HasSubstr(scales + " is missing, expected ["));
  EXPECT_THAT(broken([&](NewTensor& t, std::string&) { return t.name != name; }),
              HasSubstr(name + " is missing, expected ["));
  EXPECT_THAT(broken([&](NewTensor& t, std::string& bytes) {
                if (t.name == scales) {
                  t.shape = {t.shape[0] - 1};
                  bytes.resize(bytes.size() - 4);
                }
                return true;
              }),
              HasSubstr(scales + " is ["));
  EXPECT_THAT(broken([&](NewTensor& t, std::string&) {
                if (t.name == name) t.shape = {t.shape[1], t.shape[0]};
                return true;
              }),
              HasSubstr(name + " is ["));
  EXPECT_THAT(broken([&](NewTensor& t, std::string&) {
                if (t.name == name) t.type = Dtype::kU8;
                return true;
              }),
              HasSubstr(name + " has type u8, expected"));
  EXPECT_THAT(broken([&](NewTensor& t, std::string&) {
                if (t.name == scales) t.type = Dtype::kI32;
                return true;
              }),
              HasSubstr(scales + " has type i32, expected f32"));
  EXPECT_THAT(broken([&](NewTensor& t, std::string& bytes) {
                if (t.name == scales) bytes.replace(4, 4, std::string("\0\0\xc0\x7f", 4));
                return true;
              }),
              HasSubstr(scales + " holds nan, expected finite numbers from 0"));
  EXPECT_THAT(broken([&](NewTensor& t, std::string& bytes) {
                if (t.name == name) bytes.back() = '\x80';
                return true;
              }),
              HasSubstr(name + " holds -128, expected -127 to 127"));
}

TEST_F(PackTest, RefusesAPackThatItDoesNotKnow) {
  MustPack(GoldenModel("us_markerV0_proj"), Place("packed"), {.dtype = Precision::kInt8});
  const fs::path path = fs::path(Place("packed")) / "model.safetensors";
  std::string bytes = ReadFile(path);
  const size_t at = bytes.find("\"int8\"");
  ASSERT_NE(at, bytes.npos);
  bytes.replace(at, 6, "\"int3\"");
  scratch_.Write("packed/model.safetensors", bytes);
  EXPECT_THAT(Refusal(Place("packed")),
              HasSubstr("is packed as int3, which this version does not"));
}

TEST_F(PackTest, RefusesWeightsThatAreNotFinite) {
  fs::copy(GoldenModel("us_markerV0_proj"), Place("nan"), fs::copy_options::recursive);
  Rewrite(Place("nan"), [](NewTensor& t, std::string& bytes) {
    if (t.name == "prompt_rep_layer.0.weight") bytes.replace(8, 4, std::string("\0\0\x80\x7f", 4));
    return true;
  });
  const Result<PackReport> packed = Pack(Place("nan"), Place("packed"));
  ASSERT_FALSE(packed.ok());
  EXPECT_EQ(packed.error().code, Code::kBadModel);
  EXPECT_THAT(packed.error().message,
              HasSubstr("prompt_rep_layer.0.weight holds inf, expected finite numbers"));
  EXPECT_THAT(NamesIn(scratch_.path()), testing::ElementsAre("nan"));
}

}  // namespace
}  // namespace waterline
