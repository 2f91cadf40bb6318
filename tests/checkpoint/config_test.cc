// What gliner_config.json and backbone configs mean: defaults, null, choice of architecture,
// refusals. SPDX-License-Identifier: Apache-2.0
#include "checkpoint/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "weights/temp_directory.h"

namespace waterline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Result<GlinerConfig> Read(const std::string& json) {
  const TempDirectory directory;
  directory.Write("gliner_config.json", json);
  return ReadGlinerConfig(directory.path());
}

GlinerConfig Accepted(const std::string& json) {
  const Result<GlinerConfig> config = Read(json);
  EXPECT_TRUE(config.ok()) << config.error().message;
  return config.ok() ? *config : GlinerConfig();
}

std::string Refusal(const std::string& json) {
  const Result<GlinerConfig> config = Read(json);
  if (config.ok()) return "accepted";
  EXPECT_EQ(config.error().code, Code::kBadModel);
  EXPECT_THAT(config.error().message, HasSubstr("gliner_config.json"));
  return config.error().message;
}

// The backbone of a config with this encoder_config.
BackboneConfig Encoder(const std::string& json) {
  return Accepted(R"({"encoder_config":)" + json + "}").encoder.value_or(BackboneConfig());
}

std::string EncoderRefusal(const std::string& json) {
  return Refusal(R"({"encoder_config":)" + json + "}");
}

std::filesystem::path Golden(const std::string& model) {
  return std::filesystem::path(WATERLINE_GOLDEN_DIR) / "models" / model / "checkpoint";
}

TEST(ReadGlinerConfig, GivesDefaultsForAnEmptyObject) {
  const GlinerConfig config = Accepted("{}");
  EXPECT_EQ(config.architecture, Architecture::kUniSpan);
  EXPECT_EQ(config.model_name, "microsoft/deberta-v3-small");
  EXPECT_FALSE(config.encoder.has_value());
  EXPECT_EQ(config.vocab_size, -1);
  EXPECT_EQ(config.class_token_index, -1);
  EXPECT_EQ(config.ent_token, "<<ENT>>");
  EXPECT_EQ(config.sep_token, "<<SEP>>");
  EXPECT_TRUE(config.embed_ent_token);
  EXPECT_EQ(config.max_len, 384);
  EXPECT_EQ(config.max_width, 12);
  EXPECT_EQ(config.span_mode, "markerV0");
  EXPECT_EQ(config.hidden_size, 512);
  EXPECT_EQ(config.num_rnn_layers, 1);
  EXPECT_FALSE(config.fuse_layers);
  EXPECT_FALSE(config.span_encoder.has_value());
  EXPECT_EQ(config.subtoken_pooling, "first");
  EXPECT_EQ(config.words_splitter_type, "whitespace");
}

TEST(ReadGlinerConfig, TakesNullAsAbsentAndIgnoresUnknownKeys) {
  const GlinerConfig config = Accepted(
      R"({"labels_encoder":null,"model_type":null,"post_fusion_schema":null,"encoder_config":null,)"
      R"("relations_layer":null,"max_len":null,"span_mode":null,"span_encoder_config":null,)"
      R"("lr_encoder":"1e-5","has_rnn":false,"shuffle_types":[1,{"a":2}],"max_types":"many"})");
  EXPECT_EQ(config.architecture, Architecture::kUniSpan);
  EXPECT_EQ(config.max_len, 384);
  EXPECT_EQ(config.span_mode, "markerV0");
  EXPECT_FALSE(config.encoder.has_value());
  EXPECT_EQ(config.num_rnn_layers, 1);
}

TEST(ReadGlinerConfig, TakesEmbedEntTokenNullAsFalse) {
  EXPECT_FALSE(Accepted(R"({"embed_ent_token":null})").embed_ent_token);
}

