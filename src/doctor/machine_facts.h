// What there is to say about the program and the machine in a report.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "device/device.h"

namespace waterline {

struct Fact {
  std::string name;
  std::string value;
};

// Version, compiler, system, CPU, instruction sets, memory.
std::vector<Fact> MachineFacts();
// Model, architecture, memory, clocks, versions of driver and runtime. Errors: kIo
Result<std::vector<Fact>> DeviceFacts(const Device& device);

// What is there of a driver for GPUs, whatever this build can do with it: "the driver of NVIDIA
// 580.65.06 is loaded, libcuda.so.1 is there", "no driver of NVIDIA is loaded, and libcuda.so.1 is
// not there".
std::string DescribeDriver();

// Whether the library of NVIDIA's driver can be loaded.
bool HasDriverLibrary();

// Instruction sets that this machine has, fastest first.
std::vector<std::string> InstructionSets();

}  // namespace waterline
