// A computation that runs twice through the same code: dry, to be planned, and for real.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory_resource>
#include <span>
#include <utility>

#include "base/team.h"
#include "device/lane.h"
#include "memory/arena.h"
#include "ops/ops.h"
#include "waterline/result.h"

namespace waterline {

// What `forward`(Ops&) needs on `lane` when `members` workers compute it. The plan lives in
// `memory`.
template <typename Forward>
Plan PlanOn(Lane& lane, std::pmr::memory_resource* memory, int members, const Forward& forward) {
  Team team(members);
  Arena arena(memory);
  {
    Ops ops(lane.BeginPlan(memory), arena, memory, &team);
    forward(ops);
  }
  Plan plan = std::move(arena).MakePlan();
  plan.noted = (lane.noted_bytes() + Arena::kAlign - 1) / Arena::kAlign * Arena::kAlign;
  plan.bytes += plan.noted;
  return plan;
}

// The part of a block for `plan` that its notes are copied to.
inline std::span<std::byte> NotesOf(const Plan& plan, std::span<std::byte> block) {
  return plan.noted == 0 ? std::span<std::byte>()
                         : block.subspan(plan.bytes - plan.noted, plan.noted);
}

// Runs what PlanOn planned last on `lane`, in `block`, and waits for it.
// Errors: kIo  a tensor could not be read from the checkpoint, the device failed.
template <typename Forward>
Result<void> RunPlanned(Lane& lane, const Plan& plan, std::span<std::byte> block,
                        std::pmr::memory_resource* memory, Team* team, const Forward& forward) {
  Arena arena(block, plan);
  Ops ops(lane.BeginRun(NotesOf(plan, block)), arena, memory, team);
  forward(ops);
  const Result<void> done = lane.Wait();
  if (ops.error()) return *ops.error();
  return done;
}

}  // namespace waterline
