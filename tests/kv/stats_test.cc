#include "kv/stats.h"

#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace quire {
namespace {

// Every field has a value of its own: its place among the fields.
Stats NumberedStats() {
  Stats stats;
  static_assert(sizeof(Stats) % sizeof(uint64_t) == 0);
  std::vector<uint64_t> numbers;
  for (size_t i = 0; i < sizeof(Stats) / sizeof(uint64_t); ++i) {
    numbers.push_back(1000 + i);
  }
  std::memcpy(static_cast<void*>(&stats), numbers.data(), sizeof(stats));
  return stats;
}

TEST(StatsTest, TextHasEachFieldOnceInOrder) {
  const Stats stats = NumberedStats();
  const std::string text = StatsToText(stats);
  EXPECT_EQ(text.substr(0, 11), "gets: 1000\n");
  std::set<std::string> names;
  uint64_t expected = 1000;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(line, ": ");
    ASSERT_EQ(parts.size(), 2);
    EXPECT_TRUE(names.insert(parts[0]).second) << parts[0];
    EXPECT_EQ(parts[1], std::to_string(expected++)) << parts[0];
  }
  EXPECT_EQ(names.size(), sizeof(Stats) / sizeof(uint64_t));
  EXPECT_EQ(names.count("provider.cache_pinned_bytes"), 1);
}

TEST(StatsTest, JsonSaysTheSameAsTheText) {
  const Stats stats = NumberedStats();
  const auto json = nlohmann::ordered_json::parse(StatsToJson(stats));
  std::string text;
  for (const auto& [name, value] : json.items()) {
    text += name + ": " + std::to_string(value.get<uint64_t>()) + "\n";
  }
  EXPECT_EQ(text, StatsToText(stats));
}

}  // namespace
}  // namespace quire
