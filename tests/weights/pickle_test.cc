// The pickle machine: what torch writes, and what it must not do.
// SPDX-License-Identifier: Apache-2.0
#include "weights/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "weights/files.h"

namespace waterline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Result<PickledDict> Read(const std::string& pickle) {
  const HeapBytes heap(pickle);
  return ReadPickledDict("m.bin",
                         {reinterpret_cast<const char*>(heap.span().data()), heap.span().size()});
}

std::string Refusal(const std::string& pickle) {
  const Result<PickledDict> dict = Read(pickle);
  return dict.ok() ? "accepted" : dict.error().message;
}

std::string Repeat(const std::string& text, size_t count) {
  std::string repeated;
  for (size_t i = 0; i < count; ++i) repeated += text;
  return repeated;
}

TEST(ReadPickledDict, ReadsWhatTorchWrites) {
  const std::string pickle =
      PickledDictOf({{"w", PickledTensorOf({.offset = 2, .shape = {2, 2}})}});
  const Result<PickledDict> dict = ReadPickledDict("m.bin", pickle);
  ASSERT_TRUE(dict.ok()) << dict.error().message;
  const PickledTensor& w = dict->tensors.at("w");
  EXPECT_EQ(w.storage_class, "FloatStorage");
  EXPECT_EQ(w.storage_key, "0");
  EXPECT_EQ(w.storage_elements, 6);
  EXPECT_EQ(w.offset, 2);
  EXPECT_EQ(w.shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(w.strides, (std::vector<int64_t>{3, 1}));
}

TEST(ReadPickledDict, ReadsAnOrderedDictWithStateAndMemo) {
  // Memo 1 is the tensor; the state of BUILD is dropped.
  const std::string pickle =
      Pickle(Global("collections", "OrderedDict") + ")R(" + Text("w") + PickledTensorOf({}) +
             "q\x01" + Text("tied") + "h\x01" + "u" + "}" + Text("_metadata") + "}s" + "b");
  const Result<PickledDict> dict = Read(pickle);
  ASSERT_TRUE(dict.ok()) << dict.error().message;
  EXPECT_EQ(dict->tensors.size(), 2u);
}

TEST(ReadPickledDict, ReadsParametersAndLaterProtocols) {
  const std::string parameter =
      Global("torch._utils", "_rebuild_parameter") +
      Tuple(PickledTensorOf({}) + "\x88" + Global("collections", "OrderedDict") + ")R") + "R";
  EXPECT_TRUE(Read(PickledDictOf({{"w", parameter}})).ok());
  // Protocol 4: FRAME, SHORT_BINUNICODE, MEMOIZE, STACK_GLOBAL.
  const std::string body =
      "}\x94\x8c\x0b"
      "collections\x94\x8c\x0bOrderedDict\x94\x93)R\x94"
      "0.";
  EXPECT_TRUE(Read(std::string("\x80\x04\x95") + Bytes<uint64_t>(body.size()) + body).ok());
}

TEST(ReadPickledDict, KeepsOtherValuesByName) {
  const Result<PickledDict> dict =
      Read(PickledDictOf({{"step", Int(7)}, {"note", Text("x")}, {"w", PickledTensorOf({})}}));
  ASSERT_TRUE(dict.ok());
  EXPECT_EQ(dict->others.at("step"), "a number");
  EXPECT_EQ(dict->others.at("note"), "a string");
}

TEST(ReadPickledDict, RefusesToCallAnythingElse) {
  EXPECT_THAT(Refusal(Pickle(Global("os", "system") + Tuple(Text("true")) + "R")),
              AllOf(HasSubstr("asks for os.system"), HasSubstr("m.bin")));
  EXPECT_THAT(Refusal("\x80\x04\x8c\x05posix\x8c\x06system\x93."), HasSubstr("posix.system"));
  EXPECT_THAT(Refusal(Pickle(Global("torch", "load"))), HasSubstr("torch.load"));
  EXPECT_THAT(Refusal(Pickle(Global("collections", "OrderedDict\nx"))), HasSubstr("broken"));
  EXPECT_THAT(Refusal(Pickle(Global("torch", "FloatStorage") + ")R")), HasSubstr("FloatStorage"));
  EXPECT_THAT(Refusal(Pickle("ios\nsystem\n")), HasSubstr("opcode 0x69"));  // INST
  EXPECT_THAT(Refusal(Pickle("\x82\x01")), HasSubstr("opcode 0x82"));       // EXT1
  EXPECT_THAT(Refusal(Pickle(Int(1) + "Q")), HasSubstr("persistent id"));
}

TEST(ReadPickledDict, RefusesWhatIsNoDictOfTensors) {
  EXPECT_THAT(Refusal(Pickle("N")), HasSubstr("makes None"));
  EXPECT_THAT(Refusal(Pickle("}}")), HasSubstr("no single value"));
  EXPECT_THAT(Refusal(Pickle("(}")), HasSubstr("broken"));
  EXPECT_THAT(Refusal(Pickle(std::string("}") + Int(1) + "Ns")), HasSubstr("a number as a key"));
  EXPECT_THAT(Refusal(Pickle(std::string("}(") + Text("a") + "u")),
              HasSubstr("key without a value"));
  EXPECT_THAT(Refusal("\x80\x01}."), HasSubstr("protocol 1"));
  EXPECT_THAT(Refusal(Pickle(std::string("}(") + Text(std::string(5000, 'k')) + "Nu")),
              HasSubstr("5000 bytes"));
  const Result<PickledDict> nested = Read(PickledDictOf({{"model_weights", "}"}}));
  ASSERT_FALSE(nested.ok());
  EXPECT_EQ(nested.error().code, Code::kUnsupported);
  EXPECT_THAT(nested.error().message, HasSubstr("\"model_weights\""));
}

TEST(ReadPickledDict, RefusesHugeCounts) {
  EXPECT_THAT(Refusal("\x80\x02X\xff\xff\xff\xff"), HasSubstr("4294967295 more bytes and has 0"));
  EXPECT_THAT(Refusal(std::string("\x80\x04\x8d") + std::string(8, '\xff')), HasSubstr("broken"));
  EXPECT_THAT(Refusal(std::string("\x80\x04\x95") + std::string(8, '\xff') + "}."), "accepted");
  EXPECT_THAT(Refusal(Pickle(std::string("\x8a\xff") + std::string(255, '\x7f'))),
              HasSubstr("255 bytes"));
  EXPECT_THAT(Refusal(Pickle("}r\xff\xff\xff\xff")), "accepted");  // A memo index costs one slot.
  EXPECT_THAT(Refusal(Pickle("j\xff\xff\xff\xff")), HasSubstr("memo 4294967295"));
  EXPECT_THAT(
      Refusal(PickledDictOf({{"w", PickledTensorOf({.shape = std::vector<int32_t>(65, 1)})}})),
      HasSubstr("65 dimensions"));
}

TEST(ReadPickledDict, BoundsItsOwnWork) {
  constexpr size_t kMany = 2 << 20;
  EXPECT_THAT(Refusal(Pickle(Repeat("N", kMany))), HasSubstr("1048576 opcodes"));
  EXPECT_THAT(Refusal(Pickle(Repeat("(", kMany))), HasSubstr("1048576 opcodes"));
  EXPECT_THAT(Refusal(Pickle(Repeat("]", kMany))), HasSubstr("1048576 opcodes"));
}

TEST(ReadPickledDict, SurvivesDeepNestingAndCycles) {
  EXPECT_THAT(Refusal(Pickle(std::string(")") + Repeat("\x85", 1000000))),
              HasSubstr("makes a tuple"));
  EXPECT_THAT(Refusal(Pickle("]q\x01h\x01"
                             "a")),
              HasSubstr("makes a list"));
  // Each list holds the one before it twice: 2^2000 leaves when written out.
  EXPECT_THAT(Refusal(Pickle(std::string("]") + Repeat("q\x01(h\x01h\x01l", 2000))),
              HasSubstr("broken"));
}

TEST(ReadPickledDict, SurvivesEveryTruncationAndChangedByte) {
  const std::string whole = PickledDictOf({{"w", PickledTensorOf({})}, {"v", PickledTensorOf({})}});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Read(whole.substr(0, size)).ok()) << size;
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::string changed = whole;
      changed[at] = static_cast<char>(value);
      const Result<PickledDict> dict = Read(changed);
      EXPECT_TRUE(dict.ok() || !dict.error().message.empty());
    }
  }
}

}  // namespace
}  // namespace waterline
