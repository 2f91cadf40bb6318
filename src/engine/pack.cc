// Writes a checkpoint with shorter weights.
//
// What may be stored shorter is what the binder says each tensor is read for: a linear map that is
// rounded at load anyway may be rounded in the file, with the same result. One that is also needed
// in f32 (DeBERTa's query and key maps, which project the position table at load) stays as it is.
// SPDX-License-Identifier: Apache-2.0
#include "waterline/pack.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "base/file.h"
#include "base/new_file.h"
#include "engine/model.h"
#include "kernels/rounding.h"
#include "weights/packed.h"
#include "weights/safetensors_writer.h"

namespace waterline {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kFloatsAtOnce = 256 << 10;
constexpr size_t kBytesAtOnce = size_t{1} << 20;

constexpr const char* kConfig = "config.json";
constexpr const char* kTokenizerFiles[] = {"tokenizer.json",    "tokenizer_config.json",
                                           "added_tokens.json", "special_tokens_map.json",
                                           "spm.model",         "spiece.model",
                                           "vocab.txt",         "merges.txt",
                                           "vocab.json",        "sentencepiece.bpe.model",
                                           "added_tokens.txt"};
constexpr std::string_view kTexts[] = {"README", "LICENSE", "LICENCE", "NOTICE"};

// --- Directories that appear whole.

// A directory under a name of its own beside `target`, removed with all it holds unless it is
// committed.
class PartialDirectory {
 public:
  static Result<PartialDirectory> Make(const fs::path& target) {
    for (int number = 0;; ++number) {
      const std::string name = fmt::format("{}.partial-{}-{}", target.string(), ::getpid(), number);
      if (::mkdir(name.c_str(), 0777) == 0) return PartialDirectory(name, target);
      if (errno != EEXIST) {
        return Error{Code::kIo,
                     fmt::format("cannot make {}: {}", target.string(), std::strerror(errno))};
      }
    }
  }
  PartialDirectory(PartialDirectory&& other) noexcept
      : path_(std::exchange(other.path_, {})), target_(std::move(other.target_)) {}
  PartialDirectory& operator=(PartialDirectory&&) = delete;
  ~PartialDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  const fs::path& path() const { return path_; }

  // Gives it its name, which nobody may have taken meanwhile.
  Result<void> Commit() {
    Sync(path_);
    int renamed = ::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE);
    if (renamed != 0 && errno == EINVAL) {  // A file system that cannot promise that.
      renamed = ::rename(path_.c_str(), target_.c_str());
    }
    if (renamed != 0) {
      return Error{Code::kIo, fmt::format("cannot name {} {}: {}", path_.string(), target_.string(),
                                          std::strerror(errno))};
    }
    path_.clear();
    Sync(target_.has_parent_path() ? target_.parent_path() : fs::path("."));
    return {};
  }

 private:
  PartialDirectory(fs::path path, fs::path target)
      : path_(std::move(path)), target_(std::move(target)) {}

  static void Sync(const fs::path& directory) {
    const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
  }

  fs::path path_;  // Empty when there is nothing to remove.
  fs::path target_;
};

// --- Weights.

// A tensor of the original and what becomes of it.
struct PackedTensor {
  std::string name;
  const StoredTensor* tensor = nullptr;
  TensorUse use;
  Dtype type = Dtype::kF32;  // In the new file.

  int64_t rows() const { return tensor->shape.empty() ? 1 : tensor->shape.front(); }
  int64_t width() const { return rows() == 0 ? 0 : tensor->elements() / rows(); }
};

Dtype TypeFor(const StoredTensor& tensor, const TensorUse& use, const PackOptions& options) {
  const bool maps = (use.whole_map || use.part_of_map) && !use.exact && !use.rows_in_file;
  const bool embeddings = use.rows_in_file && !use.exact && !use.whole_map && !use.part_of_map;
  // Scales belong to whole rows.
  if (options.dtype == Precision::kInt8 && maps && !use.part_of_map) return Dtype::kI8;
  const bool rounded = (options.dtype == Precision::kBf16 && maps) ||
                       (options.embeddings == EmbeddingType::kBf16 && embeddings);
  return rounded && tensor.type == Dtype::kF32 ? Dtype::kBF16 : tensor.type;
}

