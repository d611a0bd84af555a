#include "kv/pinned_value.h"

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "kv/internal/pinned_value_filler.h"

namespace quire {
namespace {

using Filler = kv_internal::PinnedValueFiller;

// Counts how often it was let go.
struct Counter {
  int count = 0;
  static void Release(void* context) noexcept {
    ++static_cast<Counter*>(context)->count;
  }
};

class CountingPinOwner final : public io::PinOwner {
 public:
  void Unpin(uintptr_t token) noexcept override { tokens.push_back(token); }
  std::vector<uintptr_t> tokens;
};

io::Pin MakePin(std::string_view bytes, CountingPinOwner* owner,
                uintptr_t token) {
  return io::Pin(
      {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()}, nullptr,
      owner, token);
}

// Lengths on both sides of what a std::string keeps within itself.
class PinnedValueCopyTest : public ::testing::TestWithParam<size_t> {
 protected:
  const std::string text_ = std::string(GetParam(), 'c');
};

TEST_P(PinnedValueCopyTest, OutlivesItsSource) {
  PinnedValue value;
  std::string source = text_;
  Filler::SetCopy(value, source);
  source.assign(source.size(), 'x');
  EXPECT_EQ(value.value(), text_);
}

TEST_P(PinnedValueCopyTest, MovesByConstruction) {
  PinnedValue from;
  Filler::SetCopy(from, text_);
  const PinnedValue to(std::move(from));
  EXPECT_EQ(to.value(), text_);
  EXPECT_EQ(from.value(), "");  // NOLINT(bugprone-use-after-move)
}

TEST_P(PinnedValueCopyTest, MovesOverAnother) {
  PinnedValue from;
  PinnedValue to;
  Filler::SetCopy(to, "what was here before");
  Filler::SetCopy(from, text_);
  to = std::move(from);
  EXPECT_EQ(to.value(), text_);
  EXPECT_EQ(from.value(), "");  // NOLINT(bugprone-use-after-move)
  Filler::SetCopy(from, "again");
  EXPECT_EQ(from.value(), "again");
  EXPECT_EQ(to.value(), text_);
}

TEST_P(PinnedValueCopyTest, MovesAmongOthersInAVector) {
  std::vector<PinnedValue> values;
  for (int i = 0; i < 20; ++i) {
    Filler::SetCopy(values.emplace_back(), text_ + std::to_string(i));
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(values[i].value(), text_ + std::to_string(i));
  }
}

TEST_P(PinnedValueCopyTest, IsFilledByTheCallerWhereAskedFor) {
  constexpr std::string_view kBefore = "key";
  PinnedValue value;
  Filler::SetCopy(value, "old");
  const std::span<char> room =
      Filler::StartCopy(value, kBefore.size() + text_.size());
  ASSERT_EQ(room.size(), kBefore.size() + text_.size());
  EXPECT_EQ(value.value(), "");
  std::memcpy(room.data(), kBefore.data(), kBefore.size());
  std::memcpy(room.data() + kBefore.size(), text_.data(), text_.size());
  const std::string_view part(room.data() + kBefore.size(), text_.size());
  ASSERT_TRUE(Filler::FinishCopy(value, part));
  EXPECT_EQ(value.value(), text_);
  const PinnedValue moved(std::move(value));
  EXPECT_EQ(moved.value(), text_);
}

TEST_P(PinnedValueCopyTest, AnothersBytesAreNotItsCopy) {
  PinnedValue value;
  Filler::StartCopy(value, text_.size());
  EXPECT_FALSE(Filler::FinishCopy(value, "elsewhere"));
  EXPECT_EQ(value.value(), "");
}

TEST(PinnedValueTest, KnowsWhatLiesInIt) {
  PinnedValue value;
  EXPECT_FALSE(Filler::Holds(value, "text"));
  Filler::SetCopy(value, "a text");
  EXPECT_TRUE(Filler::Holds(value, value.value().substr(2)));
  EXPECT_FALSE(Filler::Holds(value, "a text"));
}

TEST_P(PinnedValueCopyTest, OfItsOwnValueIsRight) {
  PinnedValue value;
  Filler::SetCopy(value, text_ + "end");
  Filler::SetCopy(value, value.value().substr(text_.size()));
  EXPECT_EQ(value.value(), "end");
}

INSTANTIATE_TEST_SUITE_P(Lengths, PinnedValueCopyTest,
                         ::testing::Values(0, 1, 15, 16, 5000));

TEST(PinnedValueTest, IsEmptyAtFirstAndAfterReset) {
  PinnedValue value;
  EXPECT_EQ(value.value(), "");
  Filler::SetCopy(value, "copy");
  value.Reset();
  EXPECT_EQ(value.value(), "");
  value.Reset();
}

TEST(PinnedValueTest, AssignedToItselfItStays) {
  PinnedValue value;
  Filler::SetCopy(value, "copy");
  PinnedValue& same = value;
  value = std::move(same);
  EXPECT_EQ(value.value(), "copy");
}

TEST(PinnedValueTest, APinIsGivenBackOnce) {
  const std::string bytes = "header and value";
  CountingPinOwner owner;
  Counter counter;
  {
    PinnedValue value;
    Filler::SetPin(value, MakePin(bytes, &owner, 5),
                   std::string_view(bytes).substr(11), &Counter::Release,
                   &counter);
    PinnedValue moved = std::move(value);
    EXPECT_EQ(moved.value(), "value");
    EXPECT_EQ(moved.value().data(), bytes.data() + 11);
    EXPECT_TRUE(owner.tokens.empty());
    EXPECT_EQ(counter.count, 0);
  }
  EXPECT_EQ(owner.tokens, std::vector<uintptr_t>{5});
  EXPECT_EQ(counter.count, 1);
}

TEST(PinnedValueTest, FillingAgainGivesTheOldValueBack) {
  const std::string bytes = "bytes";
  CountingPinOwner owner;
  Counter first;
  Counter second;
  PinnedValue value;
  Filler::SetPin(value, MakePin(bytes, &owner, 1), bytes, &Counter::Release,
                 &first);
  Filler::SetHeld(value, bytes, &Counter::Release, &second);
  EXPECT_EQ(owner.tokens, std::vector<uintptr_t>{1});
  EXPECT_EQ(first.count, 1);
  EXPECT_EQ(second.count, 0);
  EXPECT_EQ(value.value().data(), bytes.data());
  // The copy is made before its source is let go.
  Filler::SetCopy(value, value.value());
  EXPECT_EQ(second.count, 1);
  EXPECT_EQ(value.value(), "bytes");
  EXPECT_NE(value.value().data(), bytes.data());
  Filler::SetPin(value, MakePin(bytes, &owner, 2), bytes, nullptr, nullptr);
  PinnedValue other;
  Filler::SetCopy(other, "other");
  value = std::move(other);
  EXPECT_EQ(owner.tokens, (std::vector<uintptr_t>{1, 2}));
  EXPECT_EQ(value.value(), "other");
}

TEST(PinnedValueTest, CopiesReuseTheirMemory) {
  PinnedValue value;
  Filler::SetCopy(value, std::string(1000, 'a'));
  const char* const memory = value.value().data();
  Filler::SetCopy(value, std::string(500, 'b'));
  EXPECT_EQ(value.value().data(), memory);
  EXPECT_EQ(Filler::StartCopy(value, 900).data(), memory);
}

}  // namespace
}  // namespace quire
