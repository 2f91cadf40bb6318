// SPDX-License-Identifier: Apache-2.0
#include "content_coding.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <boost/algorithm/string/predicate.hpp>
#include <string>
#include <utility>
#include <vector>

namespace waterline::server {
namespace {

constexpr size_t kPiece = size_t{64} << 10;
constexpr int kZstdWindowLog = 23;  // RFC 8878 asks HTTP for 8 MiB.

class Identity : public Decoder {
 public:
  void Feed(std::string_view piece) override { piece_ = piece; }
  Result<std::string_view> Next() override { return std::exchange(piece_, {}); }
  Result<void> End() override { return {}; }

 private:
  std::string_view piece_;
};

class Zlib : public Decoder {
 public:
  explicit Zlib(const char* name) : name_(name), out_(kPiece) {
    constexpr int kDetectHeader = 32;  // gzip or zlib.
    ready_ = inflateInit2(&stream_, MAX_WBITS + kDetectHeader) == Z_OK;
  }
  ~Zlib() override {
    if (ready_) inflateEnd(&stream_);
  }

  void Feed(std::string_view piece) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
  }

  Result<std::string_view> Next() override {
    if (!ready_) return Error{Code::kIo, "there is no memory to decode the body"};
    while (stream_.avail_in > 0 || full_) {
      if (ended_) {  // A gzip file may have several members.
        inflateReset(&stream_);
        ended_ = false;
      }
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        return Error{Code::kInvalidArgument, fmt::format("the body is not {}", name_)};
      }
      ended_ = status == Z_STREAM_END;
      full_ = stream_.avail_out == 0 && !ended_;  // More may be inside.
      const size_t size = out_.size() - stream_.avail_out;
      if (size > 0) return std::string_view(out_.data(), size);
    }
    return std::string_view();
  }

  Result<void> End() override {
    if (ended_) return {};
    return Error{Code::kInvalidArgument, fmt::format("the body ends inside its {}", name_)};
  }

 private:
  const char* name_;
  std::vector<char> out_;
  z_stream stream_{};
  bool ready_ = false;
  bool full_ = false;
  bool ended_ = false;
};

class Zstd : public Decoder {
 public:
  Zstd() : stream_(ZSTD_createDCtx(), &ZSTD_freeDCtx), out_(kPiece) {
    if (stream_) ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kZstdWindowLog);
  }

  void Feed(std::string_view piece) override { in_ = {piece.data(), piece.size(), 0}; }

  Result<std::string_view> Next() override {
    if (!stream_) return Error{Code::kIo, "there is no memory to decode the body"};
    while (in_.pos < in_.size || full_) {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      left_ = ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (ZSTD_isError(left_)) {
        return Error{Code::kInvalidArgument,
                     fmt::format("the body is not zstd: {}", ZSTD_getErrorName(left_))};
      }
      full_ = out.pos == out.size;  // More may be inside.
      if (out.pos > 0) return std::string_view(out_.data(), out.pos);
    }
    return std::string_view();
  }

  Result<void> End() override {
    if (left_ == 0) return {};
    return Error{Code::kInvalidArgument, "the body ends inside its zstd"};
  }

 private:
  std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> stream_;
  std::vector<char> out_;
  ZSTD_inBuffer in_{nullptr, 0, 0};
  size_t left_ = 1;
  bool full_ = false;
};

}  // namespace

Result<std::unique_ptr<Decoder>> Decoder::For(std::string_view coding) {
  const auto is = [&](const char* name) { return boost::algorithm::iequals(coding, name); };
  if (coding.empty() || is("identity")) return {std::make_unique<Identity>()};
  if (is("gzip") || is("x-gzip")) return {std::make_unique<Zlib>("gzip")};
  if (is("deflate")) return {std::make_unique<Zlib>("deflate")};
  if (is("zstd")) return {std::make_unique<Zstd>()};
  return Error{Code::kUnsupported,
               "the body's Content-Encoding is not known; it is one of gzip, deflate, zstd"};
}

}  // namespace waterline::server
