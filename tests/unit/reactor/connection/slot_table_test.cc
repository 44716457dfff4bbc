// Goal: a token finds its connection and no other, even after its slot was reused.
// Method: single steps, then thousands of random ones against a map.
#include "reactor/connection/slot_table.h"

#include <map>
#include <memory>
#include <set>

#include "gtest/gtest.h"
#include "tests/support/random.h"

namespace echogw {
namespace {

TEST(TokenTest, PacksAndUnpacks) {
  for (const Token t : {Token{0, 1}, Token{UINT32_MAX, UINT32_MAX}, Token{7, 0}, Token{0, 9}}) {
    const Token back = Token::Unpack(t.Pack());
    EXPECT_EQ(back.index, t.index);
    EXPECT_EQ(back.generation, t.generation);
  }
  EXPECT_EQ((Token{5, 0}.Pack()), 5U) << "a listener's index must not look like a connection";
}

TEST(SlotTableTest, FindsWhatWasInserted) {
  SlotTable table;
  EXPECT_EQ(table.Find({0, 1}), nullptr);
  const Token a = table.Insert(10);
  const Token b = table.Insert(11);
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(table.Find(a)->fd, 10);
  EXPECT_EQ(table.Find(b)->fd, 11);
  EXPECT_NE(a.generation, 0U);
  table.Erase(a);
  table.Erase(b);
  EXPECT_EQ(table.size(), 0U);
}

TEST(SlotTableTest, StaleTokenFindsNothingAfterItsSlotIsUsedAgain) {
  SlotTable table;
  const Token old = table.Insert(10);
  table.Find(old)->received_bytes = 99;
  table.Erase(old);
  EXPECT_EQ(table.Find(old), nullptr);
  const Token anew = table.Insert(12);
  ASSERT_EQ(anew.index, old.index);
  EXPECT_EQ(table.Find(old), nullptr);
  EXPECT_EQ(table.Find(anew)->fd, 12);
  EXPECT_EQ(table.Find(anew)->received_bytes, 0U) << "a new connection starts from zero";
  table.Erase(anew);
}

TEST(SlotTableTest, ColdStateBelongsToItsConnectionOnly) {
  SlotTable table;
  const Token plain = table.Insert(10);
  const Token special = table.Insert(11);
  EXPECT_EQ(table.ColdOf(special.index), nullptr);
  ColdState& cold = table.SetCold(special, std::make_unique<ColdState>());
  EXPECT_EQ(table.ColdOf(special.index), &cold);
  EXPECT_EQ(table.ColdOf(plain.index), nullptr);
  EXPECT_EQ(table.TakeCold(plain.index), nullptr);

  table.Erase(special);
  const Token anew = table.Insert(12);
  ASSERT_EQ(anew.index, special.index);
  EXPECT_EQ(table.ColdOf(anew.index), nullptr) << "the next one in the slot has none";

  table.SetCold(anew, std::make_unique<ColdState>());
  const auto taken = table.TakeCold(anew.index);
  EXPECT_NE(taken, nullptr);
  EXPECT_EQ(table.ColdOf(anew.index), nullptr);
  EXPECT_FALSE(table.Find(anew)->has_cold);
  table.Erase(anew);
  table.Erase(plain);
}

TEST(SlotTableTest, GenerationSkipsZeroWhenItWraps) {
  SlotTable table;
  const Token first = table.Insert(10);
  // The last generation, as after four billion connections in this slot.
  table.Find(first)->generation = UINT32_MAX;
  table.Erase({first.index, UINT32_MAX});
  const Token next = table.Insert(11);
  EXPECT_EQ(next.index, first.index);
  EXPECT_EQ(next.generation, 1U) << "0 is for listeners and the mailbox";
  table.Erase(next);
}

TEST(SlotTableTest, PointersStayGoodWhileTheTableGrows) {
  SlotTable table;
  const Token first = table.Insert(3);
  const Connection* address = table.Find(first);
  std::vector<Token> tokens;
  for (int i = 0; i < 2000; ++i) tokens.push_back(table.Insert(100 + i));
  EXPECT_EQ(table.Find(first), address);
  EXPECT_GE(table.capacity(), 2001U);
  for (const Token t : tokens) table.Erase(t);
  table.Erase(first);
}

TEST(SlotTableTest, LowSlotsAreUsedFirst) {
  SlotTable table;
  for (std::uint32_t i = 0; i < 300; ++i) EXPECT_EQ(table.Insert(static_cast<int>(i)).index, i);
  for (std::uint32_t i = 0; i < 300; ++i) table.Erase({i, 1});
}

TEST(SlotTableDeathTest, DiesOfTheMistakesItGuards) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        SlotTable table;
        table.Erase({0, 1});
      },
      "CHECK failed");
  EXPECT_DEATH(
      {
        SlotTable table;
        static_cast<void>(table.Insert(4));
      },
      "size_ == 0");
}

TEST(SlotTableTest, AgreesWithAMap) {
  const std::uint64_t seed = TestSeed();
  Random random(seed);
  SlotTable table;
  std::map<std::uint64_t, int> model;  // packed token, fd
  std::set<std::uint64_t> gone;
  for (int step = 0; step < 20'000; ++step) {
    // Grows and shrinks in waves, so that slots of several chunks are reused.
    const unsigned growth = (step / 2500) % 2 == 0 ? 65 : 35;
    if (model.empty() || random.Percent(growth)) {
      const Token t = table.Insert(step);
      ASSERT_TRUE(model.emplace(t.Pack(), step).second);
      ASSERT_FALSE(gone.contains(t.Pack())) << "a token came back";
    } else {
      auto victim = model.lower_bound(random.Between(0, UINT64_MAX));
      if (victim == model.end()) victim = model.begin();
      table.Erase(Token::Unpack(victim->first));
      gone.insert(victim->first);
      model.erase(victim);
    }
    ASSERT_EQ(table.size(), model.size());
  }
  for (const auto& [packed, fd] : model) ASSERT_EQ(table.Find(Token::Unpack(packed))->fd, fd);
  for (const std::uint64_t packed : gone) ASSERT_EQ(table.Find(Token::Unpack(packed)), nullptr);
  std::size_t taken = 0;
  for (std::uint32_t i = 0; i < table.capacity(); ++i) taken += table.InSlot(i) != nullptr ? 1 : 0;
  EXPECT_EQ(taken, model.size());
  for (const auto& [packed, fd] : model) table.Erase(Token::Unpack(packed));
}

}  // namespace
}  // namespace echogw