TEST(ReadGlinerConfig, ChoosesTheArchitectureByFields) {
  const auto of = [](const std::string& json) { return Accepted(json).architecture; };
  EXPECT_EQ(of(R"({"span_mode":"token_level"})"), Architecture::kUniToken);
  EXPECT_EQ(of(R"({"labels_encoder":"x"})"), Architecture::kBiSpan);
  EXPECT_EQ(of(R"({"labels_encoder":"","span_mode":"token_level"})"), Architecture::kBiToken);
  EXPECT_EQ(of(R"({"labels_decoder":"x","labels_encoder":"y"})"), Architecture::kSpanDecoder);
  EXPECT_EQ(of(R"({"labels_decoder":"x","span_mode":"token_level"})"), Architecture::kTokenDecoder);
  EXPECT_EQ(of(R"({"relations_layer":"none","labels_decoder":"x"})"),
            Architecture::kUniSpanRelations);
  EXPECT_EQ(of(R"({"relations_layer":"dot","span_mode":"token_level"})"),
            Architecture::kUniTokenRelations);
  EXPECT_EQ(of(R"({"model_type":"gliner_bi_encoder_span"})"), Architecture::kUniSpan);
  EXPECT_STREQ(ArchitectureName(Architecture::kUniSpan), "uni-encoder span");
}

TEST(ReadGlinerConfig, GivesTheStreamingArchitectureItsDefaults) {
  const GlinerConfig config = Accepted(
      R"({"model_type":"gliner_streaming_span","labels_decoder":"gpt2","relations_layer":"x"})");
  EXPECT_EQ(config.architecture, Architecture::kStreamingSpan);
  EXPECT_EQ(config.num_rnn_layers, 0);
  EXPECT_EQ(config.span_mode, "markerV2");
  EXPECT_EQ(config.model_name, "gpt2");
}

TEST(ReadGlinerConfig, NamesKeyValueAndPossibleValues) {
  EXPECT_THAT(Refusal(R"({"span_mode":"token-level"})"),
              AllOf(HasSubstr("span_mode is \"token-level\""), HasSubstr("token_level")));
  EXPECT_THAT(Refusal(R"({"span_mode":"markerV9"})"),
              AllOf(HasSubstr("\"markerV9\""), HasSubstr("markerV0, markerV1")));
  EXPECT_THAT(Refusal(R"({"subtoken_pooling":"sum"})"), HasSubstr("first, last, mean, max"));
  EXPECT_THAT(Refusal(R"({"words_splitter_type":3})"), HasSubstr("whitespace, spacy"));
  EXPECT_THAT(Refusal(R"({"max_len":"384"})"),
              HasSubstr("max_len is \"384\", but must be an integer"));
  EXPECT_THAT(Refusal(R"({"max_width":0})"), HasSubstr("from 1 to 65536"));
  EXPECT_THAT(Refusal(R"({"hidden_size":1e3})"), HasSubstr("hidden_size"));
  EXPECT_THAT(Refusal(R"({"fuse_layers":1})"), HasSubstr("true or false"));
  EXPECT_THAT(Refusal(R"({"ent_token":""})"), HasSubstr("not empty"));
  EXPECT_THAT(Refusal(R"({"encoder_config":"x"})"), HasSubstr("an object or null"));
}

TEST(ReadGlinerConfig, ReportsEveryWrongKeyAtOnce) {
  EXPECT_THAT(Refusal(R"({"max_len":"a","max_width":-1,"encoder_config":{"hidden_size":"b"}})"),
              AllOf(HasSubstr("max_len"), HasSubstr("max_width"),
                    HasSubstr("encoder_config.hidden_size is \"b\"")));
}

