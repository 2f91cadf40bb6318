// SPDX-License-Identifier: Apache-2.0
#include "memory/waiting_line.h"

#include <fmt/format.h>

namespace waterline {

Error WaitError(Waited waited, const char* what) {
  if (waited == Waited::kCancelled) {
    return {Code::kCancelled, fmt::format("stopped while waiting for {}", what)};
  }
  return {Code::kDeadline,
          fmt::format("{} did not become free before the deadline; other calls hold it", what)};
}

void WaitingLine::Join(Place& place) {
  place.before = last_;
  (last_ == nullptr ? first_ : last_->behind) = &place;
  last_ = &place;
}

void WaitingLine::Leave(Place& place) {
  (place.before == nullptr ? first_ : place.before->behind) = place.behind;
  (place.behind == nullptr ? last_ : place.behind->before) = place.before;
  changed_.notify_all();
}

}  // namespace waterline
