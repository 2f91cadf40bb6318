// The bound of what the server holds for requests: their number and the bytes of their bodies.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace waterline::server {

struct AdmissionLimits {
  size_t requests = 1024;
  size_t bytes = size_t{16} << 20;
};

struct AdmissionState {
  size_t requests = 0;  // Admitted and not computed yet.
  size_t bytes = 0;     // Of bodies and answers that are held.
  size_t refusals = 0;  // Since the start.
};

// Of each limit a client may hold as much as is free for others (dynamic thresholds, Choudhury and
// Hahne 1998): a client alone half of it, of n that ask for all they can get each one of n + 1
// parts. So whoever comes new finds room. Thread-safe; must outlive its tickets.
class Admission {
 public:
  explicit Admission(const AdmissionLimits& limits) : limits_(limits) {}

  // What one request holds; gives it back when destroyed. For one thread at a time.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { Release(); }

    // More bytes; false when there is no room.
    bool Grow(size_t bytes);
    // `requests` places in the queue; false when there is no room.
    bool Enter(size_t requests = 1);
    void Leave();               // Gives the places back and keeps the bytes,
    void Shrink(size_t bytes);  // the opposite: `bytes` of those that it holds.
    void Release();

   private:
    friend class Admission;
    Admission* admission_ = nullptr;
    std::string client_;
    size_t bytes_ = 0;
    size_t requests_ = 0;
  };

  Ticket Open(std::string_view client);
  AdmissionState State() const;

 private:
  struct Held {
    size_t requests = 0;
    size_t bytes = 0;
  };
  bool Take(const std::string& client, size_t requests, size_t bytes);
  void Give(const std::string& client, size_t requests, size_t bytes);

  const AdmissionLimits limits_;
  mutable std::mutex mutex_;
  std::map<std::string, Held, std::less<>> clients_;  // Those that hold something.
  AdmissionState state_;
};

}  // namespace waterline::server
