// The config.json of common backbones, for checkpoints that name one and carry no encoder_config.
// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "checkpoint/config.h"

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
  // The hub keeps Google's models under both names.
  constexpr std::string_view kGoogle = "google-bert/";
  const std::string_view bare =
      name.starts_with(kGoogle) ? std::string_view(name).substr(kGoogle.size()) : name;
  for (const Shape& shape : kBert) {
    if (shape.name == bare) return Bert(shape);
  }
  return std::nullopt;
}

}  // namespace waterline
