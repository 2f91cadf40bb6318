// SPDX-License-Identifier: Apache-2.0
#include "output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace waterline::cli {
namespace {

constexpr size_t kChunk = 1 << 16;

uint32_t Crc(uint32_t before, const char* bytes, size_t size) {
  return static_cast<uint32_t>(crc32_z(before, reinterpret_cast<const Bytef*>(bytes), size));
}

// The permissions of a new file. Reading the mask means setting it; no other thread runs yet.
mode_t NewFileMode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

}  // namespace

Result<OutputFile> OutputFile::Open(const std::string& path) { return OpenAs(path, false); }

Result<OutputFile> OutputFile::OpenResumable(const std::string& path) { return OpenAs(path, true); }

Result<OutputFile> OutputFile::OpenInPlace(const std::string& path) {
  OutputFile file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666), path);
  if (file.descriptor_ < 0) return file.Failed(errno);
  file.resumable_ = true;
  return file;
}

std::string OutputFile::PartialOf(const std::string& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::canonical(path, error);
  std::string name = error ? path : target.string();
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();  // A directory to be made.
  return name + ".partial";
}

Result<OutputFile> OutputFile::OpenAs(const std::string& path, bool resumable) {
  if (path.empty() || path == "-") return OutputFile(STDOUT_FILENO, "standard output");
  struct stat status {};
  const bool exists = stat(path.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    OutputFile file(open(path.c_str(), O_WRONLY | O_CLOEXEC), path);
    if (file.descriptor_ < 0) return file.Failed(errno);
    return file;
  }

  OutputFile file(-1, path);
  file.resumable_ = resumable;
  if (exists) {
    if (access(path.c_str(), W_OK) != 0) return file.Failed(errno);
    std::error_code error;
    const std::filesystem::path target = std::filesystem::canonical(path, error);
    if (error) return file.Failed(error.value());
    file.name_ = target.string();
  }
  if (Result<void> opened = file.OpenPartial(); !opened.ok()) return opened.error();
  const mode_t mode = exists ? status.st_mode & 07777 : NewFileMode();
  if (fchmod(file.descriptor_, mode) != 0) return file.Failed(errno);
  return file;
}

Result<void> OutputFile::OpenPartial() {
  if (!resumable_) {
    std::string partial = name_ + ".partial-XXXXXX";
    descriptor_ = mkostemp(partial.data(), O_CLOEXEC);
    if (descriptor_ < 0) return Failed(errno);
    partial_ = partial;
    return {};
  }
  const std::string partial = name_ + ".partial";
  descriptor_ = open(partial.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor_ < 0) return Failed(errno);
  // A process that was killed a moment ago may not be quite gone.
  int tries = 0;
  while (flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK && ++tries < 100) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (tries == 100) {
    return Error{Code::kInvalidArgument,
                 fmt::format("{}: another run is writing it (it holds {})", name_, partial)};
  }
  partial_ = partial;
  return {};
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      name_(std::move(other.name_)),
      partial_(std::exchange(other.partial_, {})),
      mark_(other.mark_),
      reader_gone_(other.reader_gone_),
      resumable_(other.resumable_),
      kept_(other.kept_) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(name_, other.name_);
  std::swap(partial_, other.partial_);
  std::swap(mark_, other.mark_);
  std::swap(reader_gone_, other.reader_gone_);
  std::swap(resumable_, other.resumable_);
  std::swap(kept_, other.kept_);
  return *this;
}

OutputFile::~OutputFile() {
  // The lock goes with the descriptor, so the file goes first.
  if (!partial_.empty() && !kept_) unlink(partial_.c_str());
  if (descriptor_ > STDOUT_FILENO) close(descriptor_);
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
    const auto written = static_cast<size_t>(count);
    if (resumable_) {
      mark_.bytes += written;
      mark_.crc = Crc(mark_.crc, bytes.data(), written);
    }
    bytes.remove_prefix(written);
  }
  return {};
}

Result<void> OutputFile::MakePrivate() {
  if (descriptor_ != STDOUT_FILENO && fchmod(descriptor_, 0600) != 0) return Failed(errno);
  return {};
}

// What the file begins with, as far as `mark` goes.
Result<OutputMark> OutputFile::ReadUpTo(const OutputMark& mark) {
  OutputMark found;
  std::vector<char> chunk(kChunk);
  if (lseek(descriptor_, 0, SEEK_SET) != 0) return Failed(errno);
  while (found.bytes < mark.bytes) {
    const size_t wanted = std::min<uint64_t>(chunk.size(), mark.bytes - found.bytes);
    const ssize_t count = read(descriptor_, chunk.data(), wanted);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failed(errno);
    if (count == 0) break;
    found.bytes += static_cast<uint64_t>(count);
    found.crc = Crc(found.crc, chunk.data(), static_cast<size_t>(count));
  }
  return found;
}

// Fills the partial file, which is empty, with what stands under its name; as far as `mark` goes.
Result<void> OutputFile::TakeBack(const OutputMark& mark) {
  const int committed = open(name_.c_str(), O_RDONLY | O_CLOEXEC);
  if (committed < 0) return {};  // There is none: Rewind will notice.
  std::vector<char> chunk(kChunk);
  Result<void> done;
  for (uint64_t left = mark.bytes; left > 0 && done.ok();) {
    const ssize_t count = read(committed, chunk.data(), std::min<uint64_t>(chunk.size(), left));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    left -= static_cast<uint64_t>(count);
    done = Write({chunk.data(), static_cast<size_t>(count)});
  }
  close(committed);
  return done;
}

Result<void> OutputFile::Rewind(const OutputMark& mark) {
  Result<OutputMark> found = ReadUpTo(mark);
  if (!found.ok()) return found.error();
  if (found->bytes == 0 && mark.bytes > 0 && !partial_.empty()) {
    if (Result<void> taken = TakeBack(mark); !taken.ok()) return taken;
    found = ReadUpTo(mark);
    if (!found.ok()) return found.error();
  }
  if (found->bytes != mark.bytes || found->crc != mark.crc) {
    return Error{Code::kInvalidArgument,
                 fmt::format("{}: does not begin with what the interrupted run wrote",
                             partial_.empty() ? name_ : partial_)};
  }
  const auto end = static_cast<off_t>(mark.bytes);
  if (ftruncate(descriptor_, end) != 0 || lseek(descriptor_, end, SEEK_SET) != end) {
    return Failed(errno);
  }
  mark_ = mark;
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
