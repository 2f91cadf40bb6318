// SPDX-License-Identifier: Apache-2.0
#include "output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

namespace waterline::cli {
namespace {

// The permissions of a new file. Reading the mask means setting it; no other thread runs yet.
mode_t NewFileMode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

}  // namespace

Result<OutputFile> OutputFile::Open(const std::string& path) {
  if (path.empty() || path == "-") return OutputFile(STDOUT_FILENO, "standard output");
  struct stat status {};
  const bool exists = stat(path.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    OutputFile file(open(path.c_str(), O_WRONLY | O_CLOEXEC), path);
    if (file.descriptor_ < 0) return file.Failed(errno);
    return file;
  }

  OutputFile file(-1, path);
  if (exists) {
    if (access(path.c_str(), W_OK) != 0) return file.Failed(errno);
    std::error_code error;
    const std::filesystem::path target = std::filesystem::canonical(path, error);
    if (error) return file.Failed(error.value());
    file.name_ = target.string();
  }
  std::string partial = file.name_ + ".partial-XXXXXX";
  file.descriptor_ = mkostemp(partial.data(), O_CLOEXEC);
  if (file.descriptor_ < 0) return file.Failed(errno);
  file.partial_ = partial;
  const mode_t mode = exists ? status.st_mode & 07777 : NewFileMode();
  if (fchmod(file.descriptor_, mode) != 0) return file.Failed(errno);
  return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      name_(std::move(other.name_)),
      partial_(std::exchange(other.partial_, {})),
      reader_gone_(other.reader_gone_) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(name_, other.name_);
  std::swap(partial_, other.partial_);
  std::swap(reader_gone_, other.reader_gone_);
  return *this;
}

OutputFile::~OutputFile() {
  if (descriptor_ > STDOUT_FILENO) close(descriptor_);
  if (!partial_.empty()) unlink(partial_.c_str());
}

Error OutputFile::Failed(int error) const {
  return Error{Code::kIo, fmt::format("{}: cannot be written: {}", name_, std::strerror(error))};
}

Result<void> OutputFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      reader_gone_ = errno == EPIPE;
      return Failed(errno);
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return {};
}

Result<void> OutputFile::Commit() {
  if (!partial_.empty()) {
    if (fsync(descriptor_) != 0) return Failed(errno);
    if (rename(partial_.c_str(), name_.c_str()) != 0) return Failed(errno);
    partial_.clear();
  }
  // Some file systems tell only now that the disk is full.
  if (close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) return Failed(errno);
  return {};
}

}  // namespace waterline::cli
