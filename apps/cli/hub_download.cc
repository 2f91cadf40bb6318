// SPDX-License-Identifier: Apache-2.0
#include "hub_download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <simdjson.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "checkpoint/hub_cache.h"
#include "checkpoint/locate.h"

namespace waterline::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kEndpoint[] = "https://huggingface.co";
constexpr int kAttempts = 5;
constexpr size_t kSha256Digits = 64;
constexpr size_t kSha1Digits = 40;

Error Failed(const fs::path& path, int error) {
  return {Code::kIo, fmt::format("{}: cannot be written: {}", path.string(), std::strerror(error))};
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

bool IsHex(std::string_view text, size_t digits) {
  return text.size() == digits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A path inside of a snapshot, and nothing that leads out of it.
bool IsSafe(const std::string& file) {
  const fs::path path(file);
  if (file.empty() || path.is_absolute()) return false;
  return std::none_of(path.begin(), path.end(), [](const fs::path& part) {
    return part == ".." || part == "." || part.empty();
  });
}

// `text` as a part of a URL.
std::string Escaped(std::string_view text, bool keep_slash) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        std::isalnum(byte) != 0 || std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain || (keep_slash && c == '/')) {
      escaped += c;
    } else {
      fmt::format_to(std::back_inserter(escaped), "%{:02X}", byte);
    }
  }
  return escaped;
}

// The hash that an etag of this many digits is; "" where the system refused.
std::string HashOf(int descriptor, uint64_t size, bool sha256) {
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> hash(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (EVP_DigestInit_ex(hash.get(), sha256 ? EVP_sha256() : EVP_sha1(), nullptr) != 1) return "";
  if (!sha256) {  // As git names a blob.
    const std::string head = fmt::format("blob {}", size);
    EVP_DigestUpdate(hash.get(), head.c_str(), head.size() + 1);
  }
  std::vector<uint8_t> piece(1 << 16);
  if (lseek(descriptor, 0, SEEK_SET) != 0) return "";
  while (true) {
    const ssize_t count = read(descriptor, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return "";
    if (count == 0) break;
    EVP_DigestUpdate(hash.get(), piece.data(), static_cast<size_t>(count));
  }
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  EVP_DigestFinal_ex(hash.get(), digest.data(), &length);
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + length, ""));
}

struct Repository {
  std::string commit;
  std::vector<std::string> files;
};

Result<Repository> ParseRepository(const std::string& json, const std::string& id) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view commit;
  simdjson::dom::array siblings;
  if (parser.parse(json).get(root) != simdjson::SUCCESS ||
      root["sha"].get(commit) != simdjson::SUCCESS || !IsHex(commit, kSha1Digits) ||
      root["siblings"].get(siblings) != simdjson::SUCCESS) {
    return Error{Code::kInvalidArgument, fmt::format("{}: the reply is not that of a hub", id)};
  }
  Repository repository{std::string(commit), {}};
  for (const simdjson::dom::element sibling : siblings) {
    std::string_view name;
    if (sibling["rfilename"].get(name) != simdjson::SUCCESS) continue;
    repository.files.emplace_back(name);
  }
  return repository;
}

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

Result<HubPlace> HubPlaceFromEnvironment() {
  HubPlace place;
  place.endpoint = Variable("HF_ENDPOINT");
  if (place.endpoint.empty()) place.endpoint = kEndpoint;
  while (place.endpoint.ends_with('/')) place.endpoint.pop_back();
  place.cache = ModelPlaces::FromEnvironment().hub_cache;
  if (place.cache.empty()) {
    return Error{Code::kNotFound,
                 "there is no place for the Hugging Face cache: none of HF_HUB_CACHE, HF_HOME, "
                 "XDG_CACHE_HOME and HOME is set"};
  }
  place.token = Variable("HF_TOKEN");
  std::string path = Variable("HF_TOKEN_PATH");
  if (path.empty() && !Variable("HF_HOME").empty()) path = Variable("HF_HOME") + "/token";
  if (path.empty()) path = Variable("HOME") + "/.cache/huggingface/token";
  if (place.token.empty()) place.token = FirstLine(path);
  return place;
}