// The tensors of a file, each once, and their other names.
struct Contents {
  std::vector<PackedTensor> tensors;
  std::map<std::string, std::string> aliases;  // Name -> the name that it is stored under.
};

Contents ListTensors(const TensorFile& file, const BindingReport& report,
                     const PackOptions& options) {
  Contents contents;
  std::map<std::tuple<uint64_t, Dtype, std::vector<int64_t>>, size_t> known;
  for (const auto& [name, tensor] : file.tensors()) {
    size_t index = contents.tensors.size();
    if (tensor.bytes() > 0) {
      index = known.try_emplace({tensor.offset, tensor.type, tensor.shape}, index).first->second;
    }
    if (index == contents.tensors.size()) {
      contents.tensors.push_back({.name = name, .tensor = &tensor, .use = {}});
    } else {
      contents.aliases[name] = contents.tensors[index].name;
    }
    const auto used = report.used.find(name);
    if (used == report.used.end()) continue;
    TensorUse& use = contents.tensors[index].use;
    use.whole_map |= used->second.whole_map;
    use.part_of_map |= used->second.part_of_map;
    use.rows_in_file |= used->second.rows_in_file;
    use.exact |= used->second.exact;
  }
  for (PackedTensor& packed : contents.tensors) {
    packed.type = TypeFor(*packed.tensor, packed.use, options);
  }
  for (const auto& [name, stored] : std::map(contents.aliases)) {
    const auto original =
        std::find_if(contents.tensors.begin(), contents.tensors.end(),
                     [&](const PackedTensor& packed) { return packed.name == stored; });
    if (original->type == Dtype::kI8 && original->tensor->type != Dtype::kI8) {
      contents.aliases[name + kScalesSuffix] = stored + kScalesSuffix;
    }
  }
  return contents;
}

// Writes the tensors of a file in other types.
class WeightsWriter {
 public:
  WeightsWriter(const TensorFile& file, Contents contents)
      : file_(file), contents_(std::move(contents)) {}

