// SPDX-License-Identifier: Apache-2.0
#include "arrow_table.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "errors.h"

namespace waterline::python {
namespace {

// Rows between two of which signals are handled.
constexpr int64_t kRowsPerCall = 1024;
// Offsets of a chunk have 31 bits: a chunk ends before it has more bytes than this.
constexpr size_t kChunkBytes = size_t{1} << 30;
constexpr size_t kChunkEntities = size_t{1} << 30;

// A text that was refused.
struct Refusal {
  size_t row;
  Error error;
};

class TableExtractor {
 public:
  TableExtractor(const Engine& engine, TextStream& texts, std::span<const Label> labels,
                 const ExtractOptions& options, bool refused_as_null)
      : engine_(engine),
        texts_(texts),
        labels_(labels),
        options_(options),
        refused_as_null_(refused_as_null) {}

  // The next rows: false at the end. The error of the call, or of the text `refused`.
  Result<bool> Step() {
    if (row_ == rows_) {
      EndChunk();
      const Result<bool> next = texts_.Next();
      if (!next.ok() || !*next) return next;
      row_ = 0;
      rows_ = texts_.rows();
      return true;
    }
    const int64_t end = std::min(rows_, row_ + kRowsPerCall);
    std::vector<Document> documents;
    std::vector<bool> null;
    for (int64_t row = row_; row < end; ++row) {
      const std::optional<std::string_view> text = texts_.at(row);
      null.push_back(!text);
      if (text) documents.push_back({.text = *text});
    }
    const Result<std::vector<Extraction>> found = engine_.Extract(documents, labels_, options_);
    if (!found.ok()) return found.error();
    size_t next = 0;
    for (const bool is_null : null) {
      if (is_null) {
        chunk_->AppendNull();
        continue;
      }
      const Extraction& extraction = (*found)[next];
      if (extraction.error && !refused_as_null_) {
        refused = Refusal{before_ + static_cast<size_t>(chunk_->rows()), *extraction.error};
        return *extraction.error;
      }
      if (extraction.error) {
        chunk_->AppendNull();
      } else {
        Append(documents[next].text, extraction);
      }
      ++next;
    }
    row_ = end;
    return true;
  }

  std::vector<std::shared_ptr<const EntityChunk>> Take() { return std::move(chunks_); }

  std::optional<Refusal> refused;

 private:
  void Append(std::string_view text, const Extraction& extraction) {
    for (const Entity& entity : extraction.entities) {
      chunk_->start.push_back(static_cast<int64_t>(entity.start));
      chunk_->end.push_back(static_cast<int64_t>(entity.end));
      chunk_->score.push_back(entity.score);
      chunk_->label.Append(labels_[static_cast<size_t>(entity.label)].name);
      chunk_->text.Append(text.substr(entity.byte_start, entity.byte_end - entity.byte_start));
    }
    chunk_->AppendRow();
    if (std::max(chunk_->text.bytes.size(), chunk_->label.bytes.size()) > kChunkBytes ||
        chunk_->start.size() > kChunkEntities) {
      EndChunk();
    }
  }

  void EndChunk() {
    if (chunk_->rows() == 0) return;
    before_ += static_cast<size_t>(chunk_->rows());
    chunks_.push_back(std::move(chunk_));
    chunk_ = std::make_shared<EntityChunk>();
  }

  const Engine& engine_;
  TextStream& texts_;
  std::span<const Label> labels_;
  const ExtractOptions& options_;
  const bool refused_as_null_;
  std::vector<std::shared_ptr<const EntityChunk>> chunks_;
  std::shared_ptr<EntityChunk> chunk_ = std::make_shared<EntityChunk>();
  size_t before_ = 0;  // Rows of chunks that are ended.
  int64_t row_ = 0;    // In the batch.
  int64_t rows_ = 0;
};

}  // namespace

EntityColumn ExtractTable(const Engine& engine, TextStream& texts, std::span<const Label> labels,
                          const ExtractOptions& options, bool refused_as_null) {
  TableExtractor extractor(engine, texts, labels, options, refused_as_null);
  for (;;) {
    const Result<bool> more = [&] {
      const nb::gil_scoped_release released;
      return extractor.Step();
    }();
    if (!more.ok()) {
      if (extractor.refused) Raise(extractor.refused->error, extractor.refused->row);
      Raise(more.error());
    }
    if (!*more) return EntityColumn(extractor.Take());
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  }
}

}  // namespace waterline::python
