// SPDX-License-Identifier: Apache-2.0
#include "encoder/encoder.h"

#include <fmt/format.h>

#include "encoder/bert.h"
#include "encoder/deberta_v2.h"
#include "encoder/pre_norm.h"

namespace waterline {

Result<std::unique_ptr<Encoder>> MakeEncoder(const BackboneConfig& config, Binder weights,
                                             std::pmr::memory_resource* memory) {
  const std::string& type = config.model_type;
  if (type == "albert") return Bert::MakeAlbert(config, weights);
  if (type == "deberta") return DebertaV2::MakeFirst(config, weights, memory);
  if (type == "deberta-v2") return DebertaV2::Make(config, weights, memory);
  if (type == "distilbert") return Bert::MakeDistilbert(config, weights);
  if (type == "lfm2") return PreNorm::MakeLfm2(config, weights, memory);
  if (type == "llama" || type == "qwen2") return PreNorm::MakeLlama(config, weights, memory);
  if (type == "modernbert") return PreNorm::MakeModernBert(config, weights, memory);
  if (type == "t5" || type == "mt5") return PreNorm::MakeT5(config, weights, memory);
  if (type == "bert" || type == "roberta" || type == "xlm-roberta" || type == "electra" ||
      type == "longformer") {
    return Bert::Make(config, weights);
  }
  return Error{Code::kUnsupported,
               fmt::format("backbone model_type \"{}\" is not supported; possible are {}", type,
                           KnownModelTypes())};
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
