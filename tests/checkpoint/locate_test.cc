// Finding checkpoints: directories, the Hugging Face cache, the shipped model, tokenizers.
// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/locate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>

#include "weights/temp_directory.h"

namespace waterline {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

constexpr const char* kCommit = "abcdef0123456789abcdef0123456789abcdef01";
constexpr const char* kRepository = "models--urchade--gliner_small-v2.1";

ModelPlaces PlacesOf(const std::map<std::string, std::string>& variables,
                     const fs::path& program = fs::path()) {
  return ModelPlaces::From(
      [&](const char* name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        if (found == variables.end()) return std::nullopt;
        return found->second;
      },
      program);
}

// A cache with one repository whose snapshot holds links to blobs, as huggingface_hub makes it.
class HubCache {
 public:
  HubCache() {
    directory_.Write(fs::path(kRepository) / "refs/main", kCommit);
    fs::create_directories(snapshot());
    Add("gliner_config.json", "{}");
  }

  void Add(const std::string& name, const std::string& content) const {
    directory_.Write(fs::path(kRepository) / "blobs" / ("blob-of-" + name), content);
    fs::create_symlink("../../blobs/blob-of-" + name, snapshot() / name);
  }

  fs::path snapshot() const { return directory_.path() / kRepository / "snapshots" / kCommit; }
  fs::path path() const { return directory_.path(); }
  const TempDirectory& directory() const { return directory_; }

  ModelPlaces places() const {
    ModelPlaces places;
    places.hub_cache = directory_.path();
    places.hub_cache_from = "HF_HUB_CACHE";
    return places;
  }

 private:
  TempDirectory directory_;
};

Error ErrorOf(const Result<fs::path>& result) {
  return result.ok() ? Error{Code::kInternal, "found " + result->string()} : result.error();
}

TEST(ModelPlaces, FollowTheVariablesOfHuggingfaceHub) {
  std::map<std::string, std::string> variables = {{"HOME", "/home/me"}};
  EXPECT_EQ(PlacesOf(variables).hub_cache, "/home/me/.cache/huggingface/hub");
  variables["XDG_CACHE_HOME"] = "/cache";
  EXPECT_EQ(PlacesOf(variables).hub_cache, "/cache/huggingface/hub");
  variables["HF_HOME"] = "~/hf";
  EXPECT_EQ(PlacesOf(variables).hub_cache, "/home/me/hf/hub");
  variables["HUGGINGFACE_HUB_CACHE"] = "/old";
  EXPECT_EQ(PlacesOf(variables).hub_cache, "/old");
  variables["HF_HUB_CACHE"] = "/new";
  EXPECT_EQ(PlacesOf(variables).hub_cache, "/new");
  EXPECT_EQ(PlacesOf(variables).hub_cache_from, "HF_HUB_CACHE");
  variables["HF_HUB_CACHE"] = "";
  EXPECT_EQ(PlacesOf(variables).hub_cache, "/old");
  EXPECT_TRUE(PlacesOf({}).hub_cache.empty());
}

TEST(ModelPlaces, LookForShippedModelsAroundTheProgram) {
  EXPECT_THAT(PlacesOf({{"WATERLINE_MODELS", "/mine"}}, "/opt/waterline/bin").shipped,
              IsSupersetOf<fs::path>({"/mine", "/opt/waterline/share/waterline/models",
                                      "/opt/waterline/models", "/opt/waterline/bin/models"}));
  EXPECT_FALSE(ModelPlaces::FromEnvironment().shipped.empty());
}

TEST(LocateModel, TakesADirectoryAsItIs) {
  const TempDirectory directory;
  const Result<fs::path> found = LocateModel(directory.path().string(), ModelPlaces());
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(*found, directory.path());
}

TEST(LocateModel, FindsSnapshotsByBranchAndCommit) {
  const HubCache cache;
  cache.Add("model.safetensors", "x");
  for (const std::string& model :
       {std::string("urchade/gliner_small-v2.1"), std::string("urchade/gliner_small-v2.1@main"),
        std::string("urchade/gliner_small-v2.1@") + kCommit}) {
    const Result<fs::path> found = LocateModel(model, cache.places());
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_EQ(*found, cache.snapshot());
  }
}

TEST(LocateModel, ResolvesRevisionsWithSlashes) {
  const HubCache cache;
  cache.Add("pytorch_model.bin", "x");
  cache.directory().Write(fs::path(kRepository) / "refs/refs/pr/1", std::string(kCommit) + "\n");
  EXPECT_TRUE(LocateModel("urchade/gliner_small-v2.1@refs/pr/1", cache.places()).ok());
}

TEST(LocateModel, NamesPlacesAndCommandForWhatIsNotThere) {
  const HubCache cache;
  const Error error = ErrorOf(LocateModel("urchade/gliner_large-v2.1", cache.places()));
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("no directory urchade/gliner_large-v2.1"),
                    HasSubstr((cache.path() / "models--urchade--gliner_large-v2.1").string()),
                    HasSubstr("HF_HUB_CACHE"),
                    HasSubstr("fetch it with `waterline pull urchade/gliner_large-v2.1` (or "
                              "`huggingface-cli download urchade/gliner_large-v2.1`)")));
  EXPECT_THAT(ErrorOf(LocateModel("a/b", ModelPlaces())).message, HasSubstr("HF_HOME"));
}

