// Encoding of a word allocates nothing.
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "support/allocation_counter.h"
#include "tokens/golden.h"
#include "tokens/tokenizer.h"

namespace waterline {
namespace {

TEST(TokenizerAllocations, AreNoneForAWord) {
  for (const std::string& kind : GoldenKinds()) {
    Budget budget(size_t{1} << 30);
    BudgetResource memory(budget, Use::kTokenizer);
    const auto tokenizer = Tokenizer::Load(GoldenTokenizers() / kind, budget, &memory);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    std::pmr::vector<int32_t> ids;
    ids.reserve(1000);
    for (const char* word : {"international", "don't", "Z\xC3\xBCrich", "[SEP]", "\xE4\xB8\xAD"}) {
      const size_t before = Allocations::Calls();
      (*tokenizer)->EncodeWord(word, ids);
      EXPECT_EQ(Allocations::Calls(), before) << kind << ": " << word;
    }
  }
}

}  // namespace
}  // namespace waterline
