// Where a checkpoint's files are: a directory, or a hub id in the local Hugging Face cache.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "waterline/result.h"

namespace waterline {

// Where models are looked for.
struct ModelPlaces {
  // The value of an environment variable; nullopt when it is not set.
  using Variables = std::function<std::optional<std::string>(const char* name)>;

  // The Hugging Face cache, as huggingface_hub finds it: HF_HUB_CACHE, else HUGGINGFACE_HUB_CACHE,
  // else HF_HOME/hub, else XDG_CACHE_HOME/huggingface/hub, else HOME/.cache/huggingface/hub. Empty
  // when none of them is set. A leading ~ is HOME; an empty variable counts as not set.
  std::filesystem::path hub_cache;
  std::string hub_cache_from;  // The variable that decided, for messages.

  // Directories that may hold shipped models, best first: WATERLINE_MODELS,
  // ../share/waterline/models,
  // ../models and ./models from the program's directory, and WATERLINE_DATA_DIR/models of the
  // build.
  std::vector<std::filesystem::path> shipped;

  // The places for these variables and a program in `program_directory` (empty when not known).
  static ModelPlaces From(const Variables& variables,
                          const std::filesystem::path& program_directory);
  // The places of this process. Reads the environment; call it while no thread changes that.
  static ModelPlaces FromEnvironment();
};

// The directory of `model`: itself when it is a directory; else the snapshot of a hub id such as
// "urchade/gliner_small-v2.1" (optionally "id@revision": a branch, a tag or a full commit hash) in
// the local cache, as huggingface_hub lays it out: models--org--name/refs/main names the commit,
// snapshots/<commit> holds the files, as links to blobs.
// Errors: kInvalidArgument  empty, a file, or neither a path nor of the form of a hub id.
//         kNotFound         no such directory and no such snapshot, or a snapshot without
//                           gliner_config.json or weights, as an interrupted download leaves it;
//                           names every place that was looked at, every missing file, and the
//                           command that would fetch it (waterline pull <id>).
Result<std::filesystem::path> LocateModel(
    const std::string& model, const ModelPlaces& places = ModelPlaces::FromEnvironment());

// The directory of the model that ships with Waterline: the first of `places.shipped` with the
// subdirectory waterline-tiny-en.
// Errors: kNotFound  names every place that was looked at.
Result<std::filesystem::path> LocateDefaultModel(
    const ModelPlaces& places = ModelPlaces::FromEnvironment());

// The files of one checkpoint directory.
struct CheckpointFiles {
  std::filesystem::path directory;
  std::filesystem::path weights;    // model.safetensors or pytorch_model.bin
  std::filesystem::path tokenizer;  // Directory with the tokenizer: this one or the backbone's.
  std::filesystem::path backbone;   // Backbone's directory; empty when none was found.
  bool own_tokenizer = true;        // False when it is the backbone's stock tokenizer.
};

// model.safetensors or pytorch_model.bin of `directory`, the first that is there.
// Errors: kNotFound; kUnsupported  the weights are in shards (model.safetensors.index.json).
Result<std::filesystem::path> LocateWeights(const std::filesystem::path& directory);

// Finds weights and tokenizer for the checkpoint in `directory` whose config names `model_name` as
// its backbone. model.safetensors is preferred to pytorch_model.bin. The directory's own tokenizer
// is used when it has tokenizer_config.json, tokenizer.json, spm.model, spiece.model,
// sentencepiece.bpe.model or vocab.txt, else the backbone's: `model_name` as a path inside
// `directory`, as a path, or as a hub id.
// Errors: kNotFound     names the missing files, every place that was looked at, and the command
// that
//                       would fetch them. A missing backbone is no error while the tokenizer is
//                       here.
//         kUnsupported  the weights are in shards (model.safetensors.index.json).
Result<CheckpointFiles> LocateFiles(const std::filesystem::path& directory,
                                    const std::string& model_name,
                                    const ModelPlaces& places = ModelPlaces::FromEnvironment());

// The files of a bi-encoder's label encoder.
struct LabelEncoderFiles {
  std::filesystem::path tokenizer;  // Directory with its tokenizer.
  std::filesystem::path backbone;   // Its own directory; empty when none was found.
};

// Finds the tokenizer of the label encoder `name` for the checkpoint in `directory`:
// labels_tokenizer/ there, else that of `name`, as LocateFiles finds a backbone.
// Errors: kNotFound  names every place that was looked at, and the command that would fetch it.
Result<LabelEncoderFiles> LocateLabelEncoder(
    const std::filesystem::path& directory, const std::string& name,
    const ModelPlaces& places = ModelPlaces::FromEnvironment());

}  // namespace waterline
