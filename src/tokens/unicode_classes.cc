// Look-up of the run that holds a code point, through an index of blocks of 256.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/unicode_classes.h"

#include <cstddef>
#include <iterator>

namespace waterline::unicode_internal {
namespace {

constexpr uint32_t kRuns[] = {
#include "tokens/unicode_classes_table.inc"
};
constexpr size_t kRunCount = std::size(kRuns);
constexpr uint32_t kClassBits = 11;
constexpr size_t kBlocks = 0x1100;

// For each block of 256 code points, the run that holds its first one.
constexpr std::array<uint16_t, kBlocks + 1> MakeBlockIndex() {
  std::array<uint16_t, kBlocks + 1> index{};
  size_t run = 0;
  for (size_t block = 0; block < kBlocks; ++block) {
    while (run + 1 < kRunCount && (kRuns[run + 1] >> kClassBits) <= block * 256) ++run;
    index[block] = static_cast<uint16_t>(run);
  }
  index[kBlocks] = static_cast<uint16_t>(kRunCount - 1);
  return index;
}

constexpr std::array<uint16_t, 256> MakeLatin() {
  std::array<uint16_t, 256> classes{};
  size_t run = 0;
  for (uint32_t c = 0; c < 256; ++c) {
    while (run + 1 < kRunCount && (kRuns[run + 1] >> kClassBits) <= c) ++run;
    classes[c] = static_cast<uint16_t>(kRuns[run] & ((1u << kClassBits) - 1));
  }
  return classes;
}

constexpr std::array<uint16_t, kBlocks + 1> kBlockIndex = MakeBlockIndex();

}  // namespace

const std::array<uint16_t, 256> kLatinClasses = MakeLatin();

uint32_t ClassesOfRun(char32_t code_point) {
  const size_t block = code_point >> 8;
  if (block >= kBlocks) return 0;
  size_t low = kBlockIndex[block];
  size_t high = kBlockIndex[block + 1];
  while (low < high) {  // The last run that starts at or before `code_point`.
    const size_t middle = (low + high + 1) / 2;
    if ((kRuns[middle] >> kClassBits) <= code_point) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return kRuns[low] & ((1u << kClassBits) - 1);
}

}  // namespace waterline::unicode_internal