Error HubDownload::Refused(const HttpReply& reply, const std::string& what) const {
  const std::string said = reply.Header("x-error-message");
  const std::string words = said.empty() ? "" : fmt::format(" ({})", said);
  if (reply.status == 401 || reply.status == 403) {
    return {Code::kInvalidArgument,
            fmt::format("{}: the hub answers {}: it is not there, or {}{}", what, reply.status,
                        place_.token.empty() ? "it wants a token: set HF_TOKEN"
                                             : "the token in use gives no access to it",
                        words)};
  }
  if (reply.status == 404) {
    const bool revision = reply.Header("x-error-code") == "RevisionNotFound";
    return {Code::kNotFound, fmt::format("{}: {} on {}{}", what,
                                         revision ? "there is no such revision" : "it is not there",
                                         place_.endpoint, words)};
  }
  return {Code::kIo,
          fmt::format("{}: {} answers {}{}", what, place_.endpoint, reply.status, words)};
}

std::string HubDownload::UrlOf(const std::string& id, const std::string& commit,
                               const std::string& file) const {
  return fmt::format("{}/{}/resolve/{}/{}", place_.endpoint, Escaped(id, true), commit,
                     Escaped(file, true));
}

Result<fs::path> HubDownload::Fetch(
    const std::string& id, const std::string& revision,
    const std::function<std::vector<std::string>(const std::vector<std::string>&)>& wanted) {
  const std::string url = fmt::format("{}/api/models/{}/revision/{}", place_.endpoint,
                                      Escaped(id, true), Escaped(revision, false));
  const Result<HttpReply> reply =
      transport_.Do({.url = url, .token = place_.token, .follow = true});
  if (!reply.ok()) return reply.error();
  const std::string what = revision == "main" ? id : id + "@" + revision;
  if (reply->status != 200) return Refused(*reply, what);
  const Result<Repository> repository = ParseRepository(reply->body, what);
  if (!repository.ok()) return repository.error();

  const fs::path folder = place_.cache / FolderName(id);
  const fs::path snapshot = folder / "snapshots" / repository->commit;
  for (const std::string& file : wanted(repository->files)) {
    if (!IsSafe(file)) {
      return Error{Code::kInvalidArgument,
                   fmt::format("{}: \"{}\" is no name of a file", what, file)};
    }
    const Result<void> fetched = FetchFile(id, repository->commit, file, folder);
    if (!fetched.ok()) return fetched.error();
  }
  if (revision == repository->commit) return snapshot;
  const fs::path ref = folder / "refs" / revision;
  std::error_code error;
  fs::create_directories(ref.parent_path(), error);
  const fs::path next = ref.string() + ".incomplete";
  std::ofstream(next) << repository->commit;
  fs::rename(next, ref, error);
  if (error) return Failed(ref, error.value());
  return snapshot;
}

// Redirects inside of the hub are followed: a repository may have another name now. Those that lead
// elsewhere are where the bytes are; what is asked for stands in the reply that says so.
Result<HubDownload::Metadata> HubDownload::Ask(const std::string& id, const std::string& url,
                                               const std::string& file) {
  std::string at = url;
  for (int hop = 0; hop < 5; ++hop) {
    const Result<HttpReply> reply = transport_.Do({.url = at, .token = place_.token, .head = true});
    if (!reply.ok()) return reply.error();
    const std::string location = reply->Header("location");
    if (reply->status >= 300 && reply->status < 400 && location.starts_with('/')) {
      at = place_.endpoint + location;
      continue;
    }
    if (reply->status >= 400) return Refused(*reply, id + "/" + file);
    const bool linked = !reply->Header("x-linked-etag").empty();
    std::string etag = reply->Header(linked ? "x-linked-etag" : "etag");
    if (etag.starts_with("W/")) etag.erase(0, 2);
    std::erase(etag, '"');
    Metadata metadata{etag, 0, false};
    const std::string size = reply->Header(linked ? "x-linked-size" : "content-length");
    metadata.has_size =
        std::from_chars(size.data(), size.data() + size.size(), metadata.size).ec == std::errc();
    if (!etag.empty() && etag.find('/') == std::string::npos && etag[0] != '.') return metadata;
    break;
  }
  return Error{Code::kInvalidArgument,
               fmt::format("{}/{}: the reply is not that of a hub", id, file)};
}

