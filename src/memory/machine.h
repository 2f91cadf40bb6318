// What the machine has to give.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace waterline {

// Bytes that this process could take now: what the kernel calls available, or what the cgroup's
// limit leaves, whichever is less. 0 when the system does not say.
size_t AvailableMemory();

}  // namespace waterline
