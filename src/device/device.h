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

  // What reports say of it.
  struct Facts {
    std::string model;   // "NVIDIA H100 80GB HBM3"
    int capability = 0;  // 90 for compute capability 9.0.
    int processors = 0;  // Multiprocessors.
    int clock_khz = 0;   // Highest clock of these, and of the memory; 0 when not known.
    int memory_clock_khz = 0;
    int memory_bits = 0;  // Width of the bus.
    bool ecc = false;
    int driver = 0;   // Newest CUDA that the driver knows: 13000 for 13.0;
    int runtime = 0;  // the one of this build.
  };
  // Errors: kIo
  virtual Result<Facts> facts() const = 0;

  // What single machine instructions do, compared with what their documents say.
  struct InstructionProbe {
    std::string name;
    std::string mismatch;  // The first number that differs, and what it should be; "": none does.
  };
  // Errors: kOverBudget, kIo
  virtual Result<std::vector<InstructionProbe>> ProbeInstructions() = 0;

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
