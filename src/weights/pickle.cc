// A stack machine without recursion: values are small and point into the pickle or, by index, into
// the machine's containers, so that neither nesting nor shared values cost more than their opcodes.
// SPDX-License-Identifier: Apache-2.0
#include "weights/pickle.h"

#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

namespace waterline {

namespace {

constexpr int64_t kMaxOpcodes = int64_t{1} << 20;
constexpr size_t kMaxRank = 64;  // As in torch.
constexpr size_t kMaxNameBytes = 4096;

enum class Kind : uint8_t {
  kNone,
  kBool,
  kInt,
  kFloat,
  kText,
  kTuple,
  kList,
  kDict,
  kGlobal,   // One of the allowed names.
  kStorage,  // What a persistent id stands for.
  kTensor,
};

struct Value {
  Kind kind = Kind::kNone;
  int64_t number = 0;     // A bool or int; an index into the machine's containers or tensors.
  std::string_view text;  // A text; "module name" of a global.
};

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return "a bool";
    case Kind::kInt:
    case Kind::kFloat:
      return "a number";
    case Kind::kText:
      return "a string";
    case Kind::kTuple:
      return "a tuple";
    case Kind::kList:
      return "a list";
    case Kind::kDict:
      return "a dict";
    case Kind::kGlobal:
      return "a class or function";
    case Kind::kStorage:
      return "a storage";
    case Kind::kTensor:
      return "a tensor";
  }
  return "?";
}

enum class Allowed { kNo, kOrderedDict, kRebuildTensor, kRebuildParameter, kStorageClass };

Allowed Classify(std::string_view module, std::string_view name) {
  if (module == "collections" && name == "OrderedDict") return Allowed::kOrderedDict;
  if (module == "torch._utils" && name == "_rebuild_tensor_v2") return Allowed::kRebuildTensor;
  if (module == "torch._utils" && name == "_rebuild_parameter") return Allowed::kRebuildParameter;
  if ((module == "torch" || module == "torch.storage") && name.ends_with("Storage")) {
    return Allowed::kStorageClass;
  }
  return Allowed::kNo;
}

class Machine {
 public:
  Machine(const std::string& file, std::string_view pickle) : file_(file), pickle_(pickle) {}

  Result<PickledDict> Run() {
    for (int64_t steps = 0; !stopped_; ++steps) {
      if (steps == kMaxOpcodes) {
        return Bad(fmt::format("its pickle has more than {} opcodes", kMaxOpcodes));
      }
      opcode_at_ = at_;
      uint8_t opcode = 0;
      if (!Number(opcode)) return *error_;
      if (!Step(opcode)) return *error_;
    }
    return Deliver();
  }

 private:
  // One opcode. False after Fail.
  bool Step(uint8_t opcode) {
    switch (opcode) {
      case 0x80:  // PROTO
        return Protocol();
      case 0x95:  // FRAME: a promise of the next bytes' number, needed by streaming readers only.
        return Skip(8);
      case '.':  // STOP
        stopped_ = true;
        return true;
      case '(':  // MARK
        marks_.push_back(stack_.size());
        return true;
      case '0':  // POP
        return Pop().has_value();
      case '1':  // POP_MARK
        return PopMark().has_value();
      case '2':  // DUP
        return stack_.size() > Floor() ? Push(stack_.back()) : Fail("its stack is empty");
      case 'N':  // NONE
        return Push({});
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        return Push({Kind::kBool, opcode == 0x88, {}});
      case 'J':  // BININT
        return PushNumber<int32_t>();
      case 'K':  // BININT1
        return PushNumber<uint8_t>();
      case 'M':  // BININT2
        return PushNumber<uint16_t>();
      case 0x8a:  // LONG1
        return PushLong();
      case 'G':  // BINFLOAT
        return Skip(8) && Push({Kind::kFloat, 0, {}});
      case 'X':  // BINUNICODE
      case 'T':  // BINSTRING
        return PushText<uint32_t>();
      case 0x8c:  // SHORT_BINUNICODE
      case 'U':   // SHORT_BINSTRING
        return PushText<uint8_t>();
      case 0x8d:  // BINUNICODE8
        return PushText<uint64_t>();
      default:
        return StepOnContainers(opcode);
    }
  }

