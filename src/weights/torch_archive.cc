// The zip container of torch.save: <name>/data.pkl describes the tensors, <name>/data/<key> are
// their storages, stored without compression so that they can be read in place.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <minizip/unzip.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "weights/formats.h"
#include "weights/pickle.h"

namespace waterline {

namespace {

constexpr size_t kMaxPickleBytes = size_t{16} << 20;
constexpr uint64_t kMaxEntryName = 1024;

// What minizip reads instead of a FILE.
struct Stream {
  explicit Stream(const File& of) : file(of) {}

  const File& file;
  uint64_t at = 0;
  // Headers are read a byte at a time: one page of the file is kept.
  std::array<std::byte, 4096> page{};
  uint64_t page_begin = 0;
  size_t page_bytes = 0;

  // Bytes that were read from `at` on; fewer at the end of the file, or when the system refuses.
  size_t Read(std::byte* to, size_t size) {
    size_t done = 0;
    size = static_cast<size_t>(std::min<uint64_t>(size, file.size() - at));
    while (done < size) {
      if (at < page_begin || at >= page_begin + page_bytes) {
        page_begin = at;
        page_bytes = static_cast<size_t>(std::min<uint64_t>(page.size(), file.size() - at));
        if (!file.ReadAt(at, std::span(page).first(page_bytes)).ok()) {
          page_bytes = 0;
          return done;
        }
      }
      const size_t from = static_cast<size_t>(at - page_begin);
      const size_t count = std::min(size - done, page_bytes - from);
      std::memcpy(to + done, page.data() + from, count);
      done += count;
      at += count;
    }
    return done;
  }
};

Stream* AsStream(void* stream) { return static_cast<Stream*>(stream); }

void* OpenStream(void* opaque, const void*, int) { return opaque; }
int CloseStream(void*, void*) { return 0; }
// Asked only after a read came short, which minizip otherwise takes for zeros.
int StreamError(void*, void*) { return 1; }
ZPOS64_T TellStream(void*, void* stream) { return AsStream(stream)->at; }

uLong ReadStream(void*, void* stream, void* to, uLong size) {
  return AsStream(stream)->Read(static_cast<std::byte*>(to), size);
}

long SeekStream(void*, void* stream, ZPOS64_T offset, int origin) {
  Stream& in = *AsStream(stream);
  uint64_t target = 0;
  if (origin == ZLIB_FILEFUNC_SEEK_CUR) target = in.at;
  if (origin == ZLIB_FILEFUNC_SEEK_END) target = in.file.size();
  target += offset;
  if (target > in.file.size()) return -1;
  in.at = target;
  return 0;
}

struct CloseArchive {
  void operator()(void* archive) const { unzClose(archive); }
};

struct Storage {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

// The entries of one archive, by name without the leading "<name>/".
class Archive {
 public:
  explicit Archive(const File& file) : file_(file.path().string()), stream_(file) {}

  Result<void> ReadEntries() {
    zlib_filefunc64_def functions{OpenStream, ReadStream,  nullptr,     TellStream,
                                  SeekStream, CloseStream, StreamError, &stream_};
    archive_.reset(unzOpen2_64(file_.c_str(), &functions));
    if (archive_ == nullptr) {
      return Bad(
          "it starts like a zip archive, but has no directory at its end; it may be a partial "
          "download");
    }
    std::map<std::string, Storage, std::less<>> all;
    int status = unzGoToFirstFile(archive_.get());
    for (; status == UNZ_OK; status = unzGoToNextFile(archive_.get())) {
      const Result<void> read = ReadEntry(all);
      if (!read.ok()) return read.error();
    }
    if (status != UNZ_END_OF_LIST_OF_FILE) return Bad("its zip directory is damaged");
    return TakeRoot(all);
  }

  const Storage* Find(std::string_view name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() ? nullptr : &found->second;
  }

  // The pickle, with its checksum verified.
  Result<std::string> ReadPickle() {
    const Storage& entry = *Find("data.pkl");
    if (entry.bytes > kMaxPickleBytes) {
      return Bad(fmt::format("data.pkl has {} bytes; a tensor dictionary takes at most {}",
                             entry.bytes, kMaxPickleBytes));
    }
    std::string pickle(entry.bytes, '\0');
    const std::string path = root_ + "data.pkl";
    constexpr int kCaseMatters = 1;
    if (unzLocateFile(archive_.get(), path.c_str(), kCaseMatters) != UNZ_OK ||
        unzOpenCurrentFile(archive_.get()) != UNZ_OK ||
        unzReadCurrentFile(archive_.get(), pickle.data(), static_cast<unsigned>(pickle.size())) !=
            static_cast<int>(pickle.size()) ||
        unzCloseCurrentFile(archive_.get()) != UNZ_OK) {
      return Bad(path + " does not match its checksum");
    }
    return pickle;
  }

