// SPDX-License-Identifier: Apache-2.0
#include "decompressor.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace waterline::cli {
namespace {

constexpr std::string_view kGzipMark = "\x1F\x8B";
constexpr std::string_view kZstdMark = "\x28\xB5\x2F\xFD";
constexpr int kGzipWindow = 15 + 16;  // The largest, with gzip's header.
constexpr int kZstdWindow = 27;       // 128 MiB: what `zstd --long` takes.

Error Broken(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

}  // namespace

Compression DetectCompression(std::string_view head) {
  if (head.starts_with(kGzipMark)) return Compression::kGzip;
  if (head.starts_with(kZstdMark)) return Compression::kZstd;
  const bool open = kGzipMark.starts_with(head) || kZstdMark.starts_with(head);
  return open ? Compression::kUnknown : Compression::kNone;
}

struct Decompressor::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (gzip_open) inflateEnd(&gzip);
    if (zstd != nullptr) ZSTD_freeDStream(zstd);
  }

  z_stream gzip{};
  bool gzip_open = false;
  ZSTD_DStream* zstd = nullptr;
  bool inside = false;   // A member or frame that has not ended.
  bool padding = false;  // Zeros behind the last member, as tapes have.
};

Decompressor::Decompressor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;
Decompressor::~Decompressor() = default;

Result<Decompressor> Decompressor::Open(Compression compression) {
  auto state = std::make_unique<State>();
  if (compression == Compression::kGzip) {
    state->gzip_open = inflateInit2(&state->gzip, kGzipWindow) == Z_OK;
  } else {
    state->zstd = ZSTD_createDStream();
    if (state->zstd != nullptr)
      ZSTD_DCtx_setParameter(state->zstd, ZSTD_d_windowLogMax, kZstdWindow);
  }
  if (!state->gzip_open && state->zstd == nullptr) {
    return Error{Code::kIo, "there is no memory to decompress it"};
  }
  return Decompressor(std::move(state));
}

Result<size_t> Decompressor::Read(std::string_view& bytes, char* out, size_t size) {
  return state_->gzip_open ? ReadGzip(bytes, out, size) : ReadZstd(bytes, out, size);
}

Result<size_t> Decompressor::ReadGzip(std::string_view& bytes, char* out, size_t size) {
  constexpr size_t kMost = std::numeric_limits<uInt>::max();
  z_stream& stream = state_->gzip;
  size_t written = 0;
  while (written == 0) {
    if (state_->padding) bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
    if (bytes.empty() && !state_->inside) return 0;
    if (state_->padding) return Broken("has something else behind its gzip data");
    const size_t given = std::min(bytes.size(), kMost);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(given);
    stream.next_out = reinterpret_cast<Bytef*>(out);
    stream.avail_out = static_cast<uInt>(std::min(size, kMost));
    const uInt room = stream.avail_out;
    state_->inside = true;
    const int status = inflate(&stream, Z_NO_FLUSH);
    written = room - stream.avail_out;
    bytes.remove_prefix(given - stream.avail_in);
    if (status == Z_STREAM_END) {
      state_->inside = false;
      inflateReset(&stream);
      state_->padding = bytes.starts_with('\0');
    } else if (status == Z_BUF_ERROR) {
      return written;  // It needs more bytes.
    } else if (status != Z_OK) {
      return Broken(fmt::format("its gzip data is broken ({})",
                                stream.msg == nullptr ? zError(status) : stream.msg));
    }
  }
  return written;
}

Result<size_t> Decompressor::ReadZstd(std::string_view& bytes, char* out, size_t size) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  ZSTD_outBuffer to{out, size, 0};
  while (to.pos == 0) {
    const size_t before = in.pos;
    const size_t left = ZSTD_decompressStream(state_->zstd, &to, &in);
    if (ZSTD_isError(left) != 0) {
      return Broken(fmt::format("its zstd data is broken ({})", ZSTD_getErrorName(left)));
    }
    if (in.pos > before || to.pos > 0) state_->inside = left != 0;
    if (in.pos == before) break;
  }
  bytes.remove_prefix(in.pos);
  return to.pos;
}

Result<void> Decompressor::End() const {
  if (!state_->inside) return {};
  return Broken("its compressed data ends too early; the file is cut off");
}

}  // namespace waterline::cli
