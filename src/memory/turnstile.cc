// SPDX-License-Identifier: Apache-2.0
#include "memory/turnstile.h"

#include <algorithm>

namespace waterline {

Turnstile::Pass::Pass(Turnstile& turnstile, size_t bytes)
    : turnstile_(turnstile), bytes_(std::min(bytes, turnstile.capacity_)) {
  std::unique_lock lock(turnstile_.mutex_);
  const uint64_t ticket = turnstile_.next_ticket_++;
  turnstile_.left_.wait(lock, [&] {
    return ticket == turnstile_.serving_ && bytes_ <= turnstile_.capacity_ - turnstile_.inside_;
  });
  ++turnstile_.serving_;
  turnstile_.inside_ += bytes_;
  turnstile_.left_.notify_all();
}

Turnstile::Pass::~Pass() {
  {
    const std::lock_guard lock(turnstile_.mutex_);
    turnstile_.inside_ -= bytes_;
  }
  turnstile_.left_.notify_all();
}

}  // namespace waterline