TEST(LocateModel, NamesTheRevisionsThatAreThere) {
  const HubCache cache;
  const Error error = ErrorOf(LocateModel("urchade/gliner_small-v2.1@v9", cache.places()));
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("revision v9"), HasSubstr("[main]"), HasSubstr(kCommit),
                    HasSubstr("`waterline pull urchade/gliner_small-v2.1@v9`"),
                    HasSubstr("--revision v9`")));
}

TEST(LocateModel, NamesTheFilesThatASnapshotLacks) {
  const HubCache cache;
  const Error error = ErrorOf(LocateModel("urchade/gliner_small-v2.1", cache.places()));
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("lacks model.safetensors or pytorch_model.bin"),
                    HasSubstr("complete it with `waterline pull urchade/gliner_small-v2.1`"),
                    Not(HasSubstr("lacks gliner_config.json"))));
}

TEST(LocateModel, NamesLinksWhoseBlobIsGone) {
  const HubCache cache;
  fs::create_symlink("../../blobs/gone", cache.snapshot() / "model.safetensors");
  EXPECT_THAT(ErrorOf(LocateModel("urchade/gliner_small-v2.1", cache.places())).message,
              HasSubstr("model.safetensors (a link to ../../blobs/gone, which is not there)"));
}

TEST(LocateModel, RefusesWhatCanBeNeither) {
  for (const char* model : {"", "a/b/c", "a b", "-a/b", "a/b.", "a--b", "a/..b", "a/b@", "a/b@../x",
                            "a/b@/etc", "a/b@x@y", "@main"}) {
    EXPECT_EQ(ErrorOf(LocateModel(model, ModelPlaces())).code, Code::kInvalidArgument) << model;
  }
  EXPECT_EQ(ErrorOf(LocateModel("./absent", ModelPlaces())).code, Code::kNotFound);
  EXPECT_EQ(ErrorOf(LocateModel("/absent/model", ModelPlaces())).code, Code::kNotFound);
  const TempDirectory directory;
  const fs::path file = directory.Write("model.safetensors", "x");
  const Error error = ErrorOf(LocateModel(file.string(), ModelPlaces()));
  EXPECT_EQ(error.code, Code::kInvalidArgument);
  EXPECT_THAT(error.message, HasSubstr("gliner_config.json"));
}

TEST(LocateDefaultModel, TakesTheFirstPlaceThatHasIt) {
  const TempDirectory directory;
  directory.Write("second/waterline-tiny-en/gliner_config.json", "{}");
  ModelPlaces places;
  places.shipped = {directory.path() / "first", directory.path() / "second"};
  const Result<fs::path> found = LocateDefaultModel(places);
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_EQ(*found, directory.path() / "second/waterline-tiny-en");
  places.shipped.pop_back();
  const Error error = ErrorOf(LocateDefaultModel(places));
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("first/waterline-tiny-en"), HasSubstr("WATERLINE_MODELS")));
}

TEST(LocateFiles, PrefersSafetensorsAndTheOwnTokenizer) {
  const TempDirectory directory;
  directory.Write("pytorch_model.bin", "x");
  directory.Write("tokenizer_config.json", "{}");
  Result<CheckpointFiles> files = LocateFiles(directory.path(), "/dead/path", ModelPlaces());
  ASSERT_TRUE(files.ok()) << files.error().message;
  EXPECT_EQ(files->weights, directory.path() / "pytorch_model.bin");
  EXPECT_TRUE(files->own_tokenizer);
  EXPECT_EQ(files->tokenizer, directory.path());
  EXPECT_TRUE(files->backbone.empty());
  directory.Write("model.safetensors", "x");
  files = LocateFiles(directory.path(), "/dead/path", ModelPlaces());
  ASSERT_TRUE(files.ok());
  EXPECT_EQ(files->weights, directory.path() / "model.safetensors");
}

