// SPDX-License-Identifier: Apache-2.0
#include "server.h"

#include <fmt/format.h>
#include <openssl/rand.h>
#include <sys/resource.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "service.h"
#include "session.h"

namespace waterline::server {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

// Each connection takes a descriptor: as many as the system lets the process have.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Result<std::shared_ptr<net::ssl::context>> OpenTls(const ServerOptions& options) {
  auto context = std::make_shared<net::ssl::context>(net::ssl::context::tls_server);
  context->set_options(net::ssl::context::default_workarounds | net::ssl::context::no_tlsv1 |
                       net::ssl::context::no_tlsv1_1 | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_OFF);
  error_code failed;
  context->use_certificate_chain_file(options.tls_certificate, failed);
  if (failed) {
    return Error{Code::kIo, fmt::format("cannot use the certificate {}: {}",
                                        options.tls_certificate, failed.message())};
  }
  context->use_private_key_file(options.tls_key, net::ssl::context::pem, failed);
  if (failed) {
    return Error{Code::kIo,
                 fmt::format("cannot use the key {}: {}", options.tls_key, failed.message())};
  }
  return context;
}

// The key of the replacement "hash".
Result<std::string> ReadHashKey(const std::string& path) {
  constexpr size_t kBytes = 32;
  if (path.empty()) {
    std::string key(kBytes, '\0');
    RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), kBytes);
    return key;
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file || bytes.str().size() < kBytes) {
    return Error{Code::kIo,
                 fmt::format("cannot use {} as a key for hashes: it must be readable and "
                             "have {} bytes or more",
                             path, kBytes)};
  }
  return bytes.str();
}

Result<void> Check(const ServerOptions& options) {
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return Error{Code::kInvalidArgument, "a certificate needs its key, and a key its certificate"};
  }
  if (options.max_body > options.max_queue_bytes / 2) {
    return Error{
        Code::kInvalidArgument,
        fmt::format("a body of {} bytes would not fit into the queue of {} bytes, of which "
                    "a client may hold half",
                    options.max_body, options.max_queue_bytes)};
  }
  return {};
}

}  // namespace

struct Server::Impl {
  explicit Impl(ServerOptions options)
      : service(std::make_shared<Service>(std::move(options))),
        loop(std::make_unique<net::io_context>()),
        control(net::make_strand(*loop)) {}

  ~Impl() {
    if (housekeeping) housekeeping->join();
    service->pool.reset();  // Its threads post to the loop.
    signals.reset();
    acceptor.reset();
    control = {};
    loop.reset();
  }

  Result<void> ReadFiles(bool again);
  Result<void> Listen();
  net::awaitable<void> Accept();
  net::awaitable<void> Watch();
  net::awaitable<void> Drain();
  void Reload();
  void Event(std::string_view event, std::string_view subject = {}, std::string_view message = {}) {
    service->log->WriteEvent(event, subject, message);
  }

  std::shared_ptr<Service> service;
  std::unique_ptr<net::io_context> loop;
  net::any_io_executor control;  // A strand for what is below.
  std::unique_ptr<tcp::acceptor> acceptor;
  std::unique_ptr<net::signal_set> signals;
  std::unique_ptr<net::thread_pool> housekeeping;  // Reloads.
  bool clean = true;
};

// Keys and certificate. When they are read again, what cannot be used leaves the old ones.
Result<void> Server::Impl::ReadFiles(bool again) {
  const ServerOptions& options = service->options;
  if (!options.api_keys.empty()) {
    Result<ApiKeys> keys = ApiKeys::Read(options.api_keys);
    if (keys.ok()) {
      service->keys.Set(std::make_shared<const ApiKeys>(*std::move(keys)));
    } else if (!again) {
      return keys.error();
    } else {
      Event("reload_failed", "api_keys", keys.error().message);
    }
  }
  if (!options.tls_certificate.empty()) {
    Result<std::shared_ptr<net::ssl::context>> tls = OpenTls(options);
    if (tls.ok()) {
      service->tls.Set(*std::move(tls));
    } else if (!again) {
      return tls.error();
    } else {
      Event("reload_failed", "tls", tls.error().message);
    }
  }
  return {};
}

Result<void> Server::Impl::Listen() {
  const ServerOptions& options = service->options;
  error_code failed;
  const net::ip::address address = net::ip::make_address(options.host, failed);
  if (failed) {
    return Error{Code::kInvalidArgument,
                 fmt::format("'{}' is not an address such as 127.0.0.1 or ::1", options.host)};
  }
  const tcp::endpoint endpoint(address, options.port);
  acceptor = std::make_unique<tcp::acceptor>(*loop);
  acceptor->open(endpoint.protocol(), failed);
  if (!failed) acceptor->set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor->bind(endpoint, failed);
  if (!failed) acceptor->listen(net::socket_base::max_listen_connections, failed);
  if (failed) {
    return Error{Code::kIo, fmt::format("cannot listen on {} port {}: {}", options.host,
                                        options.port, failed.message())};
  }
  return {};
}