TEST(ReadGlinerConfig, RefusesWhatIsNoObject) {
  EXPECT_THAT(Refusal("[1]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(Refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(Refusal("{\"a\":"), HasSubstr("not a JSON object"));
  const TempDirectory empty;
  EXPECT_EQ(ReadGlinerConfig(empty.path()).error().code, Code::kNotFound);
}

TEST(BackboneConfig, HasTheDefaultsOfDebertaV2WithoutModelType) {
  const BackboneConfig config = Encoder("{}");
  EXPECT_EQ(config.model_type, "deberta-v2");
  EXPECT_EQ(config.vocab_size, 128100);
  EXPECT_EQ(config.hidden_size, 1536);
  EXPECT_EQ(config.layers, 24);
  EXPECT_EQ(config.heads, 24);
  EXPECT_EQ(config.intermediate, 6144);
  EXPECT_EQ(config.activation, "gelu");
  EXPECT_EQ(config.norm_eps, 1e-7);
  EXPECT_EQ(config.max_positions, 512);
  EXPECT_EQ(config.type_vocab_size, 0);
  EXPECT_FALSE(config.relative_attention);
  EXPECT_EQ(config.max_relative_positions, -1);
  EXPECT_EQ(config.position_buckets, -1);
  EXPECT_FALSE(config.norm_rel_ebd);
  EXPECT_FALSE(config.share_att_key);
  EXPECT_FALSE(config.c2p || config.p2c);
  EXPECT_TRUE(config.position_biased_input);
  EXPECT_EQ(config.embedding_size, 0);
  EXPECT_EQ(config.conv_kernel_size, 0);
}

TEST(BackboneConfig, HasTheDefaultsOfBert) {
  const BackboneConfig config = Encoder(R"({"model_type":"bert"})");
  EXPECT_EQ(config.vocab_size, 30522);
  EXPECT_EQ(config.hidden_size, 768);
  EXPECT_EQ(config.layers, 12);
  EXPECT_EQ(config.heads, 12);
  EXPECT_EQ(config.intermediate, 3072);
  EXPECT_EQ(config.norm_eps, 1e-12);
  EXPECT_EQ(config.max_positions, 512);
  EXPECT_EQ(config.type_vocab_size, 2);
  EXPECT_EQ(config.position_embedding_type, "absolute");
}

TEST(BackboneConfig, ReadsPosAttTypeInEveryForm) {
  const auto of = [](const std::string& json) {
    return Encoder(R"({"pos_att_type":)" + json + "}");
  };
  for (const char* both : {R"(["c2p","p2c"])", R"("p2c|c2p")", R"("P2C | C2P")"}) {
    const BackboneConfig config = of(both);
    EXPECT_TRUE(config.c2p && config.p2c) << both;
  }
  EXPECT_TRUE(of(R"(["c2p"])").c2p);
  EXPECT_FALSE(of(R"(["c2p"])").p2c);
  EXPECT_FALSE(of("null").c2p);
  EXPECT_FALSE(of("[]").c2p);
  EXPECT_THAT(EncoderRefusal(R"({"pos_att_type":["p2x"]})"),
              HasSubstr("encoder_config.pos_att_type"));
  EXPECT_THAT(EncoderRefusal(R"({"pos_att_type":7})"), HasSubstr("c2p, p2c"));
}

TEST(BackboneConfig, ReadsTheOtherDebertaKeys) {
  const BackboneConfig config = Encoder(
      R"({"hidden_size":64,"num_attention_heads":4,"norm_rel_ebd":"none|Layer_Norm",)"
      R"("embedding_size":64,"conv_kernel_size":3,"conv_act":"gelu","attention_head_size":16})");
  EXPECT_TRUE(config.norm_rel_ebd);
  EXPECT_EQ(config.embedding_size, 0);
  EXPECT_EQ(config.conv_kernel_size, 3);
  EXPECT_EQ(config.conv_act, "gelu");
  EXPECT_EQ(Encoder(R"({"embedding_size":24})").embedding_size, 24);
}

TEST(BackboneConfig, RefusesHeadsThatDoNotDivideTheWidth) {
  EXPECT_THAT(EncoderRefusal(R"({"hidden_size":10,"num_attention_heads":4})"),
              AllOf(HasSubstr("hidden_size 10"), HasSubstr("num_attention_heads 4")));
  EXPECT_THAT(
      EncoderRefusal(R"({"hidden_size":64,"num_attention_heads":4,"attention_head_size":8})"),
      HasSubstr("attention_head_size is 8"));
}

TEST(BackboneConfig, KeepsOnlyTheNameOfUnknownKinds) {
  const BackboneConfig config = Encoder(R"({"model_type":"mamba","hidden_size":"odd"})");
  EXPECT_EQ(config.model_type, "mamba");
  EXPECT_EQ(config.hidden_size, 0);
}

TEST(BackboneConfig, HasTheDefaultsOfEveryKind) {
  const auto of = [](const std::string& type) {
    return Encoder(R"({"model_type":")" + type + "\"}");
  };
  EXPECT_EQ(of("roberta").pad_token_id, 1);
  EXPECT_EQ(of("roberta").vocab_size, 50265);
  EXPECT_EQ(of("xlm-roberta").vocab_size, 30522);
  EXPECT_EQ(of("electra").hidden_size, 256);
  EXPECT_EQ(of("electra").embedding_size, 128);
  EXPECT_EQ(of("distilbert").layers, 6);
  EXPECT_EQ(of("distilbert").type_vocab_size, 0);
  EXPECT_EQ(of("albert").embedding_size, 128);
  EXPECT_EQ(of("albert").activation, "gelu_new");
  EXPECT_EQ(of("deberta").norm_eps, 1e-7);
  EXPECT_EQ(of("longformer").windows, std::vector<int64_t>(12, 256));
  EXPECT_EQ(of("t5").activation, "relu");
  EXPECT_FALSE(of("t5").gated);
  EXPECT_EQ(of("mt5").activation, "gelu_new");
  EXPECT_TRUE(of("mt5").gated);
  EXPECT_EQ(of("mt5").heads * of("mt5").head_width(), 384);
  EXPECT_EQ(of("llama").key_heads, 32);
  EXPECT_EQ(of("llama").norm_eps, 1e-6);
  EXPECT_TRUE(of("qwen2").attention_bias);
  const BackboneConfig modern = of("modernbert");
  EXPECT_EQ(modern.rope.theta, 160000);
  EXPECT_EQ(modern.local_rope.theta, 10000);
  ASSERT_EQ(modern.windows.size(), 22u);
  EXPECT_EQ(modern.windows[0], 0);
  EXPECT_EQ(modern.windows[1], 64);
  EXPECT_EQ(modern.windows[3], 0);
}

