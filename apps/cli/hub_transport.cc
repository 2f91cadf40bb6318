// SPDX-License-Identifier: Apache-2.0
#include "hub_transport.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include <cctype>
#include <utility>

namespace waterline::cli {
namespace {

constexpr char kLibrary[] = "libcurl.so.4";
constexpr long kConnectSeconds = 20;
constexpr long kStalledSeconds = 60;  // Without a byte.
constexpr long kMaxRedirects = 10;
constexpr size_t kMaxBody = 64 << 20;

// What is taken from the library.
struct Curl {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
};

template <typename Function>
bool Take(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

bool Load(Curl& curl) {
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  return library != nullptr && Take(library, "curl_global_init", curl.global_init) &&
         Take(library, "curl_easy_init", curl.easy_init) &&
         Take(library, "curl_easy_cleanup", curl.easy_cleanup) &&
         Take(library, "curl_easy_reset", curl.easy_reset) &&
         Take(library, "curl_easy_setopt", curl.easy_setopt) &&
         Take(library, "curl_easy_perform", curl.easy_perform) &&
         Take(library, "curl_easy_getinfo", curl.easy_getinfo) &&
         Take(library, "curl_easy_strerror", curl.easy_strerror);
}

// What the callbacks of one request share.
struct Exchange {
  const Curl* curl;
  CURL* handle;
  const HubTransport::Request* request;
  HttpReply* reply;
  bool stopped = false;
};

size_t TakeBody(char* bytes, size_t size, size_t count, void* data) {
  auto* exchange = static_cast<Exchange*>(data);
  const std::string_view piece(bytes, size * count);
  long status = 0;
  exchange->curl->easy_getinfo(exchange->handle, CURLINFO_RESPONSE_CODE, &status);
  if (exchange->request->sink && status < 400) {
    exchange->stopped = !exchange->request->sink(status, piece);
  } else {
    exchange->stopped = exchange->reply->body.size() + piece.size() > kMaxBody;
    if (!exchange->stopped) exchange->reply->body.append(piece);
  }
  return exchange->stopped ? 0 : piece.size();
}

size_t TakeHeader(char* bytes, size_t size, size_t count, void* data) {
  auto* exchange = static_cast<Exchange*>(data);
  const std::string_view line(bytes, size * count);
  if (line.starts_with("HTTP/"))
    exchange->reply->headers.clear();  // The next of several responses.
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return line.size();
  std::string name(line.substr(0, colon));
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const size_t first = line.find_first_not_of(" \t", colon + 1);
  const size_t last = line.find_last_not_of(" \t\r\n");
  exchange->reply->headers[name] =
      first == std::string_view::npos || last < first ? "" : line.substr(first, last - first + 1);
  return line.size();
}

}  // namespace

std::string HttpReply::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

struct HubTransport::State {
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (handle != nullptr) curl.easy_cleanup(handle);
  }

  Curl curl;
  CURL* handle = nullptr;
};

HubTransport::HubTransport(std::unique_ptr<State> state) : state_(std::move(state)) {}
HubTransport::HubTransport(HubTransport&&) noexcept = default;
HubTransport& HubTransport::operator=(HubTransport&&) noexcept = default;
HubTransport::~HubTransport() = default;

Result<HubTransport> HubTransport::Open() {
  auto state = std::make_unique<State>();
  if (!Load(state->curl)) {
    return Error{
        Code::kNotFound,
        fmt::format("{} cannot be loaded; install libcurl (libcurl4 of Debian)", kLibrary)};
  }
  state->curl.global_init(CURL_GLOBAL_DEFAULT);
  state->handle = state->curl.easy_init();
  if (state->handle == nullptr) return Error{Code::kIo, "libcurl cannot be started"};
  return HubTransport(std::move(state));
}

Result<HttpReply> HubTransport::Do(const Request& request) {
  const Curl& curl = state_->curl;
  CURL* handle = state_->handle;
  HttpReply reply;
  Exchange exchange{&curl, handle, &request, &reply};
  curl.easy_reset(handle);  // Keeps its connections.
  curl.easy_setopt(handle, CURLOPT_URL, request.url.c_str());
  curl.easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  curl.easy_setopt(handle, CURLOPT_USERAGENT, "waterline/" WATERLINE_VERSION);
  curl.easy_setopt(handle, CURLOPT_NOBODY, request.head ? 1L : 0L);
  curl.easy_setopt(handle, CURLOPT_FOLLOWLOCATION, request.follow ? 1L : 0L);
  curl.easy_setopt(handle, CURLOPT_MAXREDIRS, kMaxRedirects);
  curl.easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl.easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl.easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, kStalledSeconds);
  curl.easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  curl.easy_setopt(handle, CURLOPT_WRITEFUNCTION, TakeBody);
  curl.easy_setopt(handle, CURLOPT_WRITEDATA, &exchange);
  curl.easy_setopt(handle, CURLOPT_HEADERFUNCTION, TakeHeader);
  curl.easy_setopt(handle, CURLOPT_HEADERDATA, &exchange);
  if (!request.token.empty()) {
    curl.easy_setopt(handle, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
    curl.easy_setopt(handle, CURLOPT_XOAUTH2_BEARER, request.token.c_str());
  }
  // A range by hand: libcurl would take a server that ignores it for an error.
  const std::string range = fmt::format("{}-", request.offset);
  if (request.offset > 0) curl.easy_setopt(handle, CURLOPT_RANGE, range.c_str());
  const CURLcode code = curl.easy_perform(handle);
  curl.easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &reply.status);
  if (exchange.stopped) return Error{Code::kCancelled, request.url + ": stopped"};
  if (code == CURLE_OK) return reply;
  return Error{Code::kIo, fmt::format("{}: {}", request.url, curl.easy_strerror(code))};
}

}  // namespace waterline::cli
