// SPDX-License-Identifier: Apache-2.0
#include "access_log.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "json_writer.h"

namespace waterline::server {
namespace {

constexpr size_t kMostWaiting = 4096;  // Lines.

// "2026-01-31T08:00:00.123Z"
std::string Now() {
  const auto now = std::chrono::system_clock::now();
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(now)), milliseconds);
}

void Milliseconds(cli::JsonWriter& json, std::string_view key, double seconds) {
  if (seconds < 0) return;
  json.Key(key);
  json.RawValue(fmt::format("{:.3f}", seconds * 1e3));
}

}  // namespace

Result<std::unique_ptr<AccessLog>> AccessLog::Open(const std::string& path,
                                                   std::function<void()> lost) {
  int descriptor = STDERR_FILENO;
  if (path == "-") descriptor = -1;
  const bool owned = !path.empty() && path != "-";
  if (owned) {
    descriptor = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (descriptor < 0) {
      return Error{Code::kIo,
                   fmt::format("cannot write the log {}: {}", path, std::strerror(errno))};
    }
  }
  return std::unique_ptr<AccessLog>(new AccessLog(descriptor, owned, std::move(lost)));
}

AccessLog::AccessLog(int descriptor, bool owned, std::function<void()> lost)
    : descriptor_(descriptor), owned_(owned), lost_(std::move(lost)) {
  if (descriptor_ >= 0) thread_ = std::thread([this] { Work(); });
}

AccessLog::~AccessLog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (owned_) close(descriptor_);
}

void AccessLog::Write(const AccessRecord& record) {
  if (descriptor_ < 0) return;
  std::string line;
  cli::JsonWriter json(line);
  json.StartObject();
  json.Field("time", Now());
  json.Field("event", "request");
  json.Field("request_id", record.request_id);
  if (!record.trace_id.empty()) json.Field("trace_id", record.trace_id);
  json.Field("client", record.client);
  json.Field("method", record.method);
  json.Field("route", record.route);
  json.IntField("status", record.status);
  json.SizeField("bytes_in", record.bytes_in);
  json.SizeField("bytes_out", record.bytes_out);
  json.SizeField("texts", record.texts);
  Milliseconds(json, "queue_ms", record.queue_seconds);
  Milliseconds(json, "compute_ms", record.compute_seconds);
  Milliseconds(json, "total_ms", record.total_seconds);
  json.EndObject();
  line += '\n';
  Queue(std::move(line));
}

void AccessLog::WriteEvent(std::string_view event, std::string_view subject,
                           std::string_view message) {
  if (descriptor_ < 0) return;
  std::string line;
  cli::JsonWriter json(line);
  json.StartObject();
  json.Field("time", Now());
  json.Field("event", event);
  if (!subject.empty()) json.Field("subject", subject);
  if (!message.empty()) json.Field("message", message);
  json.EndObject();
  line += '\n';
  Queue(std::move(line));
}

void AccessLog::Queue(std::string line) {
  {
    const std::lock_guard lock(mutex_);
    if (lines_.size() < kMostWaiting) {
      lines_.push_back(std::move(line));
      line.clear();
    }
  }
  if (!line.empty()) return lost_();
  changed_.notify_one();
}

void AccessLog::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !lines_.empty(); });
    if (lines_.empty()) return;
    const std::string line = std::move(lines_.front());
    lines_.pop_front();
    lock.unlock();
    if (!WriteAll(line)) lost_();
    lock.lock();
  }
}

bool AccessLog::WriteAll(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = write(descriptor_, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    line.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace waterline::server
