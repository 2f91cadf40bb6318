// Where a checkpoint's files are: a directory, or a hub id in the local Hugging Face cache.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "waterline/result.h"

namespace waterline {

// The directory of `model`: itself when it is a directory; else the snapshot of a hub id such as
// "urchade/gliner_small-v2.1" (optionally "id@revision") in the local cache, as huggingface_hub lays
// it out: HF_HUB_CACHE, or HF_HOME/hub, or XDG_CACHE_HOME/huggingface/hub, or
// ~/.cache/huggingface/hub; models--org--name/refs/main names the commit, snapshots/<commit> holds
// the files.
// Errors: kNotFound  neither; names every place that was looked at, and the command that would fetch
//                    it (huggingface-cli download <id>).
Result<std::filesystem::path> LocateModel(const std::string& model);

// The directory of the model that ships with Waterline: WATERLINE_MODELS, next to the program
// (../share/waterline/models, ../models, ./models), or the installed data directory.
Result<std::filesystem::path> LocateDefaultModel();

// The files of one checkpoint directory.
struct CheckpointFiles {
  std::filesystem::path directory;
  std::filesystem::path weights;        // model.safetensors or pytorch_model.bin
  std::filesystem::path tokenizer;      // Directory with the tokenizer: this one or the backbone's.
  std::filesystem::path backbone;       // Backbone's directory; empty when none was found.
  bool own_tokenizer = true;            // False when it is the backbone's stock tokenizer.
};

// Finds weights and tokenizer for the checkpoint in `directory` whose config names `model_name` as
// its backbone. The directory's own tokenizer is used when it has tokenizer_config.json or any
// tokenizer file, else the backbone's: `model_name` as a path inside `directory`, as a path, or as a
// hub id.
// Errors: kNotFound  names the missing files and the command that would fetch them.
Result<CheckpointFiles> LocateFiles(const std::filesystem::path& directory,
                                    const std::string& model_name);

}  // namespace waterline
