// Where passes run: the host, or one of several devices.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "device/device.h"
#include "device/lane.h"
#include "engine/model.h"
#include "memory/block.h"
#include "memory/budget.h"
#include "memory/waiting_line.h"
#include "memory/workspace.h"
#include "waterline/memory.h"
#include "waterline/result.h"

namespace waterline {

// The network with its weights on one device, and the memory that its passes run in.
struct Site {
  Device* device = nullptr;  // nullptr: the host.
  const Kernels* kernels = nullptr;
  const Network* network = nullptr;
  std::shared_ptr<Budget> budget;  // Of the device; of the host that of the engine.
  Reservation weights;             // Of the device, in its budget.
  Block workspace_block;
  std::optional<Workspace> workspace;
  Block rooms;  // The stage rooms of the lanes.
  std::vector<std::unique_ptr<Lane>> lanes;
};

// The sites of an engine and their lanes, for passes to take.
class Sites {
 public:
  // At least one, which do not move. The host's lane is for everybody at once.
  void Open(std::vector<std::unique_ptr<Site>> sites);

  size_t size() const { return sites_.size(); }
  Site& operator[](size_t i) const { return *sites_[i]; }
  auto begin() const { return sites_.begin(); }
  auto end() const { return sites_.end(); }
  // Passes that can run at once; 0 for as many as there are threads.
  int lanes() const { return static_cast<int>(lanes_); }

  // A lane for one pass, until it is destroyed.
  class Hold {
   public:
    Hold(Hold&& other) noexcept
        : sites_(std::exchange(other.sites_, nullptr)), site_(other.site_), lane_(other.lane_) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold();
    Lane& lane() const { return *lane_; }
    Site& site() const { return *site_; }

   private:
    friend class Sites;
    Hold(Sites* sites, Site* site, Lane* lane) : sites_(sites), site_(site), lane_(lane) {}
    Sites* sites_;  // nullptr for a lane that nobody has to give back.
    Site* site_;
    Lane* lane_;
  };
  // Waits for a lane that is free, of `only` unless that is nullptr. Takes the workspace of its
  // site again where Trim gave it back. Errors: kDeadline, kCancelled; kOverBudget, kIo  the device
  // no longer has the memory.
  Result<Hold> Acquire(const WaitLimit& limit, const Site* only = nullptr);

  // Gives the workspaces that no pass and no lease uses back to their devices; those of the host
  // stay, without their pages.
  void Trim();

 private:
  struct Free {
    Site* site;
    Lane* lane;
  };

  std::vector<std::unique_ptr<Site>> sites_;
  std::mutex mutex_;
  WaitingLine line_;
  std::vector<Free> free_;
  size_t lanes_ = 0;
};

}  // namespace waterline
