// The local cache of huggingface_hub: ids, folders, revisions.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "checkpoint/locate.h"
#include "waterline/result.h"

namespace waterline {

// "org/name@revision" taken apart.
struct HubId {
  std::string id;  // "urchade/gliner_small-v2.1"
  std::string revision = "main";
  bool has_revision = false;  // It was given.
};

// nullopt when `text` has not the form of an id: one or two parts of at most 96 letters, digits,
// '-',
// '_' and '.', that neither begin nor end with '-' or '.' nor hold "--" or "..", as
// validate_repo_id of huggingface_hub says.
std::optional<HubId> ParseHubId(std::string_view text);

// The folder of a model in the cache: "models--urchade--gliner_small-v2.1".
std::string FolderName(const std::string& id);

// How a checkpoint is fetched, in words: "`waterline pull urchade/gliner_small-v2.1` (or
// `huggingface-cli download urchade/gliner_small-v2.1`)", with the revision if one was given. Users
// of the libraries may not have the program.
std::string FetchRemedy(const HubId& id);

// The same for `files` ("spm.model config.json"; "" is all) of a repository that is no checkpoint,
// which `waterline pull` does not fetch: "`huggingface-cli download ID FILES`".
std::string FetchFilesRemedy(const HubId& id, std::string_view files);

// The snapshot's directory. Files in it are not looked at.
// Errors: kNotFound  names the cache, what is there, and `fetch`, how it would be fetched.
Result<std::filesystem::path> LocateSnapshot(const HubId& id, const ModelPlaces& places,
                                             const std::string& fetch);

}  // namespace waterline
