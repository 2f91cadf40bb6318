// What the kernels of a pass read from the host: noted in its dry run, copied in one piece before
// the real one (device/lane.h).
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <vector>

namespace waterline::cuda {

// Arrays in the order in which a pass asks for them, each once. Not thread-safe.
class Notes {
 public:
  static constexpr size_t kAlign = 16;

  // Begins noting, in `memory`.
  void Begin(std::pmr::memory_resource* memory);
  // Begins again at the first array, whose bytes are now at `device`.
  void Replay(std::byte* device);
  // Gives the memory back.
  void Forget();
  bool replaying() const { return device_ != nullptr; }

  // Everything that was noted.
  std::span<const std::byte> bytes() const;

  // Noting: a copy of `from` is taken, and nothing returned. Replaying: where it is on the device.
  template <typename T>
  std::span<T> Add(std::span<T> from) {
    const std::span<const std::byte> bytes = std::as_bytes(from);
    const std::byte* const at = AddBytes(kCopied, bytes, bytes.size(), [&](std::byte* to) {
      std::copy(bytes.begin(), bytes.end(), to);
    });
    return {const_cast<T*>(reinterpret_cast<const T*>(at)), from.size()};
  }
  // The same for `count` elements that fill(span) computes from `key`, one of several arrays that
  // are made of it.
  template <typename T, typename Key, typename Fill>
  std::span<const T> Make(int kind, std::span<Key> key, size_t count, Fill fill) {
    const std::byte* const at =
        AddBytes(kind, std::as_bytes(key), count * sizeof(T),
                 [&](std::byte* to) { fill(std::span(reinterpret_cast<T*>(to), count)); });
    return {reinterpret_cast<const T*>(at), count};
  }

 private:
  static constexpr int kCopied = 0;

  struct Array {
    int kind;
    const std::byte* source;  // The address that it was made from,
    size_t key_begin;         // a copy of what was there,
    size_t key_size;
    size_t begin;  // and the array.
    size_t size;
  };
  struct State {
    explicit State(std::pmr::memory_resource* memory)
        : bytes(memory), keys(memory), arrays(memory), order(memory) {}
    std::pmr::vector<std::byte> bytes;
    std::pmr::vector<std::byte> keys;  // Of arrays that are not copies of them.
    std::pmr::vector<Array> arrays;
    std::pmr::vector<uint32_t> order;  // Indices into arrays.
  };

  template <typename Fill>
  const std::byte* AddBytes(int kind, std::span<const std::byte> key, size_t size, Fill fill) {
    if (replaying()) return Next(size);
    if (Known(kind, key, size)) return nullptr;
    fill(Grow(kind, key, size));
    return nullptr;
  }
  const std::byte* Next(size_t size);
  // Whether the array was noted before; then it is noted as asked for once more.
  bool Known(int kind, std::span<const std::byte> key, size_t size);
  std::byte* Grow(int kind, std::span<const std::byte> key, size_t size);

  std::optional<State> state_;
  std::byte* device_ = nullptr;
  size_t next_ = 0;  // Index into order.
};

}  // namespace waterline::cuda
