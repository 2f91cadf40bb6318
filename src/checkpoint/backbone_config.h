// The backbone's config: what an encoder is made from.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "waterline/result.h"

namespace waterline {

class Fields;

// How positions turn queries and keys (rope_theta, rope_scaling; transformers modeling_rope_utils).
struct Rope {
  enum class Scaling { kNone, kLinear, kLlama3 };

  double theta = 10000;
  Scaling scaling = Scaling::kNone;
  double factor = 1;
  double low_frequency = 1, high_frequency = 4;  // low_freq_factor, high_freq_factor
  int64_t first_length = 8192;                   // original_max_position_embeddings
};

// The backbone's Hugging Face config (`encoder_config`, or config.json of the backbone, or the
// built-in table for names whose config is not at hand). Fields that a kind of backbone does not
// have keep the default of its configuration class in transformers.
struct BackboneConfig {
  std::string model_type;  // "bert", "deberta-v2", ...
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t layers = 0;         // num_hidden_layers
  int64_t heads = 0;          // num_attention_heads
  int64_t head_size = 0;      // Width of a head (d_kv, head_dim); 0: hidden_size / heads.
  int64_t intermediate = 0;   // intermediate_size
  std::string activation;     // hidden_act
  double norm_eps = 0;        // layer_norm_eps
  int64_t max_positions = 0;  // max_position_embeddings
  int64_t type_vocab_size = 0;
  int64_t pad_token_id = 0;
  std::string position_embedding_type = "absolute";  // bert and what is like it
  int64_t embedding_size = 0;                        // 0: equal to hidden_size

  // deberta, deberta-v2
  bool relative_attention = false;
  int64_t max_relative_positions = -1;
  int64_t position_buckets = -1;
  bool norm_rel_ebd = false;  // "layer_norm" in norm_rel_ebd
  bool share_att_key = false;
  bool c2p = false, p2c = false;  // pos_att_type, a list or "p2c|c2p"
  int64_t position_terms = 0;     // Entries of pos_att_type.
  bool talking_head = false;
  bool position_biased_input = true;
  int64_t conv_kernel_size = 0;  // lfm2: conv_L_cache
  int64_t conv_groups = 1;
  std::string conv_act = "tanh";

  // albert
  int64_t layer_groups = 1;     // num_hidden_groups
  int64_t layers_in_group = 1;  // inner_group_num

  // longformer (attention_window / 2), modernbert (local_attention / 2): how far a token sees on
  // each side in layer i; 0 for all of the text. Empty: all in every layer.
  std::vector<int64_t> windows;

  // modernbert, lfm2, llama, qwen2
  Rope rope;        // rope_theta; modernbert: global_rope_theta, of layers that see all.
  Rope local_rope;  // modernbert: local_rope_theta, of the others.
  bool norm_bias = false;
  bool attention_bias = false;
  bool mlp_bias = false;
  int64_t key_heads = 0;  // num_key_value_heads

  // lfm2: the layers that have a convolution in place of attention.
  std::vector<bool> convolutions;
  bool conv_bias = false;

  // t5, mt5
  bool gated = false;                   // is_gated_act
  int64_t relative_buckets = 32;        // relative_attention_num_buckets
  int64_t relative_max_distance = 128;  // relative_attention_max_distance

  int64_t head_width() const { return head_size > 0 ? head_size : hidden_size / heads; }
};

// The kinds of backbone that are known, for messages: "albert, bert, ...".
std::string KnownModelTypes();

// The backbone that `fields` describes. An unknown `model_type` keeps nothing but its name:
// MakeEncoder refuses it. Wrong values are noted in `fields`.
BackboneConfig ReadBackbone(Fields& fields, const std::string& model_type);

// Parses a backbone's config.json.
Result<BackboneConfig> ReadBackboneConfig(const std::filesystem::path& file);

// The architecture facts of a backbone known by its hub name (microsoft/deberta-v3-small, ...), for
// old checkpoints that carry no encoder_config. nullopt when the name is not in the table.
std::optional<BackboneConfig> KnownBackbone(const std::string& name);

}  // namespace waterline