  // Returns the bytes of the file. Errors: kBadModel  numbers that are not finite; kIo.
  Result<size_t> Write(const fs::path& path, Precision dtype) {
    // What is stored: a tensor, or the scales of one.
    struct Part {
      NewTensor header;
      const PackedTensor* from;
      bool scales;
    };
    std::vector<Part> parts;
    for (const PackedTensor& packed : contents_.tensors) {
      parts.push_back({{packed.name, packed.type, packed.tensor->shape}, &packed, false});
      if (!Quantised(packed)) continue;
      parts.push_back({{packed.name + kScalesSuffix, Dtype::kF32, {packed.rows()}}, &packed, true});
    }
    std::stable_sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
      return DtypeBytes(a.header.type) > DtypeBytes(b.header.type);
    });
    std::vector<NewTensor> headers;
    for (const Part& part : parts) headers.push_back(part.header);
    std::map<std::string, std::string> metadata = contents_.aliases;
    metadata["format"] = "pt";
    metadata[kPackedAs] = PrecisionName(dtype);
    Result<SafetensorsWriter> writer = SafetensorsWriter::Make(path, headers, metadata);
    if (!writer.ok()) return writer.error();
    for (const Part& part : parts) {
      const PackedTensor& from = *part.from;
      const Result<void> written = part.scales                      ? WriteScales(from, *writer)
                                   : Quantised(from)                ? WriteInt8(from, *writer)
                                   : from.type != from.tensor->type ? WriteBf16(from, *writer)
                                                                    : Copy(from, *writer);
      if (!written.ok()) return written.error();
    }
    const Result<void> closed = writer->Close();
    if (!closed.ok()) return closed.error();
    return writer->file_bytes();
  }

 private:
  static bool Quantised(const PackedTensor& packed) {
    return packed.type == Dtype::kI8 && packed.tensor->type != Dtype::kI8;
  }

  // Calls f with some rows after others, as f32.
  template <typename F>
  Result<void> ForRows(const PackedTensor& packed, const F& f) {
    const int64_t width = packed.width();
    if (width == 0) return {};
    const int64_t at_once = std::max<int64_t>(1, kFloatsAtOnce / width);
    for (int64_t row = 0; row < packed.rows(); row += at_once) {
      const int64_t rows = std::min(at_once, packed.rows() - row);
      floats_.resize(static_cast<size_t>(rows * width));
      Result<void> done = file_.ReadF32(*packed.tensor, row * width, floats_);
      if (!done.ok()) return done;
      if (!AllFinite(floats_)) {
        const auto bad = std::find_if(floats_.begin(), floats_.end(),
                                      [](float number) { return !std::isfinite(number); });
        return Error{Code::kBadModel, fmt::format("{}: {} holds {}, expected finite numbers",
                                                  file_.path().string(), packed.name, *bad)};
      }
      done = f(std::span<const float>(floats_), static_cast<size_t>(width));
      if (!done.ok()) return done;
    }
    return {};
  }

  Result<void> WriteScales(const PackedTensor& packed, SafetensorsWriter& writer) {
    return ForRows(packed, [&](std::span<const float> rows, size_t width) {
      std::vector<float> scales;
      for (size_t at = 0; at < rows.size(); at += width) {
        scales.push_back(Int8StepsOf(rows.subspan(at, width)).scale);
      }
      return writer.Write(std::as_bytes(std::span(scales)));
    });
  }

  Result<void> WriteInt8(const PackedTensor& packed, SafetensorsWriter& writer) {
    return ForRows(packed, [&](std::span<const float> rows, size_t width) {
      std::vector<int8_t> numbers(rows.size());
      for (size_t at = 0; at < rows.size(); at += width) {
        const std::span<const float> row = rows.subspan(at, width);
        RoundToInt8(row, Int8StepsOf(row).inverse, std::span(numbers).subspan(at, width));
      }
      return writer.Write(std::as_bytes(std::span(numbers)));
    });
  }

  Result<void> WriteBf16(const PackedTensor& packed, SafetensorsWriter& writer) {
    return ForRows(packed, [&](std::span<const float> rows, size_t) {
      std::vector<uint16_t> numbers(rows.size());
      RoundToBf16(rows, numbers);
      return writer.Write(std::as_bytes(std::span(numbers)));
    });
  }

  Result<void> Copy(const PackedTensor& packed, SafetensorsWriter& writer) {
    const size_t element = DtypeBytes(packed.type);
    const size_t bytes = packed.tensor->bytes();
    std::vector<std::byte> part;
    for (size_t at = 0; at < bytes; at += part.size()) {
      part.resize(std::min(kBytesAtOnce, bytes - at));
      Result<void> done = file_.Read(*packed.tensor, static_cast<int64_t>(at / element), part);
      if (done.ok()) done = writer.Write(part);
      if (!done.ok()) return done;
    }
    return {};
  }

  const TensorFile& file_;
  const Contents contents_;
  std::vector<float> floats_;
};

// --- Other files.

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

Result<void> CopyFile(const fs::path& from, const fs::path& to) {
  const Result<File> file = File::Open(from);
  if (!file.ok()) return file.error();
  Result<NewFile> copy = NewFile::Make(to);
  if (!copy.ok()) return copy.error();
  std::vector<std::byte> part;
  for (uint64_t at = 0; at < file->size(); at += part.size()) {
    part.resize(std::min<uint64_t>(kBytesAtOnce, file->size() - at));
    Result<void> done = file->ReadAt(at, part);
    if (done.ok()) done = copy->Write(part);
    if (!done.ok()) return done;
  }
  return copy->Close();
}

// A name below a directory, so that what it names moves with it.
bool LiesBelow(const fs::path& name) {
  return !name.empty() && name.is_relative() &&
         std::find(name.begin(), name.end(), fs::path("..")) == name.end();
}