Result<void> HubDownload::FetchFile(const std::string& id, const std::string& commit,
                                    const std::string& file, const fs::path& repository) {
  std::error_code error;
  const fs::path pointer = repository / "snapshots" / commit / file;
  if (fs::exists(pointer, error)) return {};
  const std::string url = UrlOf(id, commit, file);
  const Result<Metadata> metadata = Ask(id, url, file);
  if (!metadata.ok()) return metadata.error();
  const fs::path blob = repository / "blobs" / metadata->etag;
  fs::create_directories(blob.parent_path(), error);
  fs::create_directories(pointer.parent_path(), error);
  if (error) return Failed(pointer.parent_path(), error.value());
  if (!fs::exists(blob, error)) {
    const Result<void> fetched = FetchBlob(url, id + "/" + file, *metadata, blob);
    if (!fetched.ok()) return fetched;
  }
  fs::remove(pointer, error);  // A link to a blob that is gone.
  fs::create_symlink(fs::relative(blob, pointer.parent_path(), error), pointer, error);
  if (error) return Failed(pointer, error.value());
  return {};
}

Result<void> HubDownload::FetchBlob(const std::string& url, const std::string& file,
                                    const Metadata& metadata, const fs::path& blob) {
  const fs::path incomplete = blob.string() + ".incomplete";
  const Descriptor descriptor(open(incomplete.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (descriptor.get() < 0) return Failed(incomplete, errno);
  if (flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{Code::kIo,
                 fmt::format("{}: another process downloads it ({})", file, incomplete.string())};
  }
  for (int wrong = 0; wrong < 2; ++wrong) {
    const Result<void> transferred = Transfer(url, file, metadata, descriptor.get());
    if (!transferred.ok()) return transferred;
    const bool sha256 = IsHex(metadata.etag, kSha256Digits);
    if (!sha256 && !IsHex(metadata.etag, kSha1Digits)) break;  // An etag that is no hash.
    struct stat status {};
    fstat(descriptor.get(), &status);
    const std::string hash =
        HashOf(descriptor.get(), static_cast<uint64_t>(status.st_size), sha256);
    if (hash == metadata.etag) break;
    if (ftruncate(descriptor.get(), 0) != 0) return Failed(incomplete, errno);
    if (wrong == 1) {
      return Error{Code::kInvalidArgument,
                   fmt::format("{}: what came has the hash {}, and the hub says {}", file, hash,
                               metadata.etag)};
    }
  }
  if (fsync(descriptor.get()) != 0) return Failed(incomplete, errno);
  std::error_code error;
  fs::rename(incomplete, blob, error);
  if (error) return Failed(blob, error.value());
  return {};
}

// Goes on behind what is there, until the size is right.
Result<void> HubDownload::Transfer(const std::string& url, const std::string& file,
                                   const Metadata& metadata, int descriptor) {
  Error last{Code::kIo, ""};
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (attempt > 1) sleep(1U << (attempt - 2));
    struct stat status {};
    if (fstat(descriptor, &status) != 0) return Failed(file, errno);
    auto have = static_cast<uint64_t>(status.st_size);
    if (metadata.has_size && have == metadata.size) return {};
    if (metadata.has_size && have > metadata.size) have = 0;
    int failed = 0;
    bool begun = false;
    const auto sink = [&](long code, std::string_view piece) {
      if (!begun && (code != 206 || have == 0)) {  // All of it, whatever was asked for.
        have = 0;
        if (ftruncate(descriptor, 0) != 0) failed = errno;
      }
      begun = true;
      while (!piece.empty() && failed == 0) {
        const ssize_t count =
            pwrite(descriptor, piece.data(), piece.size(), static_cast<off_t>(have));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
          failed = errno;
          break;
        }
        have += static_cast<uint64_t>(count);
        piece.remove_prefix(static_cast<size_t>(count));
      }
      progress_(file, have, metadata.has_size ? metadata.size : 0);
      return failed == 0;
    };
    const Result<HttpReply> reply = transport_.Do(
        {.url = url, .token = place_.token, .follow = true, .offset = have, .sink = sink});
    if (failed != 0) return Failed(file, failed);
    if (!reply.ok()) {
      last = reply.error();
      continue;
    }
    if (reply->status == 416) {  // Nothing lies behind what is there: it is another file.
      if (ftruncate(descriptor, 0) != 0) return Failed(file, errno);
      continue;
    }
    if (reply->status >= 500) {
      last = Refused(*reply, file);
      continue;
    }
    if (reply->status >= 400) return Refused(*reply, file);
    if (!begun && ftruncate(descriptor, 0) != 0) return Failed(file, errno);  // An empty file.
    if (!metadata.has_size || have == metadata.size) return {};
    last = {Code::kIo, fmt::format("{}: {} bytes came of {}", file, have, metadata.size)};
  }
  return last;
}

}  // namespace waterline::cli