 private:
  Error Bad(const std::string& what) const {
    return Error{Code::kBadModel, fmt::format("{} is broken: {}", file_, what)};
  }

  Result<void> ReadEntry(std::map<std::string, Storage, std::less<>>& all) {
    unz_file_info64 info;
    std::array<char, kMaxEntryName + 1> name;
    if (unzGetCurrentFileInfo64(archive_.get(), &info, name.data(), name.size(), nullptr, 0,
                                nullptr, 0) != UNZ_OK) {
      return Bad("its zip directory is damaged");
    }
    if (info.size_filename > kMaxEntryName) {
      return Bad(fmt::format("an entry's name has {} bytes; {} are allowed", info.size_filename,
                             kMaxEntryName));
    }
    const std::string path(name.data(), info.size_filename);
    constexpr uLong kEncrypted = 1;
    if (info.compression_method != 0 || (info.flag & kEncrypted) != 0) {
      return Error{
          Code::kUnsupported,
          fmt::format("{} holds {} compressed or encrypted; torch.save writes entries as they "
                      "are, and only those can be read in place: load and save it with torch",
                      file_, path)};
    }
    int method = 0, level = 0;
    constexpr int kRaw = 1;
    if (unzOpenCurrentFile2(archive_.get(), &method, &level, kRaw) != UNZ_OK) {
      return Bad(fmt::format("the zip header of {} contradicts the directory", path));
    }
    const uint64_t begin = unzGetCurrentFileZStreamPos64(archive_.get());
    unzCloseCurrentFile(archive_.get());
    const uint64_t size = info.uncompressed_size;
    const uint64_t file_bytes = stream_.file.size();
    if (begin > file_bytes || size > file_bytes - begin || size != info.compressed_size) {
      return Bad(fmt::format("{} is said to have {} bytes from {}, but the file has {}", path, size,
                             begin, file_bytes));
    }
    if (!all.emplace(path, Storage{begin, size}).second) {
      return Bad(fmt::format("its zip directory names {} twice", path));
    }
    return {};
  }

  // Keeps the entries beside the pickle.
  Result<void> TakeRoot(const std::map<std::string, Storage, std::less<>>& all) {
    constexpr std::string_view kPickle = "/data.pkl";
    bool found = false;
    for (const auto& [path, entry] : all) {
      if (!path.ends_with(kPickle)) continue;
      if (found) return Bad("it holds more than one data.pkl");
      found = true;
      root_ = path.substr(0, path.size() - kPickle.size() + 1);
    }
    if (!found) {
      return Bad(
          fmt::format("it is a zip archive of {} entries without the data.pkl that torch.save "
                      "writes",
                      all.size()));
    }
    for (const auto& [path, entry] : all) {
      if (path.starts_with(root_)) entries_.emplace(path.substr(root_.size()), entry);
    }
    return {};
  }

