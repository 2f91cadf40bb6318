// SPDX-License-Identifier: Apache-2.0
#include "encoder/encoder.h"

#include <fmt/format.h>

#include "encoder/bert.h"
#include "encoder/deberta_v2.h"

namespace waterline {

Result<std::unique_ptr<Encoder>> MakeEncoder(const BackboneConfig& config, Binder weights,
                                             std::pmr::memory_resource* memory) {
  if (config.heads <= 0 || config.hidden_size % config.heads != 0) {
    return Error{Code::kBadModel,
                 fmt::format("hidden_size {} is not a multiple of num_attention_heads {}",
                             config.hidden_size, config.heads)};
  }
  if (config.model_type == "bert") return Bert::Make(config, weights);
  if (config.model_type == "deberta-v2") return DebertaV2::Make(config, weights, memory);
  return Error{Code::kUnsupported,
               fmt::format("backbone model_type \"{}\" is not supported; possible are \"bert\" and "
                           "\"deberta-v2\"",
                           config.model_type)};
}

std::optional<Act> ParseAct(const std::string& name) {
  if (name == "gelu") return Act::kGelu;
  if (name == "relu") return Act::kRelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast")
    return Act::kGeluTanh;
  if (name == "tanh") return Act::kTanh;
  if (name == "silu" || name == "swish") return Act::kSilu;
  return std::nullopt;
}

}  // namespace waterline
