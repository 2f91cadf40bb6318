// What the machine has to give, and what the process has taken.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>

namespace waterline {

// Bytes that this process could take now: what the kernel calls available, or what the limit of its
// control group or of one around it leaves, whichever is least. Pages of files that a group keeps
// in memory count as free in it, as the kernel drops them first. 0 when the system does not say.
// `root` stands before /proc and /sys, for tests.
size_t AvailableMemory(const std::filesystem::path& root = "/");

// Pages of this process that are resident now, and the most since its start; 0 when the system does
// not say. Allocates nothing.
struct ResidentMemory {
  size_t now = 0;
  size_t peak = 0;
};
ResidentMemory ReadResidentMemory();

}  // namespace waterline
