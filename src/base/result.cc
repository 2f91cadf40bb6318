// SPDX-License-Identifier: Apache-2.0
#include "waterline/result.h"

namespace waterline {

const char* CodeName(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
      return "invalid_argument";
    case Code::kNotFound:
      return "not_found";
    case Code::kBadModel:
      return "bad_model";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kOverBudget:
      return "over_budget";
    case Code::kIo:
      return "io";
    case Code::kDeadline:
      return "deadline";
    case Code::kCancelled:
      return "cancelled";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace waterline
