// SPDX-License-Identifier: Apache-2.0
#include "session.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <deque>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "content_coding.h"
#include "line_splitter.h"
#include "trace.h"

namespace waterline::server {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using net::awaitable;
using net::use_awaitable;
using Executor = net::any_io_executor;

constexpr size_t kPiece = size_t{16} << 10;  // Of a body, as it is read.
constexpr auto kLookAfterPeer = std::chrono::milliseconds(100);
constexpr size_t kStreamLines = 32;  // In flight of one stream.
constexpr std::string_view kLines = "application/x-ndjson";

// Says when a job is done. Its timer is waited for on the session's strand.
struct Signal {
  explicit Signal(const Executor& executor) : timer(executor) {}
  net::steady_timer timer;
  bool done = false;
};

// Whether the other side has closed its half or is gone, whatever lies in the buffers.
bool IsGone(int socket) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return true;
  return info.tcpi_state != TCP_ESTABLISHED;
}

std::string_view MediaType(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
  return type;
}

double Seconds(Clock::duration time) { return std::chrono::duration<double>(time).count(); }

// A request that is being served.
struct Counted {
  explicit Counted(std::atomic<int>& requests) : count(requests) { ++count; }
  ~Counted() { --count; }
  std::atomic<int>& count;
};

// A connection that is open.
struct Registered {
  Registered(Service& all, Connections::Entry own) : service(all), entry(own) {
    service.metrics.CountConnection(1);
  }
  ~Registered() {
    service.metrics.CountConnection(-1);
    service.connections.Remove(entry);
  }
  Service& service;
  Connections::Entry entry;
};

// One request and what is known of it.
struct Exchange {
  Clock::time_point start = Clock::now();
  const Route* route = nullptr;
  std::string method;
  std::string path;
  std::string content_type;
  std::string coding;
  std::string authorization;
  std::string client;
  std::string request_id;
  std::string traceparent;
  std::string origin;  // Of a page that may ask; else "".
  bool head = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool old = false;  // HTTP/1.0.
  std::optional<uint64_t> length;
  size_t bytes_in = 0;
  size_t bytes_out = 0;
  size_t texts = 0;
  double queue_seconds = -1;
  double compute_seconds = -1;
  int status = 0;
};

template <typename Stream>
class Session : public std::enable_shared_from_this<Session<Stream>> {
 public:
  Session(std::shared_ptr<Service> service, Stream stream, std::string peer,
          std::shared_ptr<net::ssl::context> tls)
      : service_(std::move(service)),
        tls_(std::move(tls)),
        stream_(std::move(stream)),
        peer_(std::move(peer)),
        buffer_(service_->options.max_header + kPiece) {}

  void Start() {
    const std::shared_ptr<Session> self = this->shared_from_this();
    net::co_spawn(
        Lowest().get_executor(), [self]() { return self->Run(); },
        [self](const std::exception_ptr& failed) {
          if (failed) self->service_->log->WriteEvent("connection_failed", "", "");
        });
  }

 private:
  using Parser = http::request_parser<http::buffer_body>;
  using Answer = std::variant<Response, Problem>;

  beast::tcp_stream& Lowest() { return beast::get_lowest_layer(stream_); }
  const ServerOptions& options() const { return service_->options; }

  awaitable<void> Run() {
    const std::weak_ptr<Session> weak = this->weak_from_this();
    const Executor executor = Lowest().get_executor();
    const auto entry = service_->connections.Add([weak, executor] {
      net::post(executor, [weak] {
        const std::shared_ptr<Session> self = weak.lock();
        if (self && self->idle_) self->Lowest().cancel();
      });
    });
    const Registered registered{*service_, entry};
    bool open = co_await Shake();
    while (open) {
      open = co_await AwaitRequest();
      if (!open) break;
      const Counted counted(service_->requests);
      open = co_await Serve();
    }
    co_await Close();
  }

