// Finds a checkpoint and the files it needs.
// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/locate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include "checkpoint/hub_cache.h"

namespace waterline {

namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "gliner_config.json";
constexpr const char* kSafetensors = "model.safetensors";
constexpr const char* kTorch = "pytorch_model.bin";
constexpr const char* kShardIndices[] = {"model.safetensors.index.json",
                                         "pytorch_model.bin.index.json"};
constexpr const char* kDefaultModel = "waterline-tiny-en";
constexpr const char* kTokenizerFiles[] = {
    "tokenizer_config.json", "tokenizer.json",          "spm.model",
    "spiece.model",          "sentencepiece.bpe.model", "vocab.txt"};

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

bool IsDirectory(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

bool HasTokenizer(const fs::path& directory) {
  for (const char* name : kTokenizerFiles) {
    if (IsFile(directory / name)) return true;
  }
  return false;
}

std::optional<fs::path> ShardIndex(const fs::path& directory) {
  for (const char* name : kShardIndices) {
    if (IsFile(directory / name)) return directory / name;
  }
  return std::nullopt;
}

// `name`, and where it points when it is a link to a blob that is gone.
std::string Missing(const fs::path& directory, const char* name) {
  std::error_code error;
  const fs::path target = fs::read_symlink(directory / name, error);
  if (error) return name;
  return fmt::format("{} (a link to {}, which is not there)", name, target.string());
}

// Names of the needed files that `directory` lacks.
std::vector<std::string> MissingFiles(const fs::path& directory) {
  std::vector<std::string> missing;
  if (!IsFile(directory / kConfig)) missing.push_back(Missing(directory, kConfig));
  if (!IsFile(directory / kSafetensors) && !IsFile(directory / kTorch) && !ShardIndex(directory)) {
    missing.push_back(
        fmt::format("{} or {}", Missing(directory, kSafetensors), Missing(directory, kTorch)));
  }
  return missing;
}

// "~/models" with the home directory in place of the tilde.
fs::path Expand(const std::string& path, const std::optional<std::string>& home) {
  if (!home.has_value() || path.empty() || path[0] != '~') return path;
  if (path.size() == 1) return *home;
  return path[1] == '/' ? fs::path(*home) / path.substr(2) : fs::path(path);
}

struct Backbone {
  fs::path directory;                  // Empty when there is none.
  std::vector<std::string> looked_at;  // Where it is not, in words.
  std::string remedy;
};

// Names of the tokenizer files that the hub has for a backbone.
std::string_view FilesToFetch(const std::string& id) {
  if (id.find("deberta-v3") != std::string::npos)
    return "tokenizer_config.json spm.model config.json";
  return "";
}

Backbone FindBackbone(const fs::path& directory, const std::string& model_name,
                      const ModelPlaces& places) {
  Backbone backbone;
  if (model_name.empty()) return backbone;
  for (const fs::path& path : {directory / model_name, fs::path(model_name)}) {
    if (IsDirectory(path)) {
      backbone.directory = path;
      backbone.remedy = "put the backbone's tokenizer files there";
      return backbone;
    }
    backbone.looked_at.push_back(fmt::format("no directory {}", path.string()));
    if (path == fs::path(model_name)) break;  // An absolute path.
  }
  const std::optional<HubId> id = ParseHubId(model_name);
  if (!id.has_value()) {
    backbone.remedy = "copy the backbone's tokenizer files beside the weights";
    return backbone;
  }
  const std::string fetch = FetchFilesRemedy(*id, FilesToFetch(id->id));
  backbone.remedy = fmt::format("fetch them with {}", fetch);
  const Result<fs::path> snapshot = LocateSnapshot(*id, places, fetch);
  if (snapshot.ok()) {
    backbone.directory = *snapshot;
  } else {
    backbone.looked_at.push_back(fmt::format(
        "no snapshot of {} in {}", id->id,
        places.hub_cache.empty() ? std::string("any cache") : places.hub_cache.string()));
  }
  return backbone;
}

bool LooksLikePath(const std::string& model) {
  return model[0] == '/' || model[0] == '.' || model[0] == '~' || model.back() == '/';
}

}  // namespace

ModelPlaces ModelPlaces::From(const Variables& variables, const fs::path& program_directory) {
  const auto variable = [&variables](const char* name) {
    std::optional<std::string> value = variables(name);
    return value.has_value() && value->empty() ? std::nullopt : value;
  };
  const std::optional<std::string> home = variable("HOME");
  ModelPlaces places;
  constexpr std::pair<const char*, const char*> kCaches[] = {{"HF_HUB_CACHE", ""},
                                                             {"HUGGINGFACE_HUB_CACHE", ""},
                                                             {"HF_HOME", "hub"},
                                                             {"XDG_CACHE_HOME", "huggingface/hub"},
                                                             {"HOME", ".cache/huggingface/hub"}};
  for (const auto& [name, below] : kCaches) {
    const std::optional<std::string> value = variable(name);
    if (!value.has_value()) continue;
    places.hub_cache = Expand(*value, home);
    if (below[0] != '\0') places.hub_cache /= below;
    places.hub_cache_from = name;
    break;
  }
  if (const std::optional<std::string> models = variable("WATERLINE_MODELS")) {
    places.shipped.push_back(Expand(*models, home));
  }
  if (!program_directory.empty()) {
    const fs::path prefix = program_directory.parent_path();
    places.shipped.push_back(prefix / "share/waterline/models");
    places.shipped.push_back(prefix / "models");
    places.shipped.push_back(program_directory / "models");
  }
#ifdef WATERLINE_DATA_DIR
  places.shipped.push_back(fs::path(WATERLINE_DATA_DIR) / "models");
#endif
  return places;
}

ModelPlaces ModelPlaces::FromEnvironment() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const auto variables = [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  return From(variables, error ? fs::path() : program.parent_path());
}

Result<fs::path> LocateModel(const std::string& model, const ModelPlaces& places) {
  if (model.empty()) {
    return Error{Code::kInvalidArgument,
                 "the model's name is empty; give a directory or a hub id such as "
                 "urchade/gliner_small-v2.1"};
  }
  if (IsDirectory(model)) return fs::path(model);
  if (Exists(model)) {
    return Error{Code::kInvalidArgument,
                 fmt::format("{} is not a directory; give the one that holds {}", model, kConfig)};
  }
  if (LooksLikePath(model)) {
    return Error{Code::kNotFound, fmt::format("there is no directory {}", model)};
  }
  const std::optional<HubId> id = ParseHubId(model);
  if (!id.has_value()) {
    return Error{Code::kInvalidArgument,
                 fmt::format("{} is neither a directory nor a hub id, which looks like "
                             "urchade/gliner_small-v2.1 or urchade/gliner_small-v2.1@main",
                             model)};
  }
  const std::string fetch = FetchRemedy(*id);
  const Result<fs::path> snapshot = LocateSnapshot(*id, places, fetch);
  if (!snapshot.ok()) {
    return Error{Code::kNotFound,
                 fmt::format("there is no directory {}, and {}", model, snapshot.error().message)};
  }
  const std::vector<std::string> missing = MissingFiles(*snapshot);
  if (!missing.empty()) {
    return Error{Code::kNotFound,
                 fmt::format("the snapshot {} of {} lacks {}; complete it with {}",
                             snapshot->string(), id->id, fmt::join(missing, " and "), fetch)};
  }
  return snapshot;
}

Result<fs::path> LocateDefaultModel(const ModelPlaces& places) {
  std::vector<std::string> looked_at;
  for (const fs::path& directory : places.shipped) {
    const fs::path model = directory / kDefaultModel;
    if (IsFile(model / kConfig)) return model.lexically_normal();
    looked_at.push_back(model.lexically_normal().string());
  }
  return Error{Code::kNotFound,
               fmt::format("the model {} that ships with Waterline is in none of [{}]; set "
                           "WATERLINE_MODELS to the directory that holds it, or name a model",
                           kDefaultModel, fmt::join(looked_at, ", "))};
}

Result<fs::path> LocateWeights(const fs::path& directory) {
  for (const char* name : {kSafetensors, kTorch}) {
    if (IsFile(directory / name)) return directory / name;
  }
  if (const std::optional<fs::path> index = ShardIndex(directory)) {
    return Error{
        Code::kUnsupported,
        fmt::format("the weights in {} are in shards ({}); Waterline reads one {} or {}, as "
                    "GLiNER itself does: save the model in one file",
                    directory.string(), index->filename().string(), kSafetensors, kTorch)};
  }
  return Error{Code::kNotFound,
               fmt::format("{} has neither {} nor {}", directory.string(),
                           Missing(directory, kSafetensors), Missing(directory, kTorch))};
}

Result<CheckpointFiles> LocateFiles(const fs::path& directory, const std::string& model_name,
                                    const ModelPlaces& places) {
  const Result<fs::path> weights = LocateWeights(directory);
  if (!weights.ok()) return weights.error();
  Backbone backbone = FindBackbone(directory, model_name, places);
  CheckpointFiles files;
  files.directory = directory;
  files.weights = *weights;
  files.backbone = backbone.directory;
  files.own_tokenizer = HasTokenizer(directory);
  files.tokenizer = files.own_tokenizer ? directory : backbone.directory;
  if (files.own_tokenizer || (!files.tokenizer.empty() && HasTokenizer(files.tokenizer)))
    return files;
  if (!backbone.directory.empty()) {
    backbone.looked_at.push_back(fmt::format("none in {}", backbone.directory.string()));
  }
  return Error{
      Code::kNotFound,
      fmt::format("{} has no tokenizer (none of {}), and neither has its backbone \"{}\": {}; {}",
                  directory.string(), fmt::join(kTokenizerFiles, ", "), model_name,
                  fmt::join(backbone.looked_at, ", "), backbone.remedy)};
}

Result<LabelEncoderFiles> LocateLabelEncoder(const fs::path& directory, const std::string& name,
                                             const ModelPlaces& places) {
  Backbone encoder = FindBackbone(directory, name, places);
  LabelEncoderFiles files;
  files.backbone = encoder.directory;
  for (const fs::path& at : {directory / "labels_tokenizer", encoder.directory}) {
    if (at.empty() || !HasTokenizer(at)) continue;
    files.tokenizer = at;
    return files;
  }
  if (!encoder.directory.empty()) {
    encoder.looked_at.push_back(fmt::format("none in {}", encoder.directory.string()));
  }
  return Error{
      Code::kNotFound,
      fmt::format(
          "{} has no tokenizer for labels (none of {} in labels_tokenizer), and neither has "
          "its label encoder \"{}\": {}; {}",
          directory.string(), fmt::join(kTokenizerFiles, ", "), name,
          fmt::join(encoder.looked_at, ", "), encoder.remedy)};
}

}  // namespace waterline