// What `checkpoint` needs beside its weights: where it is, and its name in the new directory.
std::map<fs::path, fs::path> FilesOf(const Checkpoint& checkpoint, const PackOptions& options) {
  const CheckpointFiles& files = checkpoint.files;
  std::map<fs::path, fs::path> wanted;  // Name -> where it is.
  for (const char* name : {"gliner_config.json", kConfig}) wanted[name] = files.directory / name;
  for (const char* name : kTokenizerFiles) wanted[name] = files.tokenizer / name;
  if (checkpoint.label_source == LabelSource::kEncoder) {
    const LabelEncoderFiles& labels = checkpoint.labels_files;
    for (const char* name : kTokenizerFiles) {
      wanted[fs::path("labels_tokenizer") / name] = labels.tokenizer / name;
    }
    const std::string& encoder = checkpoint.config.labels_encoder_name;
    if (!checkpoint.config.labels_encoder && LiesBelow(encoder)) {
      wanted[fs::path(encoder) / kConfig] = labels.backbone / kConfig;
    }
  }
  // Its figures are of the answers of each type, which other embeddings change.
  if (options.embeddings == EmbeddingType::kAsStored) {
    wanted["dtypes.json"] = files.directory / "dtypes.json";
  }
  // The backbone's config is found below its name, as the backbone itself would be.
  if (!checkpoint.config.encoder && LiesBelow(checkpoint.config.model_name)) {
    wanted[fs::path(checkpoint.config.model_name) / kConfig] = files.backbone / kConfig;
  }
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(files.directory, error)) {
    const std::string name = entry.path().filename();
    for (const std::string_view text : kTexts) {
      if (name.starts_with(text)) wanted[name] = entry.path();
    }
  }
  std::erase_if(wanted, [](const auto& file) { return !IsFile(file.second); });
  return wanted;
}

// --- All of it.

Result<PackReport> PackOrThrow(const std::string& model, const std::string& directory,
                               const PackOptions& options) {
  if (options.dtype != Precision::kBf16 && options.dtype != Precision::kInt8) {
    return Error{Code::kInvalidArgument,
                 fmt::format("a checkpoint is packed as bf16 or int8, not as {}",
                             PrecisionName(options.dtype))};
  }
  fs::path target = fs::path(directory).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();  // "packed/"
  std::error_code ignored;
  if (target.empty() || fs::exists(fs::symlink_status(target, ignored))) {
    return Error{Code::kInvalidArgument,
                 fmt::format("'{}' is there already; name a directory that is not", directory)};
  }
  const Kernels& kernels = *CpuKernels("portable");
  Budget unlimited(std::numeric_limits<size_t>::max());
  BudgetResource memory(unlimited, Use::kTokenizer);
  Result<Checkpoint> checkpoint =
      OpenCheckpoint(model, Precision::kDefault, kernels, unlimited, &memory);
  if (!checkpoint.ok()) return checkpoint.error();
  const TensorFile& file = *checkpoint->tensors;
  if (!file.packed_as().empty()) {
    return Error{Code::kInvalidArgument,
                 fmt::format("{} is packed already, as {}; pack the checkpoint that it was made "
                             "from",
                             checkpoint->files.directory.string(), file.packed_as())};
  }
  checkpoint->precision = options.dtype;
  BindingReport bound;
  const Result<Network> network = MeasureNetwork(*checkpoint, kernels, &memory, bound);
  if (!network.ok()) return network.error();

  Result<PartialDirectory> partial = PartialDirectory::Make(target);
  if (!partial.ok()) return partial.error();
  PackReport report;
  report.source = checkpoint->files.directory.string();
  report.directory = target.string();
  report.dtype = options.dtype;
  report.bytes_before = file.file_bytes();
  Contents contents = ListTensors(file, bound, options);
  report.tensors = static_cast<int64_t>(contents.tensors.size());
  report.tensors_shortened =
      std::count_if(contents.tensors.begin(), contents.tensors.end(),
                    [](const PackedTensor& packed) { return packed.type != packed.tensor->type; });
  const Result<size_t> bytes = WeightsWriter(file, std::move(contents))
                                   .Write(partial->path() / "model.safetensors", options.dtype);
  if (!bytes.ok()) return bytes.error();
  report.bytes = *bytes;
  for (const auto& [name, from] : FilesOf(*checkpoint, options)) {
    fs::create_directories((partial->path() / name).parent_path());
    const Result<void> copied = CopyFile(from, partial->path() / name);
    if (!copied.ok()) return copied.error();
    report.files.push_back(name.string());
  }
  const Result<void> committed = partial->Commit();
  if (!committed.ok()) return committed.error();
  return report;
}

}  // namespace

Result<PackReport> Pack(const std::string& model, const std::string& directory,
                        const PackOptions& options) {
  try {
    return PackOrThrow(model, directory, options);
  } catch (const std::bad_alloc&) {
    return Error{Code::kIo, "out of memory"};
  } catch (const fs::filesystem_error& refused) {
    return Error{Code::kIo, refused.what()};
  }
}

}  // namespace waterline
