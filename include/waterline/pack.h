// Checkpoints written again with shorter weights, to be shipped and loaded like any other.
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "waterline/engine.h"
#include "waterline/result.h"

namespace waterline {

// How the word embeddings of a packed checkpoint are stored. They are no linear map: a row is read
// for each token and used as it is.
enum class EmbeddingType {
  kAsStored,  // Answers are those of the checkpoint it is made from, bit for bit.
  kBf16,      // Half of f32; each number is rounded to 8 significant bits.
};

struct PackOptions {
  Precision dtype = Precision::kInt8;  // Or kBf16.
  EmbeddingType embeddings = EmbeddingType::kAsStored;
};

// What was written.
struct PackReport {
  std::string source;  // Directories.
  std::string directory;
  Precision dtype = Precision::kInt8;
  int64_t tensors = 0;             // In the new file, scales not counted,
  int64_t tensors_shortened = 0;   // of which are stored in fewer bytes than before.
  size_t bytes_before = 0;         // Of the weights file that was read,
  size_t bytes = 0;                // and of the one that was written.
  std::vector<std::string> files;  // Names of the other files of the directory.
};

// Writes the checkpoint `model` (as Engine::Load takes it) to the new `directory`, with linear maps
// stored as options.dtype, its config, its tokenizer, its README and its licence. docs/packing.md
// says what is stored how. Engine::Load of the result runs as options.dtype unless told otherwise,
// and refuses other types; its answers are those of the original with EngineOptions::dtype =
// options.dtype, bit for bit, on every instruction set.
// The directory appears whole or not at all: it is written beside its place under another name
// (`directory`.partial-..., which stays only when the process is killed). Takes the
// memory of the tokenizer and a few MiB. One call at a time for one directory; any thread.
// Errors: as Engine::Load for `model`, except kOverBudget, and
//         kInvalidArgument  another type than those; `directory` is there already; `model` is
//                           packed already.
//         kIo               the system refused to write, or has no space left.
Result<PackReport> Pack(const std::string& model, const std::string& directory,
                        const PackOptions& options = {});

}  // namespace waterline