  bool StepOnContainers(uint8_t opcode) {
    switch (opcode) {
      case ')':  // EMPTY_TUPLE
        return PushContainer(Kind::kTuple, {});
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        return PushTuple(opcode - 0x84u);
      case 't':  // TUPLE
        return PushMarked(Kind::kTuple);
      case ']':  // EMPTY_LIST
        return PushContainer(Kind::kList, {});
      case 'l':  // LIST
        return PushMarked(Kind::kList);
      case '}':  // EMPTY_DICT
        return PushContainer(Kind::kDict, {});
      case 'd':  // DICT
        return PushMarked(Kind::kDict);
      case 'a':  // APPEND
        return Extend(Kind::kList, PopLast(1));
      case 'e':  // APPENDS
        return Extend(Kind::kList, PopMark());
      case 's':  // SETITEM
        return Extend(Kind::kDict, PopLast(2));
      case 'u':  // SETITEMS
        return Extend(Kind::kDict, PopMark());
      case 'q':  // BINPUT
        return Put<uint8_t>();
      case 'r':  // LONG_BINPUT
        return Put<uint32_t>();
      case 0x94:  // MEMOIZE
        return PutAt(memo_.size());
      case 'h':  // BINGET
        return Get<uint8_t>();
      case 'j':  // LONG_BINGET
        return Get<uint32_t>();
      case 'c':  // GLOBAL
        return Global();
      case 0x93:  // STACK_GLOBAL
        return StackGlobal();
      case 'Q':  // BINPERSID
        return Storage();
      case 'R':  // REDUCE
        return Reduce();
      case 'b':  // BUILD: the state is dropped.
        return Pop().has_value() && stack_.size() > Floor() ? true : Fail("its stack is empty");
      default:
        return Fail(
            fmt::format("its pickle uses the opcode 0x{:02x}, which a tensor dictionary does "
                        "not need",
                        opcode));
    }
  }

  Error Bad(const std::string& what) const {
    return Error{Code::kBadModel,
                 fmt::format("{} is broken: {} (pickle byte {})", file_, what, opcode_at_)};
  }

  bool Fail(const std::string& what) {
    if (!error_.has_value()) error_ = Bad(what);
    return false;
  }

  // Bytes.

  bool Take(uint64_t count, std::string_view& bytes) {
    if (count > pickle_.size() - at_) {
      return Fail(
          fmt::format("its pickle needs {} more bytes and has {}", count, pickle_.size() - at_));
    }
    bytes = pickle_.substr(at_, count);
    at_ += count;
    return true;
  }

  bool Skip(uint64_t count) {
    std::string_view bytes;
    return Take(count, bytes);
  }

  template <typename T>
  bool Number(T& number) {
    std::string_view bytes;
    if (!Take(sizeof(T), bytes)) return false;
    std::memcpy(&number, bytes.data(), sizeof(T));
    return true;
  }

  bool Line(std::string_view& line) {
    const size_t end = pickle_.find('\n', at_);
    if (end == std::string_view::npos) return Fail("its pickle ends inside a name");
    line = pickle_.substr(at_, end - at_);
    at_ = end + 1;
    return true;
  }

  bool Protocol() {
    uint8_t protocol = 0;
    if (!Number(protocol)) return false;
    if (protocol < 2 || protocol > 5) {
      return Fail(fmt::format("its pickle has protocol {}; 2 to 5 are read", protocol));
    }
    return true;
  }

  // The stack. Values below the last mark are out of reach of everything but PopMark.

  size_t Floor() const { return marks_.empty() ? 0 : marks_.back(); }

  bool Push(Value value) {
    stack_.push_back(value);
    return true;
  }

  std::optional<Value> Pop() {
    if (stack_.size() <= Floor()) {
      Fail("its stack is empty");
      return std::nullopt;
    }
    const Value value = stack_.back();
    stack_.pop_back();
    return value;
  }

  std::optional<std::vector<Value>> PopLast(size_t count) {
    if (stack_.size() - Floor() < count) {
      Fail(fmt::format("its stack has {} values where {} are needed", stack_.size() - Floor(),
                       count));
      return std::nullopt;
    }
    const auto first = stack_.end() - static_cast<std::ptrdiff_t>(count);
    std::vector<Value> values(first, stack_.end());
    stack_.erase(first, stack_.end());
    return values;
  }

  std::optional<std::vector<Value>> PopMark() {
    if (marks_.empty()) {
      Fail("its stack has no mark");
      return std::nullopt;
    }
    std::optional<std::vector<Value>> values = PopLast(stack_.size() - marks_.back());
    marks_.pop_back();
    return values;
  }

  template <typename T>
  bool PushNumber() {
    T number = 0;
    return Number(number) && Push({Kind::kInt, static_cast<int64_t>(number), {}});
  }