  awaitable<bool> Shake() {
    if constexpr (!std::is_same_v<Stream, beast::tcp_stream>) {
      error_code failed;
      Lowest().expires_after(options().header_timeout);
      co_await stream_.async_handshake(net::ssl::stream_base::server,
                                       net::redirect_error(use_awaitable, failed));
      co_return !failed;
    }
    co_return true;
  }

  // Until the first byte of a request is there. Holds next to nothing meanwhile.
  awaitable<bool> AwaitRequest() {
    if (buffer_.size() > 0) co_return true;
    if (service_->routes->draining() && served_ > 0) co_return false;
    constexpr size_t kFirst = 512;
    buffer_.shrink_to_fit();
    idle_ = true;
    error_code failed;
    Lowest().expires_after(options().idle_timeout);
    const auto room = buffer_.prepare(kFirst);
    const size_t size =
        co_await stream_.async_read_some(room, net::redirect_error(use_awaitable, failed));
    idle_ = false;
    buffer_.commit(size);
    co_return !failed && size > 0;
  }

  // One request. Returns whether another may follow.
  awaitable<bool> Serve() {
    Exchange exchange;
    Parser parser;
    parser.header_limit(static_cast<uint32_t>(options().max_header));
    parser.body_limit(std::numeric_limits<uint64_t>::max());  // ReadBody has a limit of its own.
    error_code failed;
    Lowest().expires_after(options().header_timeout);
    co_await http::async_read_header(stream_, buffer_, parser,
                                     net::redirect_error(use_awaitable, failed));
    ++served_;
    exchange.start = Clock::now();
    exchange.request_id = NewRequestId();
    if (failed) {
      const std::optional<Problem> problem = ProblemOfHeader(failed);
      if (!problem) co_return false;
      exchange.keep_alive = false;
      exchange.client = peer_;
      unread_ = true;
      co_await Write(exchange, ToResponse(*problem, exchange.request_id));
      Record(exchange);
      co_return false;
    }
    ReadHeader(parser, exchange);
    if (const std::optional<Response> refusal = Refuse(exchange)) {
      exchange.keep_alive = exchange.keep_alive && parser.is_done();
      unread_ = !parser.is_done();
      co_await Write(exchange, *refusal);
      Record(exchange);
      co_return exchange.keep_alive;
    }
    if (exchange.route->lines && MediaType(exchange.content_type) == kLines) {
      co_await ServeLines(parser, exchange);
    } else {
      co_await ServeOne(parser, exchange);
    }
    Record(exchange);
    co_return exchange.keep_alive;
  }

  std::optional<Problem> ProblemOfHeader(error_code failed) const {
    if (failed == http::error::header_limit || failed == http::error::buffer_overflow) {
      return Problem{431,
                     "header_too_large",
                     fmt::format("the header has more than {} bytes", options().max_header),
                     {},
                     options().max_header};
    }
    if (failed == http::error::end_of_stream || failed == http::error::partial_message ||
        failed.category() != make_error_code(http::error::bad_method).category()) {
      return std::nullopt;
    }
    return Problem{400, "malformed_http", "this is not HTTP/1.1: " + failed.message()};
  }

