// SPDX-License-Identifier: Apache-2.0
#include "output_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

namespace waterline::cli {
namespace {

namespace fs = std::filesystem;

Error Failed(const std::string& path, const std::error_code& error) {
  return {Code::kIo, fmt::format("{}: cannot be written: {}", path, error.message())};
}

std::error_code LastError() { return {errno, std::generic_category()}; }

// A process that was killed a moment ago may not be quite gone.
bool Lock(int directory) {
  for (int tries = 0; tries < 100; ++tries) {
    if (flock(directory, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

Result<OutputFolder> OutputFolder::Open(const std::string& path, bool unfinished) {
  std::string name = path;
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  std::error_code error;
  const bool exists = fs::exists(name, error);
  const bool back = exists && unfinished && fs::is_directory(name, error) &&
                    !fs::exists(name + ".partial", error);
  error.clear();
  if (exists && !back && (!fs::is_directory(name, error) || !fs::is_empty(name, error))) {
    return Error{Code::kIo,
                 fmt::format("{}: is there already; the files come into a new directory", path)};
  }
  OutputFolder folder(std::move(name));
  folder.kept_ = true;  // Until it is known to be ours.
  if (back) fs::rename(folder.path_, folder.partial_, error);
  if (error) return Failed(path, error);
  fs::create_directory(folder.partial_, error);
  if (error) return Failed(path, error);
  folder.lock_ = open(folder.partial_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder.lock_ < 0) return Failed(folder.partial_, LastError());
  if (!Lock(folder.lock_)) {
    return Error{Code::kInvalidArgument,
                 fmt::format("{}: another run is writing it (it holds {})", path, folder.partial_)};
  }
  folder.kept_ = false;
  return folder;
}

OutputFolder::OutputFolder(OutputFolder&& other) noexcept
    : path_(std::move(other.path_)),
      partial_(std::move(other.partial_)),
      lock_(std::exchange(other.lock_, -1)),
      kept_(std::exchange(other.kept_, true)) {}

OutputFolder::~OutputFolder() {
  std::error_code ignored;
  if (!kept_) fs::remove_all(partial_, ignored);
  if (lock_ >= 0) close(lock_);
}

Result<void> OutputFolder::Commit() {
  std::error_code error;
  fs::rename(partial_, path_, error);
  if (error) return Failed(path_, error);
  kept_ = true;
  return {};
}

}  // namespace waterline::cli
