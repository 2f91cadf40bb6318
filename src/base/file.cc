// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace waterline {

Result<File> File::Open(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    const Code code = errno == ENOENT || errno == ENOTDIR ? Code::kNotFound : Code::kIo;
    return Error{code, fmt::format("cannot open {}: {}", path.string(), std::strerror(errno))};
  }
  struct stat status;
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return Error{Code::kIo, fmt::format("cannot read {}: not a regular file", path.string())};
  }
  return File(path, descriptor, static_cast<uint64_t>(status.st_size));
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(std::exchange(other.size_, 0)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> File::ReadAt(uint64_t offset, std::span<std::byte> to) const {
  size_t done = 0;
  while (done < to.size()) {
    const ssize_t count =
        ::pread(descriptor_, to.data() + done, to.size() - done, static_cast<off_t>(offset + done));
    if (count > 0) {
      done += static_cast<size_t>(count);
    } else if (count == 0) {
      struct stat status = {};
      ::fstat(descriptor_, &status);
      return Error{Code::kIo,
                   fmt::format("{} has {} bytes, but is needed up to byte {}; it was cut "
                               "while it was open",
                               path_.string(), status.st_size, offset + to.size())};
    } else if (errno != EINTR) {
      return Error{Code::kIo, fmt::format("cannot read {} at byte {}: {}", path_.string(),
                                          offset + done, std::strerror(errno))};
    }
  }
  return {};
}

Result<std::pmr::string> File::ReadAll(std::pmr::memory_resource* memory) const {
  std::pmr::string text(size_, '\0', memory);
  const Result<void> read = ReadAt(0, std::as_writable_bytes(std::span(text)));
  if (!read.ok()) return read.error();
  return text;
}

}  // namespace waterline
