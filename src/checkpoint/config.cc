// Reads gliner_config.json: every wrong key of a file is reported at once.
// SPDX-License-Identifier: Apache-2.0
#include "checkpoint/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <simdjson.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "checkpoint/fields.h"

namespace waterline {

namespace {

namespace dom = simdjson::dom;

constexpr std::string_view kSpanModes[] = {
    "marker",    "markerV0", "markerV1",  "markerV2", "query",      "mlp",        "cat",
    "conv_conv", "conv_max", "conv_mean", "conv_sum", "conv_share", "token_level"};
constexpr std::string_view kPoolings[] = {"first", "last", "mean", "max"};
constexpr std::string_view kSplitters[] = {"whitespace", "spacy", "mecab", "jieba",     "hanlp",
                                           "janome",     "camel", "hindi", "universal", "stanza"};

// First match wins: relations, label decoder, label encoder, none; each with a span and a token
// head.
Architecture ChooseArchitecture(const Fields& fields, bool streaming, bool token_level) {
  if (streaming) return Architecture::kStreamingSpan;
  if (fields.Has("relations_layer")) {
    return token_level ? Architecture::kUniTokenRelations : Architecture::kUniSpanRelations;
  }
  if (fields.Has("labels_decoder")) {
    return token_level ? Architecture::kTokenDecoder : Architecture::kSpanDecoder;
  }
  if (fields.Has("labels_encoder")) {
    return token_level ? Architecture::kBiToken : Architecture::kBiSpan;
  }
  return token_level ? Architecture::kUniToken : Architecture::kUniSpan;
}

void ReadSpanMode(Fields& fields, GlinerConfig& config) {
  const std::optional<dom::element> value = fields.Value("span_mode");
  std::string_view text;
  if (value.has_value() && value->get(text) == simdjson::SUCCESS && text == "token-level") {
    return fields.Wrong("span_mode", *value, "spelled token_level, with an underscore");
  }
  fields.OneOf("span_mode", config.span_mode, kSpanModes);
}

void ReadEncoderConfig(Fields& fields, GlinerConfig& config) {
  const std::optional<dom::element> value = fields.Value("encoder_config");
  if (!value.has_value()) return;
  dom::object object;
  if (value->get(object) != simdjson::SUCCESS) {
    return fields.Wrong("encoder_config", *value, "an object or null");
  }
  Fields encoder(object, fields.Nested("encoder_config"));
  std::string model_type = "deberta-v2";
  encoder.Text("model_type", model_type);
  config.encoder = ReadBackbone(encoder, model_type);
  fields.Join(encoder);
}

// The streaming architecture has other defaults, and older files call the backbone labels_decoder.
void ReadStreaming(Fields& fields, GlinerConfig& config) {
  config.num_rnn_layers = 0;
  config.span_mode = "markerV2";
  const std::string default_name = config.model_name;
  fields.Text("model_name", config.model_name);
  if (config.model_name == default_name) fields.Text("labels_decoder", config.model_name);
}

GlinerConfig ReadGliner(Fields& fields) {
  GlinerConfig config;
  std::string_view model_type;
  const std::optional<dom::element> type = fields.Value("model_type");
  const bool streaming = type.has_value() && type->get(model_type) == simdjson::SUCCESS &&
                         model_type == "gliner_streaming_span";
  if (streaming) {
    ReadStreaming(fields, config);
  } else {
    fields.Text("model_name", config.model_name);
  }
  ReadSpanMode(fields, config);
  config.architecture = ChooseArchitecture(fields, streaming, config.span_mode == "token_level");
  ReadEncoderConfig(fields, config);
  fields.Integer("vocab_size", config.vocab_size, -1, kMostRows);
  fields.Integer("class_token_index", config.class_token_index, -1, kMostRows);
  fields.Text("ent_token", config.ent_token);
  fields.Text("sep_token", config.sep_token);
  fields.Flag("embed_ent_token", config.embed_ent_token);
  if (fields.IsNull("embed_ent_token")) config.embed_ent_token = false;
  fields.Integer("max_len", config.max_len, 1, kMostRows);
  fields.Integer("max_width", config.max_width, 1, kMostWidth);
  fields.Integer("hidden_size", config.hidden_size, 1, kMostColumns);
  fields.Integer("num_rnn_layers", config.num_rnn_layers, 0, kMostLayers);
  fields.Flag("fuse_layers", config.fuse_layers);
  config.has_span_encoder = fields.Has("span_encoder_config");
  fields.Flag("precomputed_prompts_mode", config.precomputed_prompts);
  fields.OneOf("subtoken_pooling", config.subtoken_pooling, kPoolings);
  fields.OneOf("words_splitter_type", config.words_splitter_type, kSplitters);
  return config;
}

}  // namespace

const char* ArchitectureName(Architecture architecture) {
  switch (architecture) {
    case Architecture::kUniSpan:
      return "uni-encoder span";
    case Architecture::kUniToken:
      return "uni-encoder token";
    case Architecture::kBiSpan:
      return "bi-encoder span";
    case Architecture::kBiToken:
      return "bi-encoder token";
    case Architecture::kUniSpanRelations:
      return "uni-encoder span with relations";
    case Architecture::kUniTokenRelations:
      return "uni-encoder token with relations";
    case Architecture::kSpanDecoder:
      return "uni-encoder span with label decoder";
    case Architecture::kTokenDecoder:
      return "uni-encoder token with label decoder";
    case Architecture::kStreamingSpan:
      return "streaming span";
  }
  return "?";
}

Result<GlinerConfig> ReadGlinerConfig(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "gliner_config.json";
  dom::parser parser;
  const Result<dom::object> object = ParseJsonObject(file, parser);
  if (!object.ok()) return object.error();
  Fields fields(*object, "");
  GlinerConfig config = ReadGliner(fields);
  if (!fields.problems().empty()) return fields.BadFile(file);
  return config;
}

}  // namespace waterline
