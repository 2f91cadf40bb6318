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

// A small encoder over given rows (gliner modeling/context_encoders.py).
struct ContextEncoderConfig {
  std::string kind;  // "deberta-v2", "modernbert" or "rnn".
  // Of "deberta-v2" and "modernbert"; of "rnn" only hidden_size and layers.
  BackboneConfig encoder;
  bool bidirectional = true;  // "rnn"
};

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
inline bool HasLabelEncoder(Architecture a) {
  return a == Architecture::kBiSpan || a == Architecture::kBiToken;
}
inline bool FindsRelations(Architecture a) {
  return a == Architecture::kUniSpanRelations || a == Architecture::kUniTokenRelations;
}

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
  std::string subtoken_pooling = "first";
  std::string words_splitter_type = "whitespace";
  // An encoder over the words in front of the span layer (span_encoder_config).
  std::optional<ContextEncoderConfig> span_encoder;
  // Label vectors are stored in the checkpoint (precomputed_prompts_mode), in the order of
  // id_to_classes and rel_id_to_classes.
  bool precomputed_prompts = false;
  std::vector<std::string> classes;
  std::vector<std::string> relation_classes;
  bool represent_spans = false;  // Token models: spans are scored once more.

  // Bi-encoders.
  std::string labels_encoder_name;               // labels_encoder
  std::optional<BackboneConfig> labels_encoder;  // labels_encoder_config
  std::string post_fusion_schema;
  int64_t num_post_fusion_layers = 1;

  // Relations.
  std::string relations_layer;  // Lower case; "none" scores every pair.
  std::string triples_layer;    // Empty: pairs are scored by an MLP.
  std::string rel_token = "<<REL>>";
  int64_t rel_token_index = -1;
  bool embed_rel_token = true;
};

// Parses `directory`/gliner_config.json by the rules of spec/gliner-data-and-decoding.md 1.
// Errors: kNotFound  no such file.  kBadModel  not JSON, a key of the wrong type, a value out of
// range (subtoken_pooling, span_mode): names file, key, value, and the possible values.
Result<GlinerConfig> ReadGlinerConfig(const std::filesystem::path& directory);

}  // namespace waterline
