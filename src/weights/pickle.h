// The part of Python's pickle format that a dict of tensors saved by torch needs.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "waterline/result.h"

namespace waterline {

// A tensor as the pickle describes it; nothing is checked against the storages yet.
struct PickledTensor {
  std::string_view storage_class;  // "FloatStorage"; a view into the pickle.
  std::string_view storage_key;    // "0", for the archive entry data/0; a view into the pickle.
  int64_t storage_elements = 0;
  int64_t offset = 0;  // In elements from the start of the storage.
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;  // In elements, one a dimension.
};

struct PickledDict {
  std::map<std::string, PickledTensor, std::less<>> tensors;
  // Entries that are not tensors, by name, in words: "a number".
  std::map<std::string, std::string, std::less<>> others;
};

// Interprets `pickle` (protocols 2 to 5,
// https://github.com/python/cpython/blob/3.11/Lib/pickletools.py) with the opcodes of dicts, lists,
// tuples, strings and numbers, and the globals that torch.save writes for a state dict:
// collections.OrderedDict, torch._utils._rebuild_tensor_v2, _rebuild_parameter, and storage
// classes. State set by BUILD (such as _metadata) is dropped. No recursion; at most 2^20 opcodes,
// which bounds the memory to some 100 bytes each. Errors, both naming `file`:
//   kBadModel     not a pickle, truncated, an unknown opcode, a global outside the list above (by
//   its
//                 name), more opcodes than the limit, a result that is no dict with strings as
//                 keys.
//   kUnsupported  a dict that holds dicts, as {"state_dict": {...}}.
Result<PickledDict> ReadPickledDict(const std::string& file, std::string_view pickle);

}  // namespace waterline