TEST(BackboneConfig, ReadsDistilbertsOwnNames) {
  const BackboneConfig config =
      Encoder(R"({"model_type":"distilbert","dim":64,"n_heads":4,"n_layers":3,"hidden_dim":9,)"
              R"("activation":"relu"})");
  EXPECT_EQ(config.hidden_size, 64);
  EXPECT_EQ(config.heads, 4);
  EXPECT_EQ(config.layers, 3);
  EXPECT_EQ(config.intermediate, 9);
  EXPECT_EQ(config.activation, "relu");
  EXPECT_THAT(EncoderRefusal(R"({"model_type":"distilbert","dim":10,"n_heads":4})"),
              AllOf(HasSubstr("dim 10"), HasSubstr("n_heads 4")));
}

TEST(BackboneConfig, ReadsWindowsOfLongformer) {
  const auto of = [](const std::string& window) {
    return R"({"model_type":"longformer","num_hidden_layers":2,"attention_window":)" + window + "}";
  };
  EXPECT_EQ(Encoder(of("64")).windows, (std::vector<int64_t>{32, 32}));
  EXPECT_EQ(Encoder(of("[16,32]")).windows, (std::vector<int64_t>{8, 16}));
  for (const char* wrong : {"[16]", "[16,3]", "0", "7", R"("all")"}) {
    EXPECT_THAT(EncoderRefusal(of(wrong)), HasSubstr("attention_window")) << wrong;
  }
}

TEST(BackboneConfig, ReadsOldAndNewKeysOfModernBert) {
  const BackboneConfig old =
      Encoder(R"({"model_type":"modernbert","num_hidden_layers":4,"global_attn_every_n_layers":2,)"
              R"("local_attention":32,"global_rope_theta":5,"local_rope_theta":null})");
  EXPECT_EQ(old.windows, (std::vector<int64_t>{0, 16, 0, 16}));
  EXPECT_EQ(old.rope.theta, 5);
  EXPECT_EQ(old.local_rope.theta, 5);
  const BackboneConfig now =
      Encoder(R"({"model_type":"modernbert","num_hidden_layers":3,)"
              R"("layer_types":["sliding_attention","full_attention","sliding_attention"],)"
              R"("rope_parameters":{"full_attention":{"rope_type":"default","rope_theta":7},)"
              R"("sliding_attention":{"rope_theta":8}}})");
  EXPECT_EQ(now.windows, (std::vector<int64_t>{64, 0, 64}));
  EXPECT_EQ(now.rope.theta, 7);
  EXPECT_EQ(now.local_rope.theta, 8);
  EXPECT_THAT(EncoderRefusal(R"({"model_type":"modernbert","layer_types":["full_attention"]})"),
              HasSubstr("layer_types"));
  EXPECT_THAT(EncoderRefusal(R"({"model_type":"modernbert",)"
                             R"("rope_parameters":{"full_attention":{"rope_type":"yarn"}}})"),
              AllOf(HasSubstr("encoder_config.rope_parameters.full_attention.rope_type"),
                    HasSubstr("default, linear, llama3")));
}