net::awaitable<void> Server::Impl::Accept() {
  net::steady_timer pause(*loop);
  while (true) {
    const net::any_io_executor strand = net::make_strand(*loop);
    error_code failed;
    tcp::socket socket =
        co_await acceptor->async_accept(strand, net::redirect_error(net::use_awaitable, failed));
    if (failed == net::error::operation_aborted) co_return;
    if (failed) {  // No descriptor is left, or the like.
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(net::redirect_error(net::use_awaitable, failed));
      continue;
    }
    if (service->connections.count() >= service->options.max_connections) {
      socket.close(failed);
      continue;
    }
    net::post(strand, [service = service, moved = std::move(socket)]() mutable {
      StartSession(std::move(service), std::move(moved));
    });
  }
}

net::awaitable<void> Server::Impl::Watch() {
  bool draining = false;
  while (true) {
    error_code failed;
    const int signal =
        co_await signals->async_wait(net::redirect_error(net::use_awaitable, failed));
    if (failed) co_return;
    if (signal == SIGHUP) {
      net::post(*housekeeping, [this] { Reload(); });
      continue;
    }
    if (draining) {
      clean = false;
      loop->stop();
      co_return;
    }
    draining = true;
    net::co_spawn(control, Drain(), net::detached);
  }
}

net::awaitable<void> Server::Impl::Drain() {
  Event("draining");
  service->routes->Drain();
  service->connections.CloseIdle();
  const Clock::time_point end = Clock::now() + service->options.grace;
  net::steady_timer pause(*loop);
  while (service->requests > 0 && Clock::now() < end) {
    pause.expires_after(std::chrono::milliseconds(20));
    error_code ignored;
    co_await pause.async_wait(net::redirect_error(net::use_awaitable, ignored));
  }
  clean = service->requests == 0;
  error_code ignored;
  acceptor->close(ignored);
  // What was answered last is written; connections say goodbye.
  for (int i = 0; i < 50 && service->connections.count() > 0; ++i) {
    service->connections.CloseIdle();
    pause.expires_after(std::chrono::milliseconds(20));
    co_await pause.async_wait(net::redirect_error(net::use_awaitable, ignored));
  }
  loop->stop();
}

void Server::Impl::Reload() {
  Event("reloading");
  (void)ReadFiles(true);  // What fails is told in the log.
  service->pool->Reload();
  Event("reloaded");
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Open(ServerOptions given) {
  if (Result<void> sound = Check(given); !sound.ok()) return sound.error();
  std::signal(SIGPIPE, SIG_IGN);
  RaiseDescriptorLimit();
  auto impl = std::make_unique<Impl>(std::move(given));
  Service& service = *impl->service;
  const ServerOptions& options = service.options;
  Result<std::unique_ptr<AccessLog>> log =
      AccessLog::Open(options.log, [&metrics = service.metrics] { metrics.CountLostLog(); });
  if (!log.ok()) return log.error();
  service.log = *std::move(log);
  Result<std::string> hash_key = ReadHashKey(options.hash_key_file);
  if (!hash_key.ok()) return hash_key.error();
  if (Result<void> read = impl->ReadFiles(false); !read.ok()) return read.error();
  // Before the models are loaded, which takes longer: an address in use is told at once.
  if (Result<void> listening = impl->Listen(); !listening.ok()) return listening.error();

  ModelPoolOptions models;
  models.models = options.models;
  models.engine = options.engine;
  models.engine.observer = [&metrics = service.metrics](const BatchReport& report) {
    metrics.CountPass(report);
  };
  models.reserved = options.max_queue_bytes;
  models.on_demand = options.on_demand;
  models.max_wait = options.max_wait;
  models.answered = [&metrics = service.metrics](size_t texts, double seconds) {
    metrics.CountBatch(texts, seconds);
  };
  models.report = [&events = *service.log](const std::string& event, const std::string& model,
                                           const std::string& message) {
    events.WriteEvent(event, model, message);
  };
  Result<std::unique_ptr<ModelPool>> pool = ModelPool::Open(std::move(models));
  if (!pool.ok()) return pool.error();
  service.pool = *std::move(pool);
  service.routes =
      std::make_unique<Routes>(*service.pool, service.admission, service.metrics,
                               RouteOptions{options.timeout, *std::move(hash_key), options.json});
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

uint16_t Server::port() const { return impl_->acceptor->local_endpoint().port(); }

bool Server::Run() {
  Impl& impl = *impl_;
  impl.housekeeping = std::make_unique<net::thread_pool>(1);
  impl.signals = std::make_unique<net::signal_set>(*impl.loop, SIGTERM, SIGINT, SIGHUP);
  net::co_spawn(impl.control, impl.Accept(), net::detached);
  net::co_spawn(impl.control, impl.Watch(), net::detached);
  impl.Event("listening", "", fmt::format("{} port {}", impl.service->options.host, port()));
  std::vector<std::thread> others;
  for (int i = 1; i < impl.service->options.http_threads; ++i) {
    others.emplace_back([&impl] { impl.loop->run(); });
  }
  impl.loop->run();
  for (std::thread& thread : others) thread.join();
  impl.Event("stopped");
  return impl.clean;
}

}  // namespace waterline::server
