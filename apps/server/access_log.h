// One JSON object a line about each request and event; never a text, a label or a key.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "waterline/result.h"

namespace waterline::server {

struct AccessRecord {
  std::string_view request_id;
  std::string_view trace_id;  // "": none.
  std::string_view client;    // The name of its key, or its address.
  std::string_view method;
  std::string_view route;
  int status = 0;
  size_t bytes_in = 0;
  size_t bytes_out = 0;
  size_t texts = 0;
  double queue_seconds = -1;
  double compute_seconds = -1;
  double total_seconds = 0;
};

// Lines are written by a thread of its own: a disk that is full or slow stops no request. What
// cannot be written is dropped and counted. Thread-safe.
class AccessLog {
 public:
  // To `path`, appended; "" is standard error, "-" nothing. Errors: kIo  it cannot be opened.
  static Result<std::unique_ptr<AccessLog>> Open(const std::string& path,
                                                 std::function<void()> lost);
  ~AccessLog();  // Writes what waits.

  void Write(const AccessRecord& record);
  void WriteEvent(std::string_view event, std::string_view subject, std::string_view message);

 private:
  AccessLog(int descriptor, bool owned, std::function<void()> lost);
  void Queue(std::string line);
  void Work();
  bool WriteAll(std::string_view line);

  const int descriptor_;  // -1: nothing is written.
  const bool owned_;
  const std::function<void()> lost_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace waterline::server
