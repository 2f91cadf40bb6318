// SPDX-License-Identifier: Apache-2.0
#include "byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "byte_size.h"

namespace waterline::cli {
namespace {

Error Failed(const std::string& path, int error) {
  const Code code = error == ENOENT || error == ENOTDIR ? Code::kNotFound : Code::kIo;
  return Error{code,
               fmt::format("{}: cannot be read: {}", DisplayName(path), std::strerror(error))};
}

}  // namespace

std::string DisplayName(const std::string& path) {
  return path == "-" ? std::string("standard input") : path;
}

Result<void> CheckReadable(const std::string& path) {
  struct stat status {};
  const bool standard = path == "-";
  const int found = standard ? fstat(STDIN_FILENO, &status) : stat(path.c_str(), &status);
  if (found != 0 || (!standard && access(path.c_str(), R_OK) != 0)) return Failed(path, errno);
  if (!S_ISDIR(status.st_mode)) return {};
  return Error{Code::kIo,
               fmt::format("{}: is a directory; name the files in it", DisplayName(path))};
}

Result<ByteSource> ByteSource::Open(const std::string& path) {
  if (Result<void> readable = CheckReadable(path); !readable.ok()) return readable.error();
  const int descriptor = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Failed(path, errno);
  return ByteSource(descriptor, path);
}

ByteSource::ByteSource(ByteSource&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

ByteSource& ByteSource::operator=(ByteSource&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

ByteSource::~ByteSource() {
  if (descriptor_ >= 0 && path_ != "-") close(descriptor_);
}

Result<size_t> ByteSource::Read(char* bytes, size_t size) {
  ssize_t count = 0;
  do {
    count = read(descriptor_, bytes, size);
    if (count < 0 && errno == EAGAIN) Ready(std::chrono::milliseconds(-1));
  } while (count < 0 && (errno == EINTR || errno == EAGAIN));
  if (count >= 0) return static_cast<size_t>(count);
  return Failed(path_, errno);
}

bool ByteSource::Ready(std::chrono::milliseconds patience) const {
  pollfd poll_for{descriptor_, POLLIN, 0};
  return poll(&poll_for, 1, static_cast<int>(patience.count())) != 0;
}

Result<std::string> ReadAll(const std::string& path, size_t max_bytes) {
  Result<ByteSource> source = ByteSource::Open(path);
  if (!source.ok()) return source.error();
  std::string all;
  char chunk[4096];
  while (true) {
    const Result<size_t> count = source->Read(chunk, sizeof(chunk));
    if (!count.ok()) return count.error();
    if (*count == 0) return all;
    all.append(chunk, *count);
    if (all.size() > max_bytes) {
      return Error{Code::kInvalidArgument, fmt::format("{}: holds more than {}", DisplayName(path),
                                                       FormatByteSize(max_bytes))};
    }
  }
}

}  // namespace waterline::cli
