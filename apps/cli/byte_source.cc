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
#include "interruption.h"

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
  return Error{Code::kIo, fmt::format("{}: is a directory; --recursive reads the files in it",
                                      DisplayName(path))};
}

Result<ByteSource> ByteSource::Open(const std::string& path) {
  if (Result<void> readable = CheckReadable(path); !readable.ok()) return readable.error();
  const int descriptor = path == "-" ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Failed(path, errno);
  return ByteSource(descriptor, path);
}

ByteSource::ByteSource(int descriptor, std::string path)
    : descriptor_(descriptor), path_(std::move(path)) {
  struct stat status {};
  regular_ = fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode);
  if (regular_) opened_ = Look();
}

ByteSource::Stamp ByteSource::Look() const {
  struct stat status {};
  if (fstat(descriptor_, &status) != 0) return {};
  return {status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

bool ByteSource::Changed() const { return regular_ && Look() != opened_; }

ByteSource::ByteSource(ByteSource&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      regular_(other.regular_),
      opened_(other.opened_),
      position_(other.position_) {}

ByteSource& ByteSource::operator=(ByteSource&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  std::swap(regular_, other.regular_);
  std::swap(opened_, other.opened_);
  std::swap(position_, other.position_);
  return *this;
}

ByteSource::~ByteSource() {
  if (descriptor_ >= 0 && path_ != "-") close(descriptor_);
}

Result<size_t> ByteSource::Read(char* bytes, size_t size) {
  while (true) {
    if (!regular_) {
      pollfd waits[] = {{descriptor_, POLLIN, 0}, {InterruptionDescriptor(), POLLIN, 0}};
      if (poll(waits, 2, -1) < 0 && errno != EINTR) return Failed(path_, errno);
      if (InterruptionSignal() != 0) {
        return Error{Code::kCancelled, DisplayName(path_) + ": the program was asked to stop"};
      }
      if (waits[0].revents == 0) continue;
    }
    const ssize_t count = read(descriptor_, bytes, size);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return Failed(path_, errno);
    position_ += static_cast<uint64_t>(count);
    return static_cast<size_t>(count);
  }
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