TEST(BackboneConfig, ReadsTheFeedForwardOfT5) {
  const auto of = [](const std::string& keys) {
    return Encoder(R"({"model_type":"t5")" + keys + "}");
  };
  EXPECT_EQ(of(R"(,"feed_forward_proj":"gated-gelu")").activation, "gelu_new");
  EXPECT_TRUE(of(R"(,"feed_forward_proj":"gated-silu")").gated);
  EXPECT_EQ(of(R"(,"feed_forward_proj":"gated-silu")").activation, "silu");
  EXPECT_EQ(of(R"(,"feed_forward_proj":"relu","dense_act_fn":"gelu")").activation, "gelu");
}

TEST(BackboneConfig, ReadsGroupsAndRopeOfLlama) {
  const BackboneConfig config = Encoder(
      R"({"model_type":"llama","num_attention_heads":8,"num_key_value_heads":2,"head_dim":10,)"
      R"("rope_theta":500000.0,"rope_scaling":{"rope_type":"llama3","factor":32.0,)"
      R"("low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192}})");
  EXPECT_EQ(config.key_heads, 2);
  EXPECT_EQ(config.head_width(), 10);
  EXPECT_EQ(config.rope.theta, 500000);
  EXPECT_EQ(config.rope.scaling, Rope::Scaling::kLlama3);
  EXPECT_EQ(config.rope.factor, 32);
  EXPECT_THAT(
      EncoderRefusal(R"({"model_type":"llama","num_attention_heads":8,"num_key_value_heads":3})"),
      HasSubstr("num_key_value_heads 3"));
  EXPECT_THAT(EncoderRefusal(R"({"model_type":"llama","rope_scaling":{"type":"dynamic"}})"),
              HasSubstr("rope_scaling.type is \"dynamic\""));
}

TEST(ReadBackboneConfig, ReadsAFileAndNeedsItsModelType) {
  const Result<BackboneConfig> config =
      ReadBackboneConfig(Golden("us_bin_old_config") / "backbone" / "config.json");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->hidden_size, 32);
  EXPECT_EQ(config->layers, 1);
  EXPECT_EQ(config->vocab_size, 328);
  EXPECT_EQ(config->position_buckets, 16);
  EXPECT_TRUE(config->c2p && config->p2c && config->share_att_key && config->norm_rel_ebd);
  const TempDirectory directory;
  const Result<BackboneConfig> nameless = ReadBackboneConfig(directory.Write("config.json", "{}"));
  ASSERT_FALSE(nameless.ok());
  EXPECT_THAT(nameless.error().message, HasSubstr("model_type"));
}

TEST(ReadGlinerConfig, ReadsEveryGoldenCheckpoint) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(WATERLINE_GOLDEN_DIR) / "models")) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("us_") && !name.starts_with("bb_")) continue;
    SCOPED_TRACE(name);
    const Result<GlinerConfig> config = ReadGlinerConfig(entry.path() / "checkpoint");
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->architecture, Architecture::kUniSpan);
    EXPECT_EQ(config->encoder.has_value(), name != "us_bin_old_config");
    ++count;
  }
  EXPECT_GE(count, 26);
}

