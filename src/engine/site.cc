// SPDX-License-Identifier: Apache-2.0
#include "engine/site.h"

#include <algorithm>

#include "base/check.h"

namespace waterline {

void Sites::Open(std::vector<std::unique_ptr<Site>> sites) {
  WATERLINE_CHECK(!sites.empty() && sites_.empty());
  sites_ = std::move(sites);
  // The first lanes of all sites before the second ones, taken from the back.
  size_t most = 0;
  for (const auto& site : sites_) most = std::max(most, site->lanes.size());
  for (size_t i = most; i > 0; --i) {
    for (auto site = sites_.rbegin(); site != sites_.rend(); ++site) {
      if ((*site)->device == nullptr || (*site)->lanes.size() < i) continue;
      free_.push_back({site->get(), (*site)->lanes[i - 1].get()});
    }
  }
  lanes_ = free_.size();
}

Result<Sites::Hold> Sites::Acquire(const WaitLimit& limit, const Site* only) {
  Site& first = *sites_.front();
  if (first.device == nullptr) return Hold(nullptr, &first, first.lanes.front().get());
  std::unique_lock lock(mutex_);
  const auto fits = [only](const Free& free) { return only == nullptr || free.site == only; };
  const Waited waited =
      line_.Wait(lock, limit, [&] { return std::any_of(free_.begin(), free_.end(), fits); });
  if (waited != Waited::kReady) return WaitError(waited, "a lane of the device");
  const auto found = std::find_if(free_.rbegin(), free_.rend(), fits);
  const Free taken = *found;
  if (const Result<void> there = taken.site->workspace_block.Restore(); !there.ok()) {
    line_.Notify();
    return there.error();
  }
  taken.site->workspace->Move(taken.site->workspace_block.bytes());
  free_.erase(std::next(found).base());
  return Hold(this, taken.site, taken.lane);
}

Sites::Hold::~Hold() {
  if (sites_ == nullptr) return;
  lane_->Forget();
  const std::lock_guard lock(sites_->mutex_);
  sites_->free_.push_back({site_, lane_});
  sites_->line_.Notify();
}

void Sites::Trim() {
  const std::lock_guard lock(mutex_);
  for (const auto& site : sites_) {
    if (site->device == nullptr) {
      site->workspace->Trim();
      continue;
    }
    const auto mine = [&](const Free& free) { return free.site == site.get(); };
    const auto idle = static_cast<size_t>(std::count_if(free_.begin(), free_.end(), mine));
    if (idle == site->lanes.size() && site->workspace->in_use() == 0) {
      site->workspace_block.Release();
    }
  }
}

}  // namespace waterline
