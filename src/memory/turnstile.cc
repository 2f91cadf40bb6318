// SPDX-License-Identifier: Apache-2.0
#include "memory/turnstile.h"

#include <algorithm>

namespace waterline {

Result<Turnstile::Pass> Turnstile::Enter(size_t bytes, const WaitLimit& limit) {
  bytes = std::min(bytes, capacity_);
  std::unique_lock lock(mutex_);
  const Waited waited = line_.Wait(lock, limit, [&] { return bytes <= capacity_ - inside_; });
  if (waited != Waited::kReady) return WaitError(waited, "memory for texts in flight");
  inside_ += bytes;
  return Pass(this, bytes);
}

Turnstile::Pass::~Pass() {
  if (turnstile_ == nullptr) return;
  const std::lock_guard lock(turnstile_->mutex_);
  turnstile_->inside_ -= bytes_;
  turnstile_->line_.Notify();
}

}  // namespace waterline
