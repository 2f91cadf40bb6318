// A processor with memory of its own.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "device/lane.h"
#include "kernels/kernels.h"
#include "memory/block.h"
#include "memory/budget.h"
#include "waterline/result.h"
#include "weights/weight.h"

namespace waterline {

// Thread-safe. Lives for ever: a process opens each device once.
class Device : public BlockSource {
 public:
  virtual const std::string& name() const = 0;   // "cuda:0"
  virtual const std::string& model() const = 0;  // "NVIDIA H100 80GB HBM3, sm_90, 132 SMs"
  // For sizes, and for packing in host memory. The operations of a pass are those of a lane.
  virtual const Kernels& kernels() const = 0;

  struct Memory {
    size_t free = 0;
    size_t total = 0;
  };
  // Errors: kIo
  virtual Result<Memory> memory() const = 0;
  // What the driver took for this process beside what was allocated: its context and the kernels.
  // Measured while the device was opened.
  virtual size_t context_bytes() const = 0;

  // Copies to a block of the device; done when the call returns. Errors: kIo
  virtual Result<void> Upload(std::span<const std::byte> from, std::byte* to) = 0;
  // A lane whose stages run in `stage_room`, memory of the device. Its buffers in host memory are
  // taken from `budget` as staging; products of linear maps are of `type` where attention and span
  // scores have a choice. Errors: kOverBudget, kIo.
  virtual Result<std::unique_ptr<Lane>> MakeLane(WeightType type, std::span<std::byte> stage_room,
                                                 Budget& budget) = 0;
};

// The devices that `names` names: none for "" and "cpu"; "cuda" or "cuda:0", "cuda:1", "cuda:0,1",
// "cuda:all". Errors: kInvalidArgument  another name. kUnsupported  a build without that backend.
// kNotFound  no such device; says what the driver says.
Result<std::vector<Device*>> FindDevices(std::string_view names);

}  // namespace waterline