  void ReadHeader(const Parser& parser, Exchange& exchange) const {
    const auto& header = parser.get();
    const auto field = [&](auto name) {
      const auto value = header[name];
      return std::string(value.data(), value.size());
    };
    exchange.method = std::string(header.method_string());
    const std::string target(header.target());
    exchange.path = target.substr(0, target.find('?'));
    exchange.head = exchange.method == "HEAD";
    exchange.keep_alive = header.keep_alive() && !service_->routes->draining();
    exchange.old = header.version() < 11;
    exchange.content_type = field(http::field::content_type);
    std::transform(exchange.content_type.begin(), exchange.content_type.end(),
                   exchange.content_type.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    exchange.coding = field(http::field::content_encoding);
    exchange.expects_continue = beast::iequals(header[http::field::expect], "100-continue");
    if (const auto length = parser.content_length()) exchange.length = *length;
    if (std::string id = field("X-Request-Id"); IsRequestId(id))
      exchange.request_id = std::move(id);
    if (std::string trace = field("traceparent"); IsTraceparent(trace)) {
      exchange.traceparent = std::move(trace);
    }
    const std::string origin = field(http::field::origin);
    const std::vector<std::string>& allowed = options().cors_origins;
    if (std::find(allowed.begin(), allowed.end(), origin) != allowed.end()) {
      exchange.origin = origin;
    }
    exchange.client = peer_;
    exchange.route = Routes::Find(exchange.path);
    exchange.authorization = field(http::field::authorization);
  }

  // Why the request goes no further than its header, if so.
  std::optional<Response> Refuse(Exchange& exchange) const {
    const auto problem = [&](Problem found) { return ToResponse(found, exchange.request_id); };
    if (exchange.method == "OPTIONS" && !exchange.origin.empty()) return Preflight();
    const Route* const route = exchange.route;
    if (route == nullptr) return problem({404, "not_found", "there is no such path"});
    if (exchange.method != route->method && !(exchange.head && route->method == "GET")) {
      Response response = problem(
          {405, "method_not_allowed", fmt::format("this path has {} alone", route->method)});
      response.headers.emplace_back("Allow", route->method == "GET" ? "GET, HEAD" : "POST");
      return response;
    }
    if (!route->open && !Authorize(exchange)) {
      return problem({401, "unauthorized",
                      "give a key that the server knows, as in Authorization: Bearer KEY"});
    }
    if (route->method == "GET") return std::nullopt;
    if (service_->routes->draining()) {
      return problem({503, "shutting_down", "the server is shutting down"});
    }
    const std::string_view type = MediaType(exchange.content_type);
    if (type != "application/json" && !(route->lines && type == kLines)) {
      return problem({415, "unsupported_media_type",
                      route->lines
                          ? "the Content-Type must be application/json or application/x-ndjson"
                          : "the Content-Type must be application/json"});
    }
    if (type == kLines && exchange.old) {
      return problem({505, "http_version", "a stream needs HTTP/1.1"});
    }
    if (const auto decoder = Decoder::For(exchange.coding); !decoder.ok()) {
      return problem({415, "unsupported_coding", decoder.error().message});
    }
    if (type != kLines && exchange.length.value_or(0) > options().max_body) {
      return problem(BodyTooLarge());
    }
    return std::nullopt;
  }

  Response Preflight() const {
    Response response;
    response.status = 204;
    response.headers = {
        {"Access-Control-Allow-Methods", "GET, POST"},
        {"Access-Control-Allow-Headers",
         "Authorization, Content-Type, Content-Encoding, X-Request-Id, traceparent"},
        {"Access-Control-Max-Age", "600"}};
    return response;
  }

  Problem BodyTooLarge() const {
    return {413,
            "body_too_large",
            fmt::format("the body has more than {} bytes, decoded", options().max_body),
            {},
            options().max_body};
  }

  static Problem QueueFull() {
    return {429, "queue_full", "the server has as much to do as it admits; come again"};
  }

  bool Authorize(Exchange& exchange) const {
    const std::shared_ptr<const ApiKeys> keys = service_->keys.Get();
    if (!keys) return true;
    constexpr std::string_view kBearer = "bearer ";
    const std::string_view given = exchange.authorization;
    if (given.size() < kBearer.size() ||
        !beast::iequals({given.data(), kBearer.size()}, {kBearer.data(), kBearer.size()})) {
      return false;
    }
    const std::optional<std::string> client = keys->ClientOf(given.substr(kBearer.size()));
    if (!client) return false;
    exchange.client = *client;
    return true;
  }

  awaitable<bool> Continue(const Exchange& exchange) {
    if (!exchange.expects_continue || exchange.old) co_return true;
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    error_code failed;
    co_await net::async_write(stream_, net::buffer(kContinue.data(), kContinue.size()),
                              net::redirect_error(use_awaitable, failed));
    co_return !failed;
  }

  // Reads on into `piece`; the size of what came, 0 at the end, or nothing when the client is gone
  // or what it sends is no HTTP.
  awaitable<std::optional<size_t>> ReadPiece(Parser& parser, std::vector<char>& piece) {
    while (!parser.is_done()) {
      auto& body = parser.get().body();
      body.data = piece.data();
      body.size = piece.size();
      body.more = true;
      error_code failed;
      co_await http::async_read_some(stream_, buffer_, parser,
                                     net::redirect_error(use_awaitable, failed));
      const size_t size = piece.size() - body.size;
      if (failed && failed != http::error::need_buffer) {
        bad_http_ = failed.category() == make_error_code(http::error::bad_method).category() &&
                    failed != http::error::partial_message;
        co_return std::nullopt;
      }
      if (size > 0) co_return size;
    }
    co_return size_t{0};
  }

  // The whole body, decoded; or why not; or nothing: the client is gone.
  awaitable<std::optional<Problem>> ReadBody(Parser& parser, Exchange& exchange, std::string& body,
                                             Admission::Ticket& ticket) {
    Decoder decoder = *Decoder::For(exchange.coding);
    std::vector<char> piece(kPiece);
    Lowest().expires_after(options().body_timeout);
    while (true) {
      const std::optional<size_t> size = co_await ReadPiece(parser, piece);
      if (!size) {
        gone_ = !bad_http_;
        co_return Problem{400, "malformed_http", "the body is no HTTP/1.1"};
      }
      if (*size == 0) break;
      exchange.bytes_in += *size;
      decoder.Feed({piece.data(), *size});
      while (true) {
        const Result<std::string_view> decoded = decoder.Next();
        if (!decoded.ok()) {
          co_return Problem{400, "malformed_body", decoded.error().message};
        }
        if (decoded->empty()) break;
        if (body.size() + decoded->size() > options().max_body) co_return BodyTooLarge();
        if (!ticket.Grow(decoded->size())) co_return QueueFull();
        body.append(*decoded);
      }
    }
    if (const Result<void> ended = decoder.End(); !ended.ok()) {
      co_return Problem{400, "malformed_body", ended.error().message};
    }
    co_return std::nullopt;
  }

  awaitable<void> ServeOne(Parser& parser, Exchange& exchange) {
    Request request{exchange.method, exchange.path, exchange.client, {}};
    Admission::Ticket ticket = service_->admission.Open(exchange.client);
    Answer answer;
    std::optional<Problem> problem;
    const bool takes_body = exchange.route->method == "POST";
    if (takes_body) {
      const bool open = co_await Continue(exchange);
      if (!open) co_return Leave(exchange);
      problem = co_await ReadBody(parser, exchange, request.body, ticket);
      if (gone_) co_return Leave(exchange);
      if (!problem && !ticket.Enter()) problem = QueueFull();
    }
    exchange.start = Clock::now();
    if (problem) {
      answer = *std::move(problem);
    } else {
      Outcome outcome = exchange.route->answer(*service_->routes, request);
      if (auto* pending = std::get_if<Pending>(&outcome)) {
        exchange.texts = pending->job->texts.size();
        std::optional<Answer> waited = co_await Wait(*pending, &exchange);
        if (!waited) co_return Leave(exchange);
        answer = *std::move(waited);
      } else if (auto* response = std::get_if<Response>(&outcome)) {
        answer = std::move(*response);
      } else {
        answer = std::get<Problem>(std::move(outcome));
      }
    }
    ticket.Leave();
    if (!parser.is_done()) {
      exchange.keep_alive = false;
      unread_ = true;
    }
    Response response = std::holds_alternative<Response>(answer)
                            ? std::get<Response>(std::move(answer))
                            : ToResponse(std::get<Problem>(answer), exchange.request_id);
    co_await Write(exchange, response);
  }

  void Leave(Exchange& exchange) {
    exchange.keep_alive = false;
    exchange.status = 0;
  }

  // Submits the job, and sees to its end: done, too late, or the client gone (nothing).
  awaitable<std::optional<Answer>> Wait(Pending& pending, Exchange* exchange) {
    const std::shared_ptr<Signal> signal = Submit(pending);
    const Clock::time_point deadline = Clock::now() + pending.timeout;
    std::optional<Answer> answer = co_await WaitFor(pending, signal, deadline);
    if (exchange != nullptr && signal->done) {
      exchange->queue_seconds = Seconds(pending.job->started - pending.job->queued);
      exchange->compute_seconds = Seconds(pending.job->ended - pending.job->started);
    }
    co_return answer;
  }

  std::shared_ptr<Signal> Submit(Pending& pending) {
    const Executor executor = Lowest().get_executor();
    const auto signal = std::make_shared<Signal>(executor);
    pending.job->done = [signal, executor] {
      net::post(executor, [signal] {
        signal->done = true;
        signal->timer.cancel();
      });
    };
    pending.batcher->Submit(pending.job);
    return signal;
  }

  awaitable<std::optional<Answer>> WaitFor(Pending& pending, std::shared_ptr<Signal> signal,
                                           Clock::time_point deadline) {
    while (!signal->done) {
      const Clock::time_point now = Clock::now();
      const bool late = now >= deadline;
      if (late || IsGone(Lowest().socket().native_handle())) {
        if (pending.batcher->Cancel(*pending.job)) {
          if (!late) co_return std::nullopt;
          co_return Answer(Problem{504, "timeout", "the timeout of the request passed"});
        }
      }
      const Clock::time_point next = now + kLookAfterPeer;
      signal->timer.expires_at(late ? next : std::min(next, deadline));
      error_code ignored;
      co_await signal->timer.async_wait(net::redirect_error(use_awaitable, ignored));
    }
    std::variant<Response, Problem> finished = pending.finish(*pending.job);
    co_return Answer(std::move(finished));
  }

  template <typename Message>
  void SetHeaders(const Exchange& exchange, const Response& response, Message& message) const {
    message.version(11);
    message.result(static_cast<unsigned>(response.status));
    message.keep_alive(exchange.keep_alive);
    message.set(http::field::content_type, response.content_type);
    message.set("X-Request-Id", exchange.request_id);
    message.set("X-Content-Type-Options", "nosniff");
    message.set(http::field::cache_control, "no-store");
    if (!exchange.traceparent.empty()) message.set("traceparent", ChildOf(exchange.traceparent));
    if (!exchange.origin.empty()) {
      message.set(http::field::access_control_allow_origin, exchange.origin);
      message.set(http::field::vary, "Origin");
    }
    for (const auto& [name, value] : response.headers) message.set(name, value);
  }

  awaitable<void> Write(Exchange& exchange, const Response& response) {
    http::response<http::string_body> message;
    SetHeaders(exchange, response, message);
    if (response.status == 204) {
      message.erase(http::field::content_type);
    } else {
      message.content_length(response.body.size());
    }
    if (!exchange.head) message.body() = response.body;
    exchange.status = response.status;
    exchange.bytes_out = response.body.size();
    error_code failed;
    Lowest().expires_after(options().write_timeout);
    co_await http::async_write(stream_, message, net::redirect_error(use_awaitable, failed));
    if (failed) exchange.keep_alive = false;
  }

  // A stream of lines: what is read, what is computed and what is written go on beside each other.
  struct Lines {
    struct Item {
      std::string ready;  // The answer, where there is no job.
      std::optional<Pending> pending;
      std::shared_ptr<Signal> signal;
      Clock::time_point deadline;
      int64_t number = 0;
      size_t bytes = 0;
    };
    explicit Lines(const Executor& executor) : changed(executor), ended(executor) {}

    std::deque<Item> items;     // In the order of the lines.
    size_t bytes = 0;           // Of the lines in flight.
    net::steady_timer changed;  // Cancelled when `items` or what follows changes.
    net::steady_timer ended;    // Cancelled when the writer is done.
    bool all_read = false;
    bool failed = false;   // The client is gone.
    bool written = false;  // The writer is done.
  };

  awaitable<void> ServeLines(Parser& parser, Exchange& exchange) {
    Admission::Ticket ticket = service_->admission.Open(exchange.client);
    const size_t places = std::min(kStreamLines, std::max<size_t>(1, options().max_queue / 4));
    if (!ticket.Grow(options().max_body) || !ticket.Enter(places)) {
      exchange.keep_alive = false;
      unread_ = true;
      co_await Write(exchange, ToResponse(QueueFull(), exchange.request_id));
      co_return;
    }
    const bool open = co_await StartLines(exchange);
    if (!open) co_return Leave(exchange);
    const Executor executor = Lowest().get_executor();
    const auto lines = std::make_shared<Lines>(executor);
    const std::shared_ptr<Session> self = this->shared_from_this();
    net::co_spawn(
        executor, [self, lines, &exchange]() { return self->WriteLines(lines, exchange); },
        [lines](const std::exception_ptr& failed) {
          lines->failed = lines->failed || failed != nullptr;
          lines->written = true;
          lines->changed.cancel();
          lines->ended.cancel();
        });
    try {
      co_await ReadLines(parser, exchange, *lines, places);
    } catch (const std::exception&) {  // The writer refers to what is here: it ends first.
      lines->failed = true;
    }
    lines->all_read = true;
    lines->changed.cancel();
    while (!lines->written) {
      lines->ended.expires_after(std::chrono::hours(1));
      error_code ignored;
      co_await lines->ended.async_wait(net::redirect_error(use_awaitable, ignored));
    }
    if (lines->failed) Leave(exchange);
    exchange.keep_alive = exchange.keep_alive && parser.is_done();
    unread_ = !parser.is_done();
  }

  awaitable<bool> StartLines(Exchange& exchange) {
    const bool open = co_await Continue(exchange);
    if (!open) co_return false;
    http::response<http::empty_body> message;
    Response response;
    response.content_type = kLines;
    SetHeaders(exchange, response, message);
    message.chunked(true);
    exchange.status = response.status;
    http::response_serializer<http::empty_body> serializer(message);
    error_code failed;
    Lowest().expires_after(options().write_timeout);
    co_await http::async_write_header(stream_, serializer,
                                      net::redirect_error(use_awaitable, failed));
    co_return !failed;
  }

  // Until the body's end, or until the stream cannot go on.
  awaitable<void> ReadLines(Parser& parser, Exchange& exchange, Lines& lines, size_t places) {
    Decoder decoder = *Decoder::For(exchange.coding);
    LineStream stream(*service_->routes, *exchange.route, exchange.client);
    cli::LineSplitter splitter(options().max_body);
    std::vector<char> piece(kPiece);
    std::optional<Problem> problem;
    int64_t last = 0;
    bool ended = false;
    while (!ended && !problem && !lines.failed) {
      Lowest().expires_after(options().body_timeout);
      const std::optional<size_t> size = co_await ReadPiece(parser, piece);
      if (!size && !bad_http_) {
        lines.failed = true;
        lines.changed.cancel();
        co_return;
      }
      ended = size.value_or(0) == 0;
      if (!size) problem = Problem{400, "malformed_http", "the body is no HTTP/1.1"};
      exchange.bytes_in += size.value_or(0);
      if (!ended) {
        decoder.Feed({piece.data(), *size});
      } else if (const Result<void> whole = decoder.End(); !problem && !whole.ok()) {
        problem = Problem{400, "malformed_body", whole.error().message};
      }
      while (!problem && !lines.failed) {
        const Result<std::string_view> decoded =
            ended ? Result<std::string_view>(std::string_view()) : decoder.Next();
        if (!decoded.ok()) {
          problem = Problem{400, "malformed_body", decoded.error().message};
          break;
        }
        if (decoded->empty() && !ended) break;
        splitter.Feed(*decoded);
        cli::Line line;
        while (!lines.failed && splitter.Next(line)) {
          last = line.number;
          co_await AddLine(line, stream, exchange, lines, places);
        }
        if (ended) break;
      }
    }
    if (!problem || lines.failed) co_return;
    typename Lines::Item item;
    item.ready = LineStream::Refuse(*problem, last + 1, {});
    lines.items.push_back(std::move(item));
    exchange.keep_alive = false;
  }

  awaitable<void> AddLine(const cli::Line& line, LineStream& stream, Exchange& exchange,
                          Lines& lines, size_t places) {
    std::string bytes(line.bytes);
    typename Lines::Item item;
    item.number = line.number;
    item.bytes = bytes.size();
    while (!lines.failed && !lines.items.empty() &&
           (lines.items.size() >= places || lines.bytes + item.bytes > options().max_body)) {
      lines.changed.expires_after(std::chrono::hours(1));
      error_code ignored;
      co_await lines.changed.async_wait(net::redirect_error(use_awaitable, ignored));
    }
    if (lines.failed) co_return;
    if (line.too_long) {
      item.ready = LineStream::Refuse(BodyTooLarge(), line.number, {});
    } else {
      std::variant<std::string, Pending> taken = stream.Take(std::move(bytes), line.number);
      if (auto* ready = std::get_if<std::string>(&taken)) {
        if (ready->empty()) co_return;
        item.ready = std::move(*ready);
      } else {
        item.pending = std::get<Pending>(std::move(taken));
        item.deadline = Clock::now() + item.pending->timeout;
        item.signal = Submit(*item.pending);
        ++exchange.texts;
      }
    }
    lines.bytes += item.bytes;
    lines.items.push_back(std::move(item));
    lines.changed.cancel();
  }

  // Until all is written, or the client is gone; then what is in flight is cancelled.
  awaitable<void> WriteLines(std::shared_ptr<Lines> lines, Exchange& exchange) {
    std::string out;
    while (!lines->failed) {
      if (lines->items.empty()) {
        if (lines->all_read) break;
        lines->changed.expires_after(std::chrono::hours(1));
        error_code ignored;
        co_await lines->changed.async_wait(net::redirect_error(use_awaitable, ignored));
        continue;
      }
      typename Lines::Item& item = lines->items.front();
      std::string answer = std::move(item.ready);
      if (item.pending) {
        const std::optional<Answer> waited =
            co_await WaitFor(*item.pending, item.signal, item.deadline);
        if (!waited) {
          lines->failed = true;
          break;
        }
        answer = std::holds_alternative<Response>(*waited)
                     ? std::get<Response>(*waited).body
                     : LineStream::Refuse(std::get<Problem>(*waited), item.number, {});
      }
      out += answer;
      lines->bytes -= item.bytes;
      lines->items.pop_front();
      lines->changed.cancel();
      const bool more = !lines->items.empty() &&
                        (!lines->items.front().pending || lines->items.front().signal->done);
      if (more && out.size() < kPiece) continue;
      const bool sent = co_await WriteChunk(out);
      if (!sent) lines->failed = true;
      exchange.bytes_out += out.size();
      out.clear();
    }
    if (lines->failed) {
      for (typename Lines::Item& item : lines->items) {
        if (item.pending) item.pending->batcher->Cancel(*item.pending->job);
      }
      lines->items.clear();
      Lowest().cancel();
      co_return;
    }
    error_code failed;
    Lowest().expires_after(options().write_timeout);
    co_await net::async_write(stream_, http::make_chunk_last(),
                              net::redirect_error(use_awaitable, failed));
    lines->failed = static_cast<bool>(failed);
  }

  awaitable<bool> WriteChunk(const std::string& out) {
    if (out.empty()) co_return true;
    error_code failed;
    Lowest().expires_after(options().write_timeout);
    const auto chunk = http::make_chunk(net::buffer(out));
    co_await net::async_write(stream_, chunk, net::redirect_error(use_awaitable, failed));
    co_return !failed;
  }

  void Record(const Exchange& exchange) {
    const double total = Seconds(Clock::now() - exchange.start);
    const std::string_view route = exchange.route != nullptr ? exchange.route->path : "other";
    service_->metrics.CountRequest(
        {route, exchange.status, total, exchange.queue_seconds, exchange.compute_seconds});
    AccessRecord record;
    record.request_id = exchange.request_id;
    if (!exchange.traceparent.empty()) record.trace_id = TraceIdOf(exchange.traceparent);
    record.client = exchange.client;
    record.method = exchange.method;
    record.route = route;
    record.status = exchange.status;
    record.bytes_in = exchange.bytes_in;
    record.bytes_out = exchange.bytes_out;
    record.texts = exchange.texts;
    record.queue_seconds = exchange.queue_seconds;
    record.compute_seconds = exchange.compute_seconds;
    record.total_seconds = total;
    service_->log->Write(record);
  }

  // Says goodbye. Where the client still sends, what comes is thrown away for a moment, so that it
  // reads the answer before it is told that nobody reads it.
  awaitable<void> Close() {
    error_code failed;
    constexpr auto kGoodbye = std::chrono::seconds(1);
    Lowest().expires_after(kGoodbye);
    if (unread_) {
      constexpr size_t kMost = size_t{1} << 20;
      std::vector<char> thrown(kPiece);
      Lowest().socket().shutdown(net::ip::tcp::socket::shutdown_send, failed);
      for (size_t read = 0; !failed && read < kMost;) {
        read += co_await Lowest().async_read_some(net::buffer(thrown),
                                                  net::redirect_error(use_awaitable, failed));
      }
    } else if constexpr (!std::is_same_v<Stream, beast::tcp_stream>) {
      co_await stream_.async_shutdown(net::redirect_error(use_awaitable, failed));
    }
    Lowest().socket().shutdown(net::ip::tcp::socket::shutdown_both, failed);
    Lowest().close();
  }

  const std::shared_ptr<Service> service_;
  const std::shared_ptr<net::ssl::context> tls_;  // Of stream_, which must not outlive it.
  Stream stream_;
  const std::string peer_;
  beast::flat_buffer buffer_;
  int64_t served_ = 0;
  bool idle_ = false;
  bool gone_ = false;      // The client left inside a body.
  bool bad_http_ = false;  // A body was no HTTP.
  bool unread_ = false;    // The client may still be sending.
};

}  // namespace

void StartSession(std::shared_ptr<Service> service, net::ip::tcp::socket socket) {
  error_code failed;
  const net::ip::tcp::endpoint peer = socket.remote_endpoint(failed);
  if (failed) return;
  socket.set_option(net::ip::tcp::no_delay(true), failed);
  const std::string address = peer.address().to_string();
  if (std::shared_ptr<net::ssl::context> tls = service->tls.Get()) {
    using Stream = beast::ssl_stream<beast::tcp_stream>;
    Stream stream(std::move(socket), *tls);
    SSL_set_mode(stream.native_handle(), SSL_MODE_RELEASE_BUFFERS);
    std::make_shared<Session<Stream>>(std::move(service), std::move(stream), address, tls)->Start();
    return;
  }
  std::make_shared<Session<beast::tcp_stream>>(
      std::move(service), beast::tcp_stream(std::move(socket)), address, nullptr)
      ->Start();
}

}  // namespace waterline::server