  const std::string file_;
  Stream stream_;
  std::unique_ptr<void, CloseArchive> archive_;
  std::string root_;  // "<name>/"
  std::map<std::string, Storage, std::less<>> entries_;
};

std::optional<Dtype> StorageDtype(std::string_view storage_class) {
  constexpr std::pair<std::string_view, Dtype> kClasses[] = {
      {"FloatStorage", Dtype::kF32},     {"HalfStorage", Dtype::kF16},
      {"BFloat16Storage", Dtype::kBF16}, {"DoubleStorage", Dtype::kF64},
      {"LongStorage", Dtype::kI64},      {"IntStorage", Dtype::kI32},
      {"ShortStorage", Dtype::kI16},     {"CharStorage", Dtype::kI8},
      {"ByteStorage", Dtype::kU8},       {"BoolStorage", Dtype::kBool}};
  for (const auto& [name, type] : kClasses) {
    if (name == storage_class) return type;
  }
  return std::nullopt;
}

// Whether the strides are those of a row-major tensor without gaps. Dimensions of one element may
// have any stride.
bool IsContiguous(const PickledTensor& tensor) {
  int64_t expected = 1;
  for (size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected) return false;
    expected *= tensor.shape[i];
  }
  return true;
}

// Checks a tensor against its storage.
Result<StoredTensor> View(const std::string& file, const std::string& name, PickledTensor tensor,
                          Dtype type, const Archive& archive) {
  const auto bad = [&](const std::string& what) {
    return Error{Code::kBadModel, fmt::format("{} is broken: tensor {} {}", file, name, what)};
  };
  const std::string entry = fmt::format("data/{}", tensor.storage_key);
  const Storage* storage = archive.Find(entry);
  if (storage == nullptr) return bad(fmt::format("lies in {}, which is not there", entry));
  int64_t storage_bytes = 0;
  if (tensor.storage_elements < 0 ||
      __builtin_mul_overflow(tensor.storage_elements, static_cast<int64_t>(DtypeBytes(type)),
                             &storage_bytes) ||
      static_cast<uint64_t>(storage_bytes) != storage->bytes) {
    return bad(fmt::format("lies in {} with {} elements of {}, but that entry has {} bytes", entry,
                           tensor.storage_elements, DtypeName(type), storage->bytes));
  }
  const std::optional<int64_t> elements = CountElements(tensor.shape);
  if (!elements.has_value() || tensor.strides.size() != tensor.shape.size()) {
    return bad(fmt::format("has the shape {} and the strides {}", ShapeText(tensor.shape),
                           ShapeText(tensor.strides)));
  }
  if (tensor.offset < 0 || tensor.offset > tensor.storage_elements ||
      *elements > tensor.storage_elements - tensor.offset) {
    return bad(fmt::format("has {} elements from {}, but {} has {}", *elements, tensor.offset,
                           entry, tensor.storage_elements));
  }
  if (*elements > 0 && !IsContiguous(tensor)) {
    return Error{
        Code::kUnsupported,
        fmt::format("{} holds tensor {} of {} with the strides {}; only contiguous tensors are "
                    "read: save it after .contiguous()",
                    file, name, ShapeText(tensor.shape), ShapeText(tensor.strides))};
  }
  const size_t offset = static_cast<size_t>(tensor.offset) * DtypeBytes(type);
  return StoredTensor{type, std::move(tensor.shape), storage->offset + offset};
}

Result<void> CheckByteOrder(const File& open, const Archive& archive) {
  const Storage* entry = archive.Find("byteorder");
  if (entry == nullptr) return {};
  std::string order(std::min<uint64_t>(entry->bytes, 16), '\0');
  const Result<void> read = open.ReadAt(entry->offset, std::as_writable_bytes(std::span(order)));
  if (!read.ok()) return read;
  if (order == "little") return {};
  return Error{Code::kUnsupported,
               fmt::format("{} has the byte order \"{}\"; only \"little\" is read: save it on a "
                           "little-endian machine",
                           open.path().string(), order)};
}

}  // namespace

Result<TensorTable> ReadTorchArchive(const File& open) {
  const std::string file = open.path().string();
  Archive archive(open);
  Result<void> checked = archive.ReadEntries();
  if (!checked.ok()) return checked.error();
  if (archive.Find("constants.pkl") != nullptr) {
    return Error{
        Code::kUnsupported,
        fmt::format("{} is a TorchScript program; Waterline reads the dict of tensors that "
                    "torch.save(model.state_dict()) writes",
                    file)};
  }
  checked = CheckByteOrder(open, archive);
  if (!checked.ok()) return checked.error();
  const Result<std::string> pickle = archive.ReadPickle();
  if (!pickle.ok()) return pickle.error();
  Result<PickledDict> dict = ReadPickledDict(file, *pickle);
  if (!dict.ok()) return dict.error();

  TensorTable table;
  table.unreadable = std::move(dict->others);
  for (auto& [name, tensor] : dict->tensors) {
    const std::optional<Dtype> type = StorageDtype(tensor.storage_class);
    if (!type.has_value()) {
      table.unreadable.emplace(name, fmt::format("a tensor in a {}", tensor.storage_class));
      continue;
    }
    Result<StoredTensor> view = View(file, name, std::move(tensor), *type, archive);
    if (!view.ok()) return view.error();
    table.tensors.emplace(name, *std::move(view));
  }
  return table;
}

}  // namespace waterline
