#include "kv/options.h"

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire {
namespace {

using testing::StatusIs;

TEST(OptionsTest, DefaultsAreValid) { EXPECT_OK(Options().Validate()); }

TEST(OptionsTest, BoundsThemselvesAreValid) {
  Options options;
  options.memtable_bytes = uint64_t{64} << 10;
  options.max_waiting_memtables = 1;
  EXPECT_OK(options.Validate());
  options.memtable_bytes = uint64_t{1} << 30;
  options.max_waiting_memtables = 16;
  options.sync_interval_ms = UINT32_MAX;
  options.index_memory_bytes = 0;
  EXPECT_OK(options.Validate());
}

struct Refused {
  const char* field;
  std::function<void(Options&)> set;
};

TEST(OptionsTest, WhatIsOutOfBoundsIsNamed) {
  const Refused cases[] = {
      {"memtable_bytes is 65535",
       [](Options& options) { options.memtable_bytes = 65535; }},
      {"memtable_bytes is 1073741825",
       [](Options& options) { options.memtable_bytes = 1073741825; }},
      {"max_waiting_memtables is 0",
       [](Options& options) { options.max_waiting_memtables = 0; }},
      {"max_waiting_memtables is 17",
       [](Options& options) { options.max_waiting_memtables = 17; }},
      {"create_if_missing",
       [](Options& options) {
         options.read_only = true;
         options.create_if_missing = true;
       }},
      {"error_if_exists",
       [](Options& options) {
         options.read_only = true;
         options.error_if_exists = true;
       }},
  };
  for (const Refused& refused : cases) {
    Options options;
    refused.set(options);
    EXPECT_THAT(options.Validate(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         ::testing::HasSubstr(refused.field)));
  }
}

}  // namespace
}  // namespace quire
