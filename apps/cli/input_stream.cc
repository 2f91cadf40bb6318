// SPDX-License-Identifier: Apache-2.0
#include "input_stream.h"

#include <fmt/format.h>

#include <utility>

namespace waterline::cli {
namespace {

constexpr size_t kChunkBytes = 64 * 1024;

}  // namespace

InputStream::InputStream(ByteSource source, std::string path, std::string encoding)
    : source_(std::move(source)), path_(std::move(path)), encoding_(std::move(encoding)) {}

Result<InputStream> InputStream::Open(const std::string& path, std::string encoding) {
  Result<ByteSource> source = ByteSource::Open(path);
  if (!source.ok()) return source.error();
  return InputStream(*std::move(source), path, std::move(encoding));
}

bool InputStream::Ready(std::chrono::milliseconds patience) const {
  return ended_ || raw_end_ || !raw_.empty() || source_.Ready(patience);
}

Error InputStream::Named(const Error& error) const {
  return {error.code, fmt::format("{}: {}", DisplayName(path_), error.message)};
}

Error InputStream::OfData(const Error& error) const {
  return Named({error.code, "its " + error.message});
}

Result<void> InputStream::ReadRaw() {
  chunk_.resize(kChunkBytes);
  const Result<size_t> count = source_.Read(chunk_.data(), chunk_.size());
  if (!count.ok()) return count.error();
  raw_ = std::string_view(chunk_).substr(0, *count);
  raw_end_ = *count == 0;
  return {};
}

Result<void> InputStream::ChooseCompression() {
  Compression found = Compression::kUnknown;
  while (found == Compression::kUnknown && !raw_end_) {
    if (Result<void> read = ReadRaw(); !read.ok()) return read.error();
    head_.append(raw_);
    found = DetectCompression(head_);
  }
  started_ = true;
  raw_ = head_;
  if (found != Compression::kGzip && found != Compression::kZstd) return {};
  Result<Decompressor> opened = Decompressor::Open(found, {.zero_padding = true});
  if (!opened.ok()) return OfData(opened.error());
  decompressor_ = *std::move(opened);
  inflated_.resize(kChunkBytes);
  return {};
}

Result<bool> InputStream::ReadPlain() {
  if (!started_) {
    if (Result<void> chosen = ChooseCompression(); !chosen.ok()) return chosen.error();
  } else if (raw_.empty() && !raw_end_ && !decompressor_) {
    if (Result<void> read = ReadRaw(); !read.ok()) return read.error();
  }
  if (!decompressor_) {
    plain_ = std::exchange(raw_, {});
    return !plain_.empty();
  }
  while (true) {
    const Result<size_t> count = decompressor_->Read(raw_, inflated_.data(), inflated_.size());
    if (!count.ok()) return OfData(count.error());
    if (*count > 0) {
      plain_ = std::string_view(inflated_).substr(0, *count);
      return true;
    }
    if (raw_end_) break;
    if (Result<void> read = ReadRaw(); !read.ok()) return read.error();
  }
  plain_ = {};
  if (Result<void> end = decompressor_->End(); !end.ok()) return OfData(end.error());
  return false;
}

// false: the input ended meanwhile.
Result<bool> InputStream::ChooseDecoder() {
  bool more = true;
  do {
    const Result<bool> read = ReadPlain();
    if (!read.ok()) return read.error();
    more = *read;
    opening_.append(plain_);
  } while (more && MayBeMark(opening_));
  plain_ = opening_;
  size_t mark_bytes = 0;
  const std::string marked = EncodingOfMark(opening_, mark_bytes);
  const std::string& name = marked.empty() ? encoding_ : marked;
  decoder_chosen_ = true;
  if (name.empty() || IsUtf8Name(name)) return more;
  Result<TextDecoder> opened = TextDecoder::Open(name);
  if (!opened.ok()) return Named(opened.error());
  decoder_ = *std::move(opened);
  plain_.remove_prefix(mark_bytes);
  return more;
}

Result<std::string_view> InputStream::Read() {
  while (!ended_) {
    const bool first = !decoder_chosen_;
    const Result<bool> more = first ? ChooseDecoder() : ReadPlain();
    if (!more.ok()) return more.error();
    ended_ = !*more;
    if (!decoder_) {
      if (!plain_.empty() || ended_) return plain_;
      continue;
    }
    decoded_.clear();
    decoder_->Decode(plain_, ended_, decoded_);
    if (!decoded_.empty()) return std::string_view(decoded_);
  }
  return std::string_view();
}

}  // namespace waterline::cli
