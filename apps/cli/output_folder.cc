// SPDX-License-Identifier: Apache-2.0
#include "output_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
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

}  // namespace

// Makes the directory, unless it is there, and takes it for this process alone.
Result<void> OutputFolder::Lock() {
  // A process that was killed a moment ago may not be quite gone, and one that comes to its end
  // renames or removes what was opened here.
  for (int tries = 0; tries < 100; ++tries) {
    std::error_code error;
    fs::create_directory(partial_, error);
    if (error) return Failed(path_, error);
    lock_ = open(partial_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock_ >= 0 && flock(lock_, LOCK_EX | LOCK_NB) == 0) {
      struct stat here {};
      struct stat named {};
      if (fstat(lock_, &here) == 0 && stat(partial_.c_str(), &named) == 0 &&
          here.st_ino == named.st_ino && here.st_dev == named.st_dev) {
        return {};
      }
    } else if (errno != EWOULDBLOCK && errno != ENOENT) {
      return Failed(path_, std::error_code(errno, std::generic_category()));
    }
    if (lock_ >= 0) close(std::exchange(lock_, -1));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return Error{Code::kInvalidArgument,
               fmt::format("{}: another run is writing it (it holds {})", path_, partial_)};
}

Result<OutputFolder> OutputFolder::Open(const std::string& path, bool unfinished) {
  std::string name = path;
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  OutputFolder folder(std::move(name));
  folder.kept_ = true;  // Until it is known to be ours.
  std::error_code error;
  const bool folder_there = fs::is_directory(folder.path_, error);
  if (unfinished && folder_there && !fs::exists(folder.partial_, error)) {
    fs::rename(folder.path_, folder.partial_, error);
    if (error) return Failed(path, error);
  }
  if (const Result<void> locked = folder.Lock(); !locked.ok()) return locked.error();
  const bool exists = fs::exists(folder.path_, error);
  if (exists && (!fs::is_directory(folder.path_, error) || !fs::is_empty(folder.path_, error))) {
    fs::remove(folder.partial_, error);  // When it is empty.
    return Error{Code::kIo,
                 fmt::format("{}: is there already; the files come into a new directory", path)};
  }
  folder.kept_ = false;
  return folder;
}

Result<void> OutputFolder::Clear() {
  std::error_code error;
  for (fs::directory_iterator at(partial_, error), end; !error && at != end; at.increment(error)) {
    fs::remove_all(at->path(), error);
    if (error) break;
  }
  if (error) return Failed(path_, error);
  return {};
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
