// SPDX-License-Identifier: Apache-2.0
#include "admission.h"

#include <utility>

namespace waterline::server {
namespace {

// Whether `more` may join the `own` of a client, where all clients hold `all` of `limit`.
bool Fits(size_t more, size_t own, size_t all, size_t limit) {
  if (more == 0) return true;
  if (more > limit || all > limit - more) return false;
  return own + more <= limit - all - more + 1;  // At most what stays free; the last place counts.
}

}  // namespace

Admission::Ticket::Ticket(Ticket&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)),
      client_(std::move(other.client_)),
      bytes_(std::exchange(other.bytes_, 0)),
      requests_(std::exchange(other.requests_, 0)) {}

Admission::Ticket& Admission::Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  Release();
  admission_ = std::exchange(other.admission_, nullptr);
  client_ = std::move(other.client_);
  bytes_ = std::exchange(other.bytes_, 0);
  requests_ = std::exchange(other.requests_, 0);
  return *this;
}

bool Admission::Ticket::Grow(size_t bytes) {
  if (!admission_->Take(client_, 0, bytes)) return false;
  bytes_ += bytes;
  return true;
}

bool Admission::Ticket::Enter(size_t requests) {
  if (!admission_->Take(client_, requests, 0)) return false;
  requests_ += requests;
  return true;
}

void Admission::Ticket::Leave() {
  if (admission_ != nullptr) admission_->Give(client_, std::exchange(requests_, 0), 0);
}

void Admission::Ticket::Shrink(size_t bytes) {
  admission_->Give(client_, 0, bytes);
  bytes_ -= bytes;
}

void Admission::Ticket::Release() {
  if (admission_ == nullptr) return;
  admission_->Give(client_, std::exchange(requests_, 0), std::exchange(bytes_, 0));
}

Admission::Ticket Admission::Open(std::string_view client) {
  Ticket ticket;
  ticket.admission_ = this;
  ticket.client_ = client;
  return ticket;
}

AdmissionState Admission::State() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool Admission::Take(const std::string& client, size_t requests, size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = clients_.find(client);
  const Held own = found == clients_.end() ? Held{} : found->second;
  if (!Fits(requests, own.requests, state_.requests, limits_.requests) ||
      !Fits(bytes, own.bytes, state_.bytes, limits_.bytes)) {
    ++state_.refusals;
    return false;
  }
  state_.requests += requests;
  state_.bytes += bytes;
  clients_[client] = {own.requests + requests, own.bytes + bytes};
  return true;
}

void Admission::Give(const std::string& client, size_t requests, size_t bytes) {
  if (requests == 0 && bytes == 0) return;
  const std::lock_guard lock(mutex_);
  state_.requests -= requests;
  state_.bytes -= bytes;
  const auto found = clients_.find(client);
  found->second.requests -= requests;
  found->second.bytes -= bytes;
  if (found->second.requests == 0 && found->second.bytes == 0) clients_.erase(found);
}

}  // namespace waterline::server