TEST(LocateFiles, KnowsEveryTokenizerFile) {
  for (const char* name :
       {"tokenizer.json", "spm.model", "spiece.model", "sentencepiece.bpe.model", "vocab.txt"}) {
    const TempDirectory directory;
    directory.Write("model.safetensors", "x");
    directory.Write(name, "x");
    const Result<CheckpointFiles> files = LocateFiles(directory.path(), "", ModelPlaces());
    EXPECT_TRUE(files.ok() && files->own_tokenizer) << name;
  }
}

TEST(LocateFiles, FindsTheBackboneInsideTheCheckpoint) {
  const fs::path checkpoint =
      fs::path(WATERLINE_GOLDEN_DIR) / "models" / "us_bin_old_config" / "checkpoint";
  const Result<CheckpointFiles> files = LocateFiles(checkpoint, "backbone", ModelPlaces());
  ASSERT_TRUE(files.ok()) << files.error().message;
  EXPECT_EQ(files->weights, checkpoint / "pytorch_model.bin");
  EXPECT_EQ(files->backbone, checkpoint / "backbone");
  EXPECT_EQ(files->tokenizer, checkpoint / "backbone");
  EXPECT_FALSE(files->own_tokenizer);
}

TEST(LocateFiles, FindsTheBackboneByPathAndInTheCache) {
  const TempDirectory directory, backbone;
  directory.Write("model.safetensors", "x");
  backbone.Write("spm.model", "x");
  const Result<CheckpointFiles> by_path =
      LocateFiles(directory.path(), backbone.path().string(), ModelPlaces());
  ASSERT_TRUE(by_path.ok()) << by_path.error().message;
  EXPECT_EQ(by_path->tokenizer, backbone.path());

  const HubCache cache;
  cache.Add("spm.model", "x");
  const Result<CheckpointFiles> by_id =
      LocateFiles(directory.path(), "urchade/gliner_small-v2.1", cache.places());
  ASSERT_TRUE(by_id.ok()) << by_id.error().message;
  EXPECT_EQ(by_id->tokenizer, cache.snapshot());
  EXPECT_FALSE(by_id->own_tokenizer);
}

TEST(LocateFiles, SaysHowToGetAMissingTokenizer) {
  const TempDirectory directory, cache;
  directory.Write("model.safetensors", "x");
  ModelPlaces places;
  places.hub_cache = cache.path();
  const Result<CheckpointFiles> stock =
      LocateFiles(directory.path(), "microsoft/deberta-v3-small", places);
  ASSERT_FALSE(stock.ok());
  EXPECT_EQ(stock.error().code, Code::kNotFound);
  EXPECT_THAT(stock.error().message,
              AllOf(HasSubstr(cache.path().string()),
                    HasSubstr("`huggingface-cli download microsoft/deberta-v3-small "
                              "tokenizer_config.json spm.model config.json`")));
  const Result<CheckpointFiles> dead = LocateFiles(directory.path(), "/dead/path/run-1", places);
  ASSERT_FALSE(dead.ok());
  EXPECT_THAT(dead.error().message, AllOf(HasSubstr("/dead/path/run-1"), HasSubstr("copy")));
}

TEST(LocateFiles, SaysThatABackboneHasNoTokenizer) {
  const TempDirectory directory;
  directory.Write("model.safetensors", "x");
  const HubCache cache;
  const Result<CheckpointFiles> files =
      LocateFiles(directory.path(), "urchade/gliner_small-v2.1", cache.places());
  ASSERT_FALSE(files.ok());
  EXPECT_THAT(files.error().message, HasSubstr("none in " + cache.snapshot().string()));
}

TEST(LocateFiles, RefusesMissingAndShardedWeights) {
  const TempDirectory directory;
  directory.Write("tokenizer.json", "{}");
  Result<CheckpointFiles> files = LocateFiles(directory.path(), "", ModelPlaces());
  ASSERT_FALSE(files.ok());
  EXPECT_EQ(files.error().code, Code::kNotFound);
  EXPECT_THAT(files.error().message, HasSubstr("neither model.safetensors nor pytorch_model.bin"));
  directory.Write("model.safetensors.index.json", "{}");
  files = LocateFiles(directory.path(), "", ModelPlaces());
  ASSERT_FALSE(files.ok());
  EXPECT_EQ(files.error().code, Code::kUnsupported);
  EXPECT_THAT(files.error().message, HasSubstr("shards"));
}

}  // namespace
}  // namespace waterline