  // Little-endian two's complement of any length; only what fits int64_t is a size.
  bool PushLong() {
    uint8_t length = 0;
    std::string_view bytes;
    if (!Number(length) || !Take(length, bytes)) return false;
    if (length > 8) return Fail(fmt::format("its pickle has an integer of {} bytes", length));
    uint64_t number = length > 0 && (bytes.back() & 0x80) != 0 ? ~uint64_t{0} : 0;
    std::memcpy(&number, bytes.data(), length);
    return Push({Kind::kInt, static_cast<int64_t>(number), {}});
  }

  template <typename T>
  bool PushText() {
    T length = 0;
    std::string_view text;
    return Number(length) && Take(length, text) && Push({Kind::kText, 0, text});
  }

  bool PushContainer(Kind kind, std::vector<Value> values) {
    if (kind == Kind::kDict && values.size() % 2 != 0)
      return Fail("a dict has a key without a value");
    containers_.push_back(std::move(values));
    return Push({kind, static_cast<int64_t>(containers_.size()) - 1, {}});
  }

  bool PushTuple(size_t count) {
    std::optional<std::vector<Value>> values = PopLast(count);
    return values.has_value() && PushContainer(Kind::kTuple, *std::move(values));
  }

  bool PushMarked(Kind kind) {
    std::optional<std::vector<Value>> values = PopMark();
    return values.has_value() && PushContainer(kind, *std::move(values));
  }

  // Appends to the list or dict on top; a dict is a list of keys and values by turns.
  bool Extend(Kind kind, std::optional<std::vector<Value>> values) {
    if (!values.has_value()) return false;
    if (stack_.size() <= Floor() || stack_.back().kind != kind) {
      return Fail(fmt::format("its pickle adds items to something that is not {}", KindName(kind)));
    }
    if (kind == Kind::kDict && values->size() % 2 != 0)
      return Fail("a dict has a key without a value");
    std::vector<Value>& items = Items(stack_.back());
    items.insert(items.end(), values->begin(), values->end());
    return true;
  }

  std::vector<Value>& Items(const Value& container) {
    return containers_[static_cast<size_t>(container.number)];
  }

  // The memo.

  bool PutAt(uint64_t index) {
    if (stack_.size() <= Floor()) return Fail("its stack is empty");
    memo_[index] = stack_.back();
    return true;
  }

  template <typename T>
  bool Put() {
    T index = 0;
    return Number(index) && PutAt(index);
  }

  template <typename T>
  bool Get() {
    T index = 0;
    if (!Number(index)) return false;
    const auto found = memo_.find(index);
    if (found == memo_.end()) {
      return Fail(fmt::format("its pickle asks for memo {}, which is not set", index));
    }
    return Push(found->second);
  }

  // Classes, functions and calls.

  bool Global() {
    std::string_view module, name;
    return Line(module) && Line(name) && PushGlobal(module, name);
  }

  bool StackGlobal() {
    const std::optional<std::vector<Value>> names = PopLast(2);
    if (!names.has_value()) return false;
    if ((*names)[0].kind != Kind::kText || (*names)[1].kind != Kind::kText) {
      return Fail("its pickle asks for a class whose name is not a string");
    }
    return PushGlobal((*names)[0].text, (*names)[1].text);
  }

  bool PushGlobal(std::string_view module, std::string_view name) {
    const Allowed allowed = Classify(module, name);
    if (allowed == Allowed::kNo) {
      return Fail(fmt::format("its pickle asks for {}.{}, which is not part of a tensor dictionary",
                              module, name));
    }
    return Push({Kind::kGlobal, static_cast<int64_t>(allowed), name});
  }

  // ('storage', class, key, device, number of elements)
  bool Storage() {
    const std::optional<Value> id = Pop();
    if (!id.has_value()) return false;
    if (id->kind != Kind::kTuple || !IsStorageId(Items(*id))) {
      return Fail(
          "its pickle has a persistent id that is not ('storage', class, key, device, size)");
    }
    return Push({Kind::kStorage, id->number, {}});
  }

  static bool IsStorageId(const std::vector<Value>& id) {
    return id.size() == 5 && id[0].kind == Kind::kText && id[0].text == "storage" &&
           IsGlobal(id[1], Allowed::kStorageClass) && id[2].kind == Kind::kText &&
           id[4].kind == Kind::kInt;
  }

  static bool IsGlobal(const Value& value, Allowed what) {
    return value.kind == Kind::kGlobal && value.number == static_cast<int64_t>(what);
  }