TEST(ReadGlinerConfig, ReadsWhatDistinguishesGoldenCheckpoints) {
  const auto of = [](const std::string& model) { return *ReadGlinerConfig(Golden(model)); };
  EXPECT_EQ(of("us_bin_old_config").model_name, "backbone");
  EXPECT_EQ(of("us_bin_old_config").hidden_size, 24);
  EXPECT_EQ(of("us_bin_noindex").class_token_index, -1);
  EXPECT_EQ(of("us_pii_style").class_token_index, 231);
  EXPECT_EQ(of("us_pii_style").max_len, 2048);
  EXPECT_EQ(of("us_rnn0_postfusion_ignored").num_rnn_layers, 0);
  EXPECT_EQ(of("us_rnn2_pool_last").num_rnn_layers, 2);
  EXPECT_EQ(of("us_rnn2_pool_last").subtoken_pooling, "last");
  EXPECT_EQ(of("us_width1").max_width, 1);
  EXPECT_EQ(of("us_maxlen20").max_len, 20);
  EXPECT_FALSE(of("us_embed_after_marker").embed_ent_token);
  EXPECT_EQ(of("us_realbuckets").encoder->position_buckets, 256);
  EXPECT_EQ(of("bb_bert").encoder->model_type, "bert");
  EXPECT_EQ(of("bb_bert_cased_relu").encoder->activation, "relu");
  EXPECT_EQ(of("bb_deberta_v2_conv").encoder->conv_kernel_size, 3);
  EXPECT_EQ(of("bb_deberta_v2_conv_groups").encoder->conv_groups, 2);
  EXPECT_EQ(of("bb_deberta_v2_embproj").encoder->embedding_size, 24);
  EXPECT_FALSE(of("bb_deberta_v2_noshare").encoder->share_att_key);
  EXPECT_FALSE(of("bb_deberta_v2_abs").encoder->relative_attention);
  EXPECT_FALSE(of("bb_deberta_v2_c2p").encoder->p2c);
  EXPECT_FALSE(of("bb_deberta_v2_p2c").encoder->c2p);
}

TEST(KnownBackbone, HasTheBackbonesOfOldCheckpoints) {
  const BackboneConfig small = *KnownBackbone("microsoft/deberta-v3-small");
  EXPECT_EQ(small.model_type, "deberta-v2");
  EXPECT_EQ(small.layers, 6);
  EXPECT_EQ(small.hidden_size, 768);
  EXPECT_EQ(small.position_buckets, 256);
  EXPECT_TRUE(small.c2p && small.p2c && small.share_att_key && small.norm_rel_ebd);
  EXPECT_FALSE(small.position_biased_input);
  EXPECT_EQ(KnownBackbone("microsoft/mdeberta-v3-base")->vocab_size, 251000);
  EXPECT_EQ(KnownBackbone("bert-base-cased")->vocab_size, 28996);
  EXPECT_EQ(KnownBackbone("google-bert/bert-base-cased")->vocab_size, 28996);
  EXPECT_EQ(KnownBackbone("FacebookAI/xlm-roberta-base")->model_type, "xlm-roberta");
  EXPECT_EQ(KnownBackbone("roberta-large")->max_positions, 514);
  EXPECT_EQ(KnownBackbone("answerdotai/ModernBERT-base")->local_rope.theta, 10000);
  EXPECT_EQ(KnownBackbone("jhu-clsp/ettin-encoder-32m")->local_rope.theta, 160000);
  EXPECT_EQ(KnownBackbone("google/mt5-small")->head_width(), 64);
  EXPECT_FALSE(KnownBackbone("somebody/unknown").has_value());
}

TEST(KnownBackbone, HasHeadsThatDivideTheWidth) {
  for (const char* name :
       {"microsoft/deberta-v3-xsmall", "microsoft/deberta-v3-base", "microsoft/deberta-v3-large",
        "bert-large-uncased", "sentence-transformers/all-MiniLM-L6-v2"}) {
    const std::optional<BackboneConfig> config = KnownBackbone(name);
    ASSERT_TRUE(config.has_value()) << name;
    EXPECT_EQ(config->hidden_size % config->heads, 0) << name;
    EXPECT_EQ(config->intermediate, 4 * config->hidden_size) << name;
  }
}

}  // namespace
}  // namespace waterline
