// Finds snapshots in the cache of huggingface_hub.
// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/hub_cache.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <system_error>
#include <vector>

namespace waterline {

namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxIdBytes = 96;
constexpr size_t kMaxRevisionBytes = 256;

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsIdPart(std::string_view part) {
  const auto outer = [](char c) { return IsLetterOrDigit(c) || c == '_'; };
  return !part.empty() && outer(part.front()) && outer(part.back()) &&
         std::all_of(part.begin(), part.end(),
                     [&](char c) { return outer(c) || c == '-' || c == '.'; });
}

// A branch, tag or commit; it becomes part of a path, so it must not climb out of refs/.
bool IsRevision(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRevisionBytes && text.front() != '/' &&
         text.front() != '.' && text.find("..") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return IsLetterOrDigit(c) || c == '_' || c == '-' || c == '.' || c == '/' || c == '+';
         });
}

// The commit that refs/<revision> names, else the revision itself, which may be a commit.
std::string ResolveRevision(const fs::path& repository, const std::string& revision) {
  std::ifstream file(repository / "refs" / revision);
  std::string commit;
  return file >> commit ? commit : revision;
}

std::vector<std::string> NamesIn(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::optional<HubId> ParseHubId(std::string_view text) {
  HubId id;
  const size_t at = text.find('@');
  if (at != std::string_view::npos) {
    id.revision = text.substr(at + 1);
    id.has_revision = true;
    text = text.substr(0, at);
  }
  const size_t slash = text.find('/');
  const bool two = slash != std::string_view::npos;
  if (text.size() > kMaxIdBytes || text.find("--") != std::string_view::npos ||
      text.find("..") != std::string_view::npos || !IsRevision(id.revision) ||
      !IsIdPart(text.substr(0, slash)) || (two && !IsIdPart(text.substr(slash + 1)))) {
    return std::nullopt;
  }
  id.id = text;
  return id;
}

std::string FolderName(const std::string& id) {
  std::string folder = "models--";
  for (const char c : id) folder += c == '/' ? std::string("--") : std::string(1, c);
  return folder;
}

std::string FetchFilesRemedy(const HubId& id, std::string_view files) {
  return fmt::format("`huggingface-cli download {}{}{}{}{}`", id.id, files.empty() ? "" : " ",
                     files, id.has_revision ? " --revision " : "",
                     id.has_revision ? id.revision : "");
}

std::string FetchRemedy(const HubId& id) {
  return fmt::format("`waterline pull {}{}{}` (or {})", id.id, id.has_revision ? "@" : "",
                     id.has_revision ? id.revision : "", FetchFilesRemedy(id, ""));
}

Result<fs::path> LocateSnapshot(const HubId& id, const ModelPlaces& places,
                                const std::string& fetch) {
  const std::string remedy = fmt::format("fetch it with {}", fetch);
  if (places.hub_cache.empty()) {
    return Error{
        Code::kNotFound,
        fmt::format("there is no Hugging Face cache to look for {} in: none of HF_HUB_CACHE, "
                    "HF_HOME, XDG_CACHE_HOME and HOME is set",
                    id.id)};
  }
  std::error_code error;
  const fs::path repository = places.hub_cache / FolderName(id.id);
  if (!fs::is_directory(repository, error)) {
    return Error{Code::kNotFound,
                 fmt::format("{} is not in the Hugging Face cache: no directory {} (from {}); {}",
                             id.id, repository.string(), places.hub_cache_from, remedy)};
  }
  const std::string commit = ResolveRevision(repository, id.revision);
  const fs::path snapshot = repository / "snapshots" / commit;
  if (!IsRevision(commit) || !fs::is_directory(snapshot, error)) {
    const std::vector<std::string> refs = NamesIn(repository / "refs");
    const std::vector<std::string> commits = NamesIn(repository / "snapshots");
    return Error{
        Code::kNotFound,
        fmt::format("{} is in the Hugging Face cache {} without revision {}: {} has no directory "
                    "snapshots/{}, only the revisions [{}] and the commits [{}]; {}",
                    id.id, places.hub_cache.string(), id.revision, repository.string(), commit,
                    fmt::join(refs, ", "), fmt::join(commits, ", "), remedy)};
  }
  return snapshot;
}

}  // namespace waterline
