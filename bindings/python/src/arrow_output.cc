// SPDX-License-Identifier: Apache-2.0
#include "arrow_output.h"

#include <array>
#include <cerrno>
#include <utility>

namespace waterline::python {
namespace {

constexpr int kFields = 5;
// Formats and names of the fields of an entity.
constexpr std::array<std::pair<const char*, const char*>, kFields> kEntity = {
    {{"l", "start"}, {"l", "end"}, {"u", "label"}, {"f", "score"}, {"u", "text"}}};

// A structure of the interface with its children in one block, which its release deletes. Children
// are released with their parent, or, when they were moved out of it, by themselves.
struct SchemaNode {
  std::vector<ArrowSchema> children;
  std::vector<ArrowSchema*> pointers;
};

void ReleaseSchema(ArrowSchema* schema) {
  auto* node = static_cast<SchemaNode*>(schema->private_data);
  for (ArrowSchema& child : node->children) {
    if (child.release != nullptr) child.release(&child);
  }
  delete node;
  schema->release = nullptr;
}

void FillSchema(const char* format, const char* name, std::vector<ArrowSchema> children,
                ArrowSchema* schema) {
  auto node = std::make_unique<SchemaNode>();
  node->children = std::move(children);
  for (ArrowSchema& child : node->children) node->pointers.push_back(&child);
  *schema = {.format = format,
             .name = name,
             .metadata = nullptr,
             .flags = ARROW_FLAG_NULLABLE,
             .n_children = static_cast<int64_t>(node->children.size()),
             .children = node->pointers.data(),
             .dictionary = nullptr,
             .release = &ReleaseSchema,
             .private_data = node.release()};
}

void FillColumnSchema(ArrowSchema* schema) {
  std::vector<ArrowSchema> fields(kFields);
  for (size_t i = 0; i < fields.size(); ++i) {
    FillSchema(kEntity[i].first, kEntity[i].second, {}, &fields[i]);
  }
  std::vector<ArrowSchema> item(1);
  FillSchema("+s", "item", std::move(fields), item.data());
  FillSchema("+l", "entities", std::move(item), schema);
}

struct ArrayNode {
  std::shared_ptr<const EntityChunk> chunk;
  std::vector<const void*> buffers;
  std::vector<ArrowArray> children;
  std::vector<ArrowArray*> pointers;
};

void ReleaseArray(ArrowArray* array) {
  auto* node = static_cast<ArrayNode*>(array->private_data);
  for (ArrowArray& child : node->children) {
    if (child.release != nullptr) child.release(&child);
  }
  delete node;
  array->release = nullptr;
}

ArrowArray MakeArray(const std::shared_ptr<const EntityChunk>& chunk, int64_t length, int64_t nulls,
                     std::vector<const void*> buffers, std::vector<ArrowArray> children = {}) {
  auto node = std::make_unique<ArrayNode>();
  node->chunk = chunk;
  node->buffers = std::move(buffers);
  node->children = std::move(children);
  for (ArrowArray& child : node->children) node->pointers.push_back(&child);
  return {.length = length,
          .null_count = nulls,
          .offset = 0,
          .n_buffers = static_cast<int64_t>(node->buffers.size()),
          .n_children = static_cast<int64_t>(node->children.size()),
          .buffers = node->buffers.data(),
          .children = node->pointers.data(),
          .dictionary = nullptr,
          .release = &ReleaseArray,
          .private_data = node.release()};
}

ArrowArray MakeColumnArray(const std::shared_ptr<const EntityChunk>& chunk) {
  const auto count = static_cast<int64_t>(chunk->start.size());
  std::vector<ArrowArray> fields = {
      MakeArray(chunk, count, 0, {nullptr, chunk->start.data()}),
      MakeArray(chunk, count, 0, {nullptr, chunk->end.data()}),
      MakeArray(chunk, count, 0, {nullptr, chunk->label.offsets.data(), chunk->label.bytes.data()}),
      MakeArray(chunk, count, 0, {nullptr, chunk->score.data()}),
      MakeArray(chunk, count, 0, {nullptr, chunk->text.offsets.data(), chunk->text.bytes.data()})};
  std::vector<ArrowArray> item = {MakeArray(chunk, count, 0, {nullptr}, std::move(fields))};
  const void* valid = chunk->nulls == 0 ? nullptr : chunk->valid.data();
  return MakeArray(chunk, chunk->rows(), chunk->nulls, {valid, chunk->offsets.data()},
                   std::move(item));
}

struct StreamState {
  std::vector<std::shared_ptr<const EntityChunk>> chunks;
  size_t next = 0;
};

int GetSchema(ArrowArrayStream*, ArrowSchema* schema) {
  try {
    FillColumnSchema(schema);
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
  return 0;
}

int GetNext(ArrowArrayStream* stream, ArrowArray* array) {
  auto* state = static_cast<StreamState*>(stream->private_data);
  *array = {};
  if (state->next == state->chunks.size()) return 0;  // The end.
  try {
    *array = MakeColumnArray(state->chunks[state->next]);
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
  ++state->next;
  return 0;
}

const char* GetLastError(ArrowArrayStream*) { return "out of memory"; }

void ReleaseStream(ArrowArrayStream* stream) {
  delete static_cast<StreamState*>(stream->private_data);
  stream->release = nullptr;
}

// A capsule that owns `value` until somebody takes it out.
template <typename T>
nb::capsule MakeCapsule(std::unique_ptr<T> value, const char* name) {
  nb::capsule capsule(value.get(), name, [](void* held) noexcept {
    auto* owned = static_cast<T*>(held);
    if (owned->release != nullptr) owned->release(owned);
    delete owned;
  });
  value.release();
  return capsule;
}

}  // namespace

void EntityChunk::Strings::Append(std::string_view string) {
  bytes += string;
  offsets.push_back(static_cast<int32_t>(bytes.size()));
}

void EntityChunk::AppendValid(bool is_valid) {
  const auto row = static_cast<size_t>(rows());
  if (row % 8 == 0) valid.push_back(0);
  if (is_valid) valid.back() = static_cast<uint8_t>(valid.back() | 1u << row % 8);
  offsets.push_back(static_cast<int32_t>(start.size()));
}

void EntityChunk::AppendNull() {
  AppendValid(false);
  ++nulls;
}

void EntityChunk::AppendRow() { AppendValid(true); }

int64_t EntityColumn::rows() const {
  int64_t count = 0;
  for (const auto& chunk : chunks_) count += chunk->rows();
  return count;
}

nb::capsule EntityColumn::ExportSchema() const {
  auto schema = std::make_unique<ArrowSchema>();
  FillColumnSchema(schema.get());
  return MakeCapsule(std::move(schema), "arrow_schema");
}

nb::capsule EntityColumn::ExportStream() const {
  auto state = std::make_unique<StreamState>();
  state->chunks = chunks_;
  auto stream = std::make_unique<ArrowArrayStream>(ArrowArrayStream{.get_schema = &GetSchema,
                                                                    .get_next = &GetNext,
                                                                    .get_last_error = &GetLastError,
                                                                    .release = &ReleaseStream,
                                                                    .private_data = state.get()});
  state.release();
  return MakeCapsule(std::move(stream), "arrow_array_stream");
}

void BindEntityColumn(nb::module_& module) {
  using namespace nb::literals;
  // A requested schema may be passed over, as the protocol says.
  nb::class_<EntityColumn>(
      module, "EntityColumn",
      "A column of list<struct<start, end, label, score, text>>, for any package that takes Arrow "
      "data: pyarrow.chunked_array(column), polars.Series(column).")
      .def("__len__", &EntityColumn::rows)
      .def("__arrow_c_schema__", &EntityColumn::ExportSchema)
      .def(
          "__arrow_c_stream__",
          [](const EntityColumn& self, nb::object) { return self.ExportStream(); },
          "requested_schema"_a = nb::none());
}

}  // namespace waterline::python