  bool Reduce() {
    const std::optional<std::vector<Value>> call = PopLast(2);
    if (!call.has_value()) return false;
    const Value& callee = (*call)[0];
    if (callee.kind != Kind::kGlobal || (*call)[1].kind != Kind::kTuple) {
      return Fail(fmt::format("its pickle calls {} with {}", KindName(callee.kind),
                              KindName((*call)[1].kind)));
    }
    const std::vector<Value>& arguments = Items((*call)[1]);
    if (IsGlobal(callee, Allowed::kOrderedDict) && arguments.empty()) {
      return PushContainer(Kind::kDict, {});
    }
    if (IsGlobal(callee, Allowed::kRebuildTensor)) return RebuildTensor(arguments);
    if (IsGlobal(callee, Allowed::kRebuildParameter) && arguments.size() >= 1 &&
        arguments[0].kind == Kind::kTensor) {
      return Push(arguments[0]);
    }
    return Fail(fmt::format("its pickle calls {} with {} arguments that make no tensor",
                            callee.text, arguments.size()));
  }

  // (storage, offset, size, stride, requires_grad, hooks[, metadata])
  bool RebuildTensor(const std::vector<Value>& arguments) {
    if (arguments.size() < 4 || arguments[0].kind != Kind::kStorage ||
        arguments[1].kind != Kind::kInt || arguments[2].kind != Kind::kTuple ||
        arguments[3].kind != Kind::kTuple) {
      return Fail(
          "its pickle builds a tensor from something else than a storage, offset, size, strides");
    }
    const std::vector<Value>& storage = Items(arguments[0]);
    if (Items(arguments[2]).size() > kMaxRank || Items(arguments[3]).size() > kMaxRank) {
      return Fail(fmt::format("its pickle builds a tensor of {} dimensions; {} are allowed",
                              Items(arguments[2]).size(), kMaxRank));
    }
    PickledTensor tensor;
    tensor.storage_class = storage[1].text;
    tensor.storage_key = storage[2].text;
    tensor.storage_elements = storage[4].number;
    tensor.offset = arguments[1].number;
    if (!Integers(Items(arguments[2]), tensor.shape) ||
        !Integers(Items(arguments[3]), tensor.strides)) {
      return Fail("its pickle builds a tensor whose size or strides are not integers");
    }
    tensors_.push_back(std::move(tensor));
    return Push({Kind::kTensor, static_cast<int64_t>(tensors_.size()) - 1, {}});
  }

  static bool Integers(const std::vector<Value>& values, std::vector<int64_t>& integers) {
    for (const Value& value : values) {
      if (value.kind != Kind::kInt) return false;
      integers.push_back(value.number);
    }
    return true;
  }

  // The value that is left, as a dict of tensors.
  Result<PickledDict> Deliver() {
    if (stack_.size() != 1 || !marks_.empty() || stack_[0].kind != Kind::kDict) {
      return Bad(fmt::format("its pickle makes {}, not a dict of tensors",
                             stack_.size() == 1 ? KindName(stack_[0].kind) : "no single value"));
    }
    PickledDict dict;
    const std::vector<Value>& items = Items(stack_[0]);
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      if (items[i].kind != Kind::kText) {
        return Bad(fmt::format("its dict has {} as a key", KindName(items[i].kind)));
      }
      if (items[i].text.size() > kMaxNameBytes) {
        return Bad(fmt::format("its dict has a key of {} bytes; {} are allowed",
                               items[i].text.size(), kMaxNameBytes));
      }
      const std::string name{items[i].text};
      const Value& value = items[i + 1];
      if (value.kind == Kind::kDict) return Nested(name);
      dict.tensors.erase(name);  // As in Python, the last one counts.
      dict.others.erase(name);
      if (value.kind == Kind::kTensor) {
        dict.tensors.emplace(name, tensors_[static_cast<size_t>(value.number)]);
      } else {
        dict.others.emplace(name, KindName(value.kind));
      }
    }
    return dict;
  }

  Error Nested(const std::string& name) const {
    return Error{
        Code::kUnsupported,
        fmt::format("{} holds a dict under \"{}\", where a dict of tensors is needed; if that "
                    "dict holds the weights and the file is to be trusted, load it with torch "
                    "and torch.save that dict alone",
                    file_, name)};
  }

  const std::string& file_;
  std::string_view pickle_;
  size_t at_ = 0;
  size_t opcode_at_ = 0;
  bool stopped_ = false;
  std::optional<Error> error_;

  std::vector<Value> stack_;
  std::vector<size_t> marks_;  // Sizes of the stack.
  std::unordered_map<uint64_t, Value> memo_;
  std::vector<std::vector<Value>> containers_;
  std::vector<PickledTensor> tensors_;
};

}  // namespace

Result<PickledDict> ReadPickledDict(const std::string& file, std::string_view pickle) {
  return Machine(file, pickle).Run();
}

}  // namespace waterline
