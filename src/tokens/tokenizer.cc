// Finding the tokenizer of a directory.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

#include "tokens/checkpoint_tokenizers.h"

namespace waterline {
namespace {

using Read = Result<Pipeline> (*)(const TokenizerSource&);
struct Format {
  const char* file;
  Read read;
};
constexpr Format kFormats[] = {
    {"tokenizer.json", ReadTokenizerJson},  {"spm.model", ReadSentencePiece},
    {"spiece.model", ReadSentencePiece},    {"sentencepiece.bpe.model", ReadSentencePiece},
    {"tokenizer.model", ReadSentencePiece}, {"vocab.txt", ReadVocabTxt},
};

// LlamaTokenizer builds its template from add_bos_token and add_eos_token, whatever the file says.
Result<void> LayLlamaTemplate(const TokenizerConfig& config, Pipeline& pipeline) {
  if (!config.IsClass("LlamaTokenizer") && !config.IsClass("GemmaTokenizer")) return {};
  const bool is_gemma = config.IsClass("GemmaTokenizer");
  const auto set = [&](bool is_added, const char* name, const char* fallback,
                       std::pmr::vector<int32_t>& ids) -> Result<void> {
    ids.clear();
    if (!is_added) return {};
    const std::string token = config.Named(name, fallback);
    std::optional<int32_t> id = pipeline.added.TokenId(token);
    if (!id.has_value()) id = pipeline.model->TokenId(token);
    if (!id.has_value()) {
      return Error{Code::kBadModel, fmt::format("tokenizer_config.json names the {} {}, which the "
                                                "vocabulary lacks",
                                                name, token)};
    }
    ids.push_back(*id);
    return {};
  };
  Result<void> done =
      set(config.add_bos_token, "bos_token", is_gemma ? "<bos>" : "<s>", pipeline.prefix);
  if (!done.ok()) return done;
  return set(config.add_eos_token, "eos_token", is_gemma ? "<eos>" : "</s>", pipeline.suffix);
}

Result<std::unique_ptr<Tokenizer>> LoadFrom(const std::filesystem::path& path, Read read,
                                            Budget& budget, std::pmr::memory_resource* memory) {
  const Result<TokenizerConfig> config = ReadTokenizerConfig(path.parent_path(), budget);
  if (!config.ok()) return config.error();
  const TokenizerSource source{path, *config, budget, memory};
  Result<Pipeline> pipeline = read(source);
  if (!pipeline.ok()) return pipeline.error();
  AddConfigTokens(source, *pipeline);
  if (Result<void> done = LayLlamaTemplate(*config, *pipeline); !done.ok()) return done.error();
  pipeline->max_length = config->max_length;
  return MakeTokenizer(*std::move(pipeline));
}

}  // namespace

void AddConfigTokens(const TokenizerSource& source, Pipeline& pipeline) {
  std::vector<AddedToken> tokens;
  for (const AddedToken& token : source.config.added_tokens) {
    if (!pipeline.added.TokenId(token.content).has_value()) tokens.push_back(token);
  }
  for (const std::string& content : source.config.special_tokens) {
    const auto is_same = [&](const AddedToken& token) { return token.content == content; };
    if (pipeline.added.TokenId(content).has_value()) continue;
    if (std::find_if(tokens.begin(), tokens.end(), is_same) != tokens.end()) continue;
    tokens.push_back({.content = content, .normalized = false, .special = true});
  }
  if (tokens.empty()) return;
  BudgetResource loading(source.budget, Use::kLoading);
  pipeline.added.Add(tokens, *pipeline.model, pipeline.normalizer, &loading);
}

Result<std::unique_ptr<Tokenizer>> Tokenizer::Load(const std::filesystem::path& directory,
                                                   Budget& budget,
                                                   std::pmr::memory_resource* memory) {
  std::string names;
  for (const Format& format : kFormats) {
    const std::filesystem::path path = directory / format.file;
    std::error_code error;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", format.file);
    if (!std::filesystem::exists(path, error)) continue;
    try {
      return LoadFrom(path, format.read, budget, memory);
    } catch (const OverBudget& over) {
      return Error{Code::kOverBudget,
                   fmt::format("the tokenizer {} takes {} bytes more, but the budget has {} left",
                               path.string(), over.wanted(), over.available())};
    } catch (const std::bad_alloc&) {
      return Error{Code::kOverBudget,
                   fmt::format("neither the budget nor the machine has memory left for the "
                               "tokenizer {}",
                               path.string())};
    }
  }
  return Error{Code::kNotFound,
               fmt::format("{} holds no tokenizer: none of {}", directory.string(), names)};
}

}  // namespace waterline
