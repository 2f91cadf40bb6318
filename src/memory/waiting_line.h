// Waiting in order of arrival.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>

#include "waterline/memory.h"

namespace waterline {

enum class Waited { kReady, kDeadline, kCancelled };

// The error of a wait for `what` ("the workspace") that ended before it was ready.
Error WaitError(Waited waited, const char* what);

// Callers that wait under one mutex for something to become free: only the first in line is served,
// so that a large demand is not starved by small ones. Allocates nothing.
class WaitingLine {
 public:
  // Joins the line and waits in `lock` until the caller is first and ready() holds, or `limit`
  // ends the waiting. What ready() found is to be taken before `lock` is given back.
  template <typename Ready>
  Waited Wait(std::unique_lock<std::mutex>& lock, const WaitLimit& limit, Ready ready) {
    Place place;
    Join(place);
    const auto served = [&] { return first_ == &place && ready(); };
    bool is_ready = false;
    if (limit.deadline == limit.deadline.max()) {
      is_ready = changed_.wait(lock, limit.stop, served);
    } else {
      is_ready = changed_.wait_until(lock, limit.stop, limit.deadline, served);
    }
    Leave(place);
    if (is_ready) return Waited::kReady;
    return limit.stop.stop_requested() ? Waited::kCancelled : Waited::kDeadline;
  }
  // To be called, under the mutex, after something became free.
  void Notify() { changed_.notify_all(); }

 private:
  struct Place {  // On the stack of its caller.
    Place* before = nullptr;
    Place* behind = nullptr;
  };
  void Join(Place& place);
  void Leave(Place& place);  // And lets the next one look.

  Place* first_ = nullptr;
  Place* last_ = nullptr;
  std::condition_variable_any changed_;
};

}  // namespace waterline
