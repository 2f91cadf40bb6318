// SPDX-License-Identifier: Apache-2.0
#include "decompressor.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace waterline::cli {
namespace {

constexpr std::string_view kGzipMark = "\x1F\x8B";
constexpr std::string_view kZstdMark = "\x28\xB5\x2F\xFD";
// What inflateInit2 takes beside a window for the header of gzip, and for it or zlib's.
constexpr int kGzipHeader = 16;
constexpr int kEitherHeader = 32;

Error Broken(std::string message) { return {Code::kInvalidArgument, std::move(message)}; }

Error NoMemory() { return {Code::kIo, "compressed data cannot be read: there is no memory"}; }

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
    if (deflate_open) inflateEnd(&deflate);
    if (zstd != nullptr) ZSTD_freeDStream(zstd);
  }

  const char* name = "gzip";
  bool zero_padding = false;
  z_stream deflate{};
  bool deflate_open = false;
  ZSTD_DStream* zstd = nullptr;
  bool inside = true;    // A member or frame, the first too, has not ended.
  bool padding = false;  // The last member has ended, and zeros have followed.
};

Decompressor::Decompressor(std::unique_ptr<State> state) : state_(std::move(state)) {}
Decompressor::Decompressor(Decompressor&&) noexcept = default;
Decompressor& Decompressor::operator=(Decompressor&&) noexcept = default;
Decompressor::~Decompressor() = default;

Result<Decompressor> Decompressor::Open(Compression compression,
                                        const DecompressorOptions& options) {
  auto state = std::make_unique<State>();
  state->zero_padding = options.zero_padding;
  if (compression == Compression::kZstd) {
    state->zstd = ZSTD_createDStream();
    if (state->zstd == nullptr) return NoMemory();
    const size_t set =
        ZSTD_DCtx_setParameter(state->zstd, ZSTD_d_windowLogMax, options.zstd_window_log);
    if (ZSTD_isError(set) != 0) {
      return Error{Code::kInternal, fmt::format("zstd knows no windows of 2^{} bytes ({})",
                                                options.zstd_window_log, ZSTD_getErrorName(set))};
    }
    return Decompressor(std::move(state));
  }
  int header = compression == Compression::kGzip ? kGzipHeader : 0;
  if (options.either_header) header = kEitherHeader;
  if (compression == Compression::kZlib) state->name = "zlib";
  state->deflate_open = inflateInit2(&state->deflate, MAX_WBITS + header) == Z_OK;
  if (!state->deflate_open) return NoMemory();
  return Decompressor(std::move(state));
}

Result<size_t> Decompressor::Read(std::string_view& bytes, char* out, size_t size) {
  return state_->deflate_open ? ReadDeflate(bytes, out, size) : ReadZstd(bytes, out, size);
}

Result<size_t> Decompressor::ReadDeflate(std::string_view& bytes, char* out, size_t size) {
  constexpr size_t kMost = std::numeric_limits<uInt>::max();
  z_stream& stream = state_->deflate;
  size_t written = 0;
  while (written == 0) {
    if (state_->zero_padding && !state_->inside && bytes.starts_with('\0')) state_->padding = true;
    if (state_->padding) bytes.remove_prefix(std::min(bytes.find_first_not_of('\0'), bytes.size()));
    if (bytes.empty() && !state_->inside) return 0;
    if (state_->padding) {
      return Broken(fmt::format("{} data has something else behind it", state_->name));
    }
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
    } else if (status == Z_BUF_ERROR) {
      return written;  // It needs more bytes.
    } else if (status == Z_MEM_ERROR) {
      return NoMemory();
    } else if (status != Z_OK) {
      return Broken(fmt::format("{} data is broken ({})", state_->name,
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
    if (ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation) return NoMemory();
    if (ZSTD_isError(left) != 0) {
      return Broken(fmt::format("zstd data is broken ({})", ZSTD_getErrorName(left)));
    }
    if (in.pos > before || to.pos > 0) state_->inside = left != 0;
    if (in.pos == before) break;
  }
  bytes.remove_prefix(in.pos);
  return to.pos;
}

Result<void> Decompressor::End() const {
  if (!state_->inside) return {};
  return Broken("compressed data ends too early: it is cut off");
}

}  // namespace waterline::cli
