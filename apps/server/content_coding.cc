// SPDX-License-Identifier: Apache-2.0
#include "content_coding.h"

#include <fmt/format.h>

#include <boost/algorithm/string/predicate.hpp>
#include <utility>

namespace waterline::server {
namespace {

using cli::Compression;

constexpr size_t kPiece = size_t{64} << 10;
constexpr int kZstdWindowLog = 23;  // RFC 8878 asks HTTP for 8 MiB.

Error OfBody(const Error& error) {
  return {error.code, fmt::format("the body's {}", error.message)};
}

}  // namespace

Result<Decoder> Decoder::For(std::string_view coding) {
  const auto is = [&](const char* name) { return boost::algorithm::iequals(coding, name); };
  if (coding.empty() || is("identity")) return Decoder(Compression::kNone);
  if (is("gzip") || is("x-gzip")) return Decoder(Compression::kGzip);
  if (is("deflate")) return Decoder(Compression::kZlib);
  if (is("zstd")) return Decoder(Compression::kZstd);
  return Error{Code::kUnsupported,
               "the body's Content-Encoding is not known; it is one of gzip, deflate, zstd"};
}

Result<std::string_view> Decoder::Next() {
  if (coding_ == Compression::kNone) return std::exchange(piece_, {});
  if (!decompressor_) {
    Result<cli::Decompressor> opened = cli::Decompressor::Open(
        coding_, {.zstd_window_log = kZstdWindowLog, .either_header = true});
    if (!opened.ok()) return OfBody(opened.error());
    decompressor_ = *std::move(opened);
    decoded_.resize(kPiece);
  }
  const Result<size_t> count = decompressor_->Read(piece_, decoded_.data(), decoded_.size());
  if (!count.ok()) return OfBody(count.error());
  return std::string_view(decoded_.data(), *count);
}

Result<void> Decoder::End() const {
  if (coding_ == Compression::kNone) return {};
  if (!decompressor_) {
    return Error{Code::kInvalidArgument, "the body is empty, which its Content-Encoding never is"};
  }
  const Result<void> ended = decompressor_->End();
  if (!ended.ok()) return OfBody(ended.error());
  return {};
}

}  // namespace waterline::server
