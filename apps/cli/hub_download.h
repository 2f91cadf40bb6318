// Downloads a repository of the Hugging Face hub into the local cache, in the layout of
// huggingface_hub, so that Python tools share it: blobs by etag, snapshots/COMMIT with links to
// them, refs/REVISION. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "hub_transport.h"
#include "waterline/result.h"

namespace waterline::cli {

struct HubPlace {
  std::string endpoint;         // "https://huggingface.co"
  std::string token;            // "": none.
  std::filesystem::path cache;  // The directory with models--org--name.
};

// HF_ENDPOINT; HF_TOKEN, else the file HF_TOKEN_PATH, else HF_HOME/token
// (~/.cache/huggingface/token); the cache of ModelPlaces. Errors: kNotFound  no variable says where
// the cache is.
Result<HubPlace> HubPlaceFromEnvironment();

// A file of the hub's, while it comes: its name, bytes there are, bytes in all (0: not known).
using HubProgress = std::function<void(const std::string& file, uint64_t bytes, uint64_t total)>;

class HubDownload {
 public:
  HubDownload(HubTransport transport, HubPlace place, HubProgress progress)
      : transport_(std::move(transport)),
        place_(std::move(place)),
        progress_(std::move(progress)) {}

  // Brings the files of `id` at `revision` (a branch, tag or commit) that `wanted` chooses from the
  // names of all into the cache, and returns the snapshot. Files that are there are not asked for
  // again. A file is PATH.incomplete until all of it is there and its size and hash are right
  // (SHA-256 of large files, git's SHA-1 of others); a broken transfer goes on where it broke, also
  // in a later process. refs/REVISION is written when all files are there. Errors: kNotFound  no
  // such repository, revision or file. kInvalidArgument  the hub wants a token, or another one; a
  // reply that is not the hub's; a hash that is wrong twice. kIo  the network, the disk.
  Result<std::filesystem::path> Fetch(
      const std::string& id, const std::string& revision,
      const std::function<std::vector<std::string>(const std::vector<std::string>&)>& wanted);

 private:
  struct Metadata {
    std::string etag;
    uint64_t size = 0;
    bool has_size = false;
  };

  std::string UrlOf(const std::string& id, const std::string& commit,
                    const std::string& file) const;
  Result<Metadata> Ask(const std::string& id, const std::string& url, const std::string& file);
  Result<void> FetchFile(const std::string& id, const std::string& commit, const std::string& file,
                         const std::filesystem::path& repository);
  Result<void> FetchBlob(const std::string& url, const std::string& file, const Metadata& metadata,
                         const std::filesystem::path& blob);
  Result<void> Transfer(const std::string& url, const std::string& file, const Metadata& metadata,
                        int descriptor);
  Error Refused(const HttpReply& reply, const std::string& what) const;

  HubTransport transport_;
  HubPlace place_;
  HubProgress progress_;
};

}  // namespace waterline::cli
