// The config.json of common backbones, for checkpoints that name one and carry no encoder_config.
// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "checkpoint/backbone_config.h"

namespace waterline {

namespace {

struct Shape {
  std::string_view name;
  int64_t vocab_size;
  int64_t layers;
  int64_t hidden_size;
  int64_t heads;
  int64_t intermediate;
};

// Values of the config.json of these hub repositories.
constexpr Shape kDebertaV3[] = {
    {"microsoft/deberta-v3-xsmall", 128100, 12, 384, 6, 1536},
    {"microsoft/deberta-v3-small", 128100, 6, 768, 12, 3072},
    {"microsoft/deberta-v3-base", 128100, 12, 768, 12, 3072},
    {"microsoft/deberta-v3-large", 128100, 24, 1024, 16, 4096},
    {"microsoft/mdeberta-v3-base", 251000, 12, 768, 12, 3072},
};
constexpr Shape kBert[] = {
    {"bert-base-uncased", 30522, 12, 768, 12, 3072},
    {"bert-base-cased", 28996, 12, 768, 12, 3072},
    {"bert-large-uncased", 30522, 24, 1024, 16, 4096},
    {"bert-large-cased", 28996, 24, 1024, 16, 4096},
    {"bert-base-multilingual-cased", 119547, 12, 768, 12, 3072},
    {"sentence-transformers/all-MiniLM-L6-v2", 30522, 6, 384, 12, 1536},
    {"sentence-transformers/all-MiniLM-L12-v2", 30522, 12, 384, 12, 1536},
    {"BAAI/bge-small-en-v1.5", 30522, 12, 384, 12, 1536},
    {"BAAI/bge-base-en-v1.5", 30522, 12, 768, 12, 3072},
    {"BAAI/bge-large-en-v1.5", 30522, 24, 1024, 16, 4096},
};

constexpr Shape kRoberta[] = {
    {"roberta-base", 50265, 12, 768, 12, 3072},
    {"roberta-large", 50265, 24, 1024, 16, 4096},
    {"xlm-roberta-base", 250002, 12, 768, 12, 3072},
    {"xlm-roberta-large", 250002, 24, 1024, 16, 4096},
};
constexpr Shape kModernBert[] = {
    {"answerdotai/ModernBERT-base", 50368, 22, 768, 12, 1152},
    {"answerdotai/ModernBERT-large", 50368, 28, 1024, 16, 2624},
};
constexpr Shape kEttin[] = {
    {"jhu-clsp/ettin-encoder-17m", 50368, 7, 256, 4, 384},
    {"jhu-clsp/ettin-encoder-32m", 50368, 10, 384, 6, 576},
    {"jhu-clsp/ettin-encoder-68m", 50368, 19, 512, 8, 768},
    {"jhu-clsp/ettin-encoder-150m", 50368, 22, 768, 12, 1152},
    {"jhu-clsp/ettin-encoder-400m", 50368, 28, 1024, 16, 2624},
    {"jhu-clsp/ettin-encoder-1b", 50368, 28, 1792, 28, 3840},
};
constexpr Shape kMt5[] = {
    {"google/mt5-small", 250112, 8, 512, 6, 1024},
    {"google/mt5-base", 250112, 12, 768, 12, 2048},
    {"google/mt5-large", 250112, 24, 1024, 16, 2816},
};

BackboneConfig FromShape(const Shape& shape) {
  BackboneConfig config;
  config.vocab_size = shape.vocab_size;
  config.layers = shape.layers;
  config.hidden_size = shape.hidden_size;
  config.heads = shape.heads;
  config.intermediate = shape.intermediate;
  config.activation = "gelu";
  config.max_positions = 512;
  return config;
}

BackboneConfig Bert(const Shape& shape) {
  BackboneConfig config = FromShape(shape);
  config.model_type = "bert";
  config.norm_eps = 1e-12;
  config.type_vocab_size = 2;
  return config;
}

BackboneConfig Roberta(const Shape& shape) {
  BackboneConfig config = FromShape(shape);
  config.model_type = shape.name.starts_with("xlm-") ? "xlm-roberta" : "roberta";
  config.norm_eps = 1e-5;
  config.max_positions = 514;
  config.type_vocab_size = 1;
  config.pad_token_id = 1;
  return config;
}

BackboneConfig ModernBert(const Shape& shape, double local_theta) {
  BackboneConfig config = FromShape(shape);
  config.model_type = "modernbert";
  config.norm_eps = 1e-5;
  config.max_positions = 8192;
  config.rope.theta = 160000;
  config.local_rope.theta = local_theta;
  for (int64_t i = 0; i < shape.layers; ++i) config.windows.push_back(i % 3 == 0 ? 0 : 128 / 2);
  return config;
}

BackboneConfig Mt5(const Shape& shape) {
  BackboneConfig config = FromShape(shape);
  config.model_type = "mt5";
  config.norm_eps = 1e-6;
  config.head_size = 64;
  config.gated = true;
  config.activation = "gelu_new";
  return config;
}

BackboneConfig DebertaV3(const Shape& shape) {
  BackboneConfig config = FromShape(shape);
  config.model_type = "deberta-v2";
  config.norm_eps = 1e-7;
  config.relative_attention = true;
  config.position_buckets = 256;
  config.norm_rel_ebd = true;
  config.share_att_key = true;
  config.c2p = true;
  config.p2c = true;
  config.position_biased_input = false;
  return config;
}

}  // namespace

std::optional<BackboneConfig> KnownBackbone(const std::string& name) {
  for (const Shape& shape : kDebertaV3) {
    if (shape.name == name) return DebertaV3(shape);
  }
  for (const Shape& shape : kModernBert) {
    if (shape.name == name) return ModernBert(shape, 10000);
  }
  for (const Shape& shape : kEttin) {
    if (shape.name == name) return ModernBert(shape, 160000);
  }
  for (const Shape& shape : kMt5) {
    if (shape.name == name) return Mt5(shape);
  }
  // The hub keeps the oldest models under two names.
  std::string_view bare = name;
  for (const std::string_view owner : {"google-bert/", "FacebookAI/"}) {
    if (bare.starts_with(owner)) bare.remove_prefix(owner.size());
  }
  for (const Shape& shape : kBert) {
    if (shape.name == bare) return Bert(shape);
  }
  for (const Shape& shape : kRoberta) {
    if (shape.name == bare) return Roberta(shape);
  }
  return std::nullopt;
}

}  // namespace waterline
