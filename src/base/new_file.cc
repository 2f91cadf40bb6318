// SPDX-License-Identifier: Apache-2.0
#include "base/new_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace waterline {
namespace {

Error Failed(const std::filesystem::path& path, int error) {
  return {Code::kIo, fmt::format("cannot write {}: {}", path.string(), std::strerror(error))};
}

}  // namespace

Result<NewFile> NewFile::Make(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) return Failed(path, errno);
  return NewFile(path, descriptor);
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

NewFile& NewFile::operator=(NewFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

NewFile::~NewFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> NewFile::Write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(count));
    } else if (errno != EINTR) {
      return Failed(path_, errno);
    }
  }
  return {};
}

Result<void> NewFile::Close() {
  if (::fsync(descriptor_) != 0) return Failed(path_, errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) return Failed(path_, errno);
  return {};
}

}  // namespace waterline
