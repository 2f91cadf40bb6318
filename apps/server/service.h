// What all connections of a server share.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "access_log.h"
#include "admission.h"
#include "api_keys.h"
#include "metrics.h"
#include "model_pool.h"
#include "routes.h"
#include "server_options.h"

namespace waterline::server {

// A value that is replaced as a whole, while others use the old one. Thread-safe.
template <typename T>
class Replaceable {
 public:
  std::shared_ptr<T> Get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  void Set(std::shared_ptr<T> value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<T> value_;
};

// The connections that are open, so that those without a request can be closed. Thread-safe.
class Connections {
 public:
  using Entry = std::list<std::function<void()>>::iterator;

  // `close_if_idle` may be called from any thread until Remove.
  Entry Add(std::function<void()> close_if_idle) {
    const std::lock_guard lock(mutex_);
    return open_.insert(open_.end(), std::move(close_if_idle));
  }
  void Remove(Entry entry) {
    const std::lock_guard lock(mutex_);
    open_.erase(entry);
  }
  void CloseIdle() {
    const std::lock_guard lock(mutex_);
    for (const std::function<void()>& close : open_) close();
  }
  size_t count() const {
    const std::lock_guard lock(mutex_);
    return open_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::list<std::function<void()>> open_;
};

struct Service {
  explicit Service(ServerOptions given)
      : options(std::move(given)), admission({options.max_queue, options.max_queue_bytes}) {}

  const ServerOptions options;
  Metrics metrics;
  Admission admission;
  std::unique_ptr<AccessLog> log;
  std::unique_ptr<ModelPool> pool;
  std::unique_ptr<Routes> routes;
  Replaceable<const ApiKeys> keys;             // nullptr: none are asked for.
  Replaceable<boost::asio::ssl::context> tls;  // nullptr: plain HTTP.
  Connections connections;
  std::atomic<int> requests = 0;  // That are being served.
};

}  // namespace waterline::server
