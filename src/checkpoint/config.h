// gliner_config.json: what a checkpoint says it is.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "checkpoint/backbone_config.h"
#include "waterline/result.h"

namespace waterline {

enum class Architecture {
  kUniSpan,
  kUniToken,
  kBiSpan,
  kBiToken,
  kUniSpanRelations,
  kUniTokenRelations,
  kSpanDecoder,
  kTokenDecoder,
  kStreamingSpan,
};
// "uni-encoder span", ...
const char* ArchitectureName(Architecture architecture);

struct GlinerConfig {
  Architecture architecture = Architecture::kUniSpan;
  std::string model_name = "microsoft/deberta-v3-small";
  std::optional<BackboneConfig> encoder;  // encoder_config; empty when null or absent.
  int64_t vocab_size = -1;
  int64_t class_token_index = -1;
  std::string ent_token = "<<ENT>>";
  std::string sep_token = "<<SEP>>";
  bool embed_ent_token = true;
  int64_t max_len = 384;
  int64_t max_width = 12;
  std::string span_mode = "markerV0";
  int64_t hidden_size = 512;
  int64_t num_rnn_layers = 1;
  bool fuse_layers = false;
  bool has_span_encoder = false;  // span_encoder_config is set.
  bool precomputed_prompts = false;
  std::string subtoken_pooling = "first";
  std::string words_splitter_type = "whitespace";
};

// Parses `directory`/gliner_config.json by the rules of spec/gliner-data-and-decoding.md 1.
// Errors: kNotFound  no such file.  kBadModel  not JSON, a key of the wrong type, a value out of
// range (subtoken_pooling, span_mode): names file, key, value, and the possible values.
Result<GlinerConfig> ReadGlinerConfig(const std::filesystem::path& directory);

}  // namespace waterline
