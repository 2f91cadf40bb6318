// Added tokens, normaliser, pre-tokenizer and model in the order in which text runs through them.
// SPDX-License-Identifier: Apache-2.0
#include "tokens/pipeline.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <utility>

#include "tokens/code_points.h"

namespace waterline {
namespace {

class PipelineTokenizer final : public Tokenizer {
 public:
  explicit PipelineTokenizer(Pipeline pipeline) : pipeline_(std::move(pipeline)) { Recount(); }

  void AddSpecialTokens(std::span<const std::string> tokens) override {
    std::vector<AddedToken> added;
    for (const std::string& token : tokens) {
      if (pipeline_.added.TokenId(token).has_value()) continue;
      added.push_back({.content = token, .normalized = false, .special = true});
    }
    if (added.empty()) return;
    pipeline_.added.Add(added, *pipeline_.model, pipeline_.normalizer,
                        std::pmr::get_default_resource());
    Recount();
  }

  void EncodeWord(std::string_view word, std::pmr::vector<int32_t>& ids) const override {
    Encode(word, ids);
  }
  // The reference runs each pre-split word through the whole pipeline as if it were a text.
  void EncodeText(std::string_view text, std::pmr::vector<int32_t>& ids) const override {
    Encode(text, ids);
  }

  std::span<const int32_t> prefix() const override { return pipeline_.prefix; }
  std::span<const int32_t> suffix() const override { return pipeline_.suffix; }
  std::optional<int32_t> TokenId(std::string_view token) const override {
    const std::optional<int32_t> added = pipeline_.added.TokenId(token);
    return added.has_value() ? added : pipeline_.model->TokenId(token);
  }
  int64_t size() const override { return pipeline_.model->size() + beyond_; }
  std::optional<int64_t> max_length() const override { return pipeline_.max_length; }
  std::string Describe() const override {
    return fmt::format("{}, {} tokens + {} added", pipeline_.model->name(), pipeline_.model->size(),
                       beyond_);
  }

 private:
  // What one call works in: storage on the stack, and behind it the memory of the ids.
  struct Work {
    explicit Work(std::pmr::memory_resource* upstream)
        : memory(stack.data(), stack.size(), upstream),
          pieces(&memory),
          spare(&memory),
          raw(&memory),
          normalized(&memory) {}

    std::array<std::byte, 6144> stack;
    std::pmr::monotonic_buffer_resource memory;
    Pieces pieces;
    Pieces spare;
    std::pmr::vector<Stretch> raw;
    std::pmr::vector<Stretch> normalized;
  };

  void Recount() { beyond_ = pipeline_.added.CountBeyond(*pipeline_.model); }

  void Encode(std::string_view text, std::pmr::vector<int32_t>& ids) const {
    if (text.empty()) return;
    Work work(ids.get_allocator().resource());
    if (!pipeline_.added.has_raw()) {
      EncodeRaw(text, true, work, ids);
      return;
    }
    pipeline_.added.SplitRaw(text, work.raw);
    for (const Stretch& stretch : work.raw) {
      if (stretch.id != PieceTrie::kNoId) {
        ids.push_back(stretch.id);
      } else {
        EncodeRaw(text.substr(stretch.begin, stretch.end - stretch.begin), stretch.begin == 0, work,
                  ids);
      }
    }
  }

  // A stretch without raw added tokens; `is_start`: it opens the input.
  void EncodeRaw(std::string_view text, bool is_start, Work& work,
                 std::pmr::vector<int32_t>& ids) const {
    Text& current = work.pieces.text;
    current.bytes.assign(text);
    current.head = is_start ? SequenceBytes(static_cast<unsigned char>(text[0])) : 0;
    pipeline_.normalizer.Apply(current, work.spare.text);
    if (!pipeline_.added.has_normalized()) {
      EncodePieces(work, ids);
      return;
    }
    work.normalized.clear();
    pipeline_.added.SplitNormalized(current.bytes, work.normalized);
    if (work.normalized.size() == 1 && work.normalized[0].id == PieceTrie::kNoId) {
      EncodePieces(work, ids);
      return;
    }
    const std::pmr::string whole(current.bytes, &work.memory);
    const size_t head = current.head;
    for (const Stretch& stretch : work.normalized) {
      if (stretch.id != PieceTrie::kNoId) {
        ids.push_back(stretch.id);
        continue;
      }
      current.bytes.assign(whole, stretch.begin, stretch.end - stretch.begin);
      current.head = head > stretch.begin ? head - stretch.begin : 0;
      EncodePieces(work, ids);
    }
  }

  // The normalised text of work.pieces.
  void EncodePieces(Work& work, std::pmr::vector<int32_t>& ids) const {
    pipeline_.pre_tokenizer.Apply(work.pieces, work.spare);
    for (const Piece piece : work.pieces.pieces) {
      pipeline_.model->Encode(work.pieces.Bytes(piece), ids);
    }
  }

  Pipeline pipeline_;
  int64_t beyond_ = 0;  // Added tokens that the model lacks.
};

}  // namespace

std::unique_ptr<Tokenizer> MakeTokenizer(Pipeline pipeline) {
  return std::make_unique<PipelineTokenizer>(std::move(pipeline));
}

}  // namespace waterline
