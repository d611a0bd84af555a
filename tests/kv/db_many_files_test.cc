// A database of more files than the process may have descriptors.

#include <sys/resource.h>

#include <filesystem>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "kv/db.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

constexpr rlim_t kDescriptors = 80;
constexpr int kKeys = 20000;

std::string Key(int i) { return "key" + std::to_string(100000 + i); }

std::string Value(int i) {
  std::string value = std::to_string(i);
  value.resize(500, '.');
  return value;
}

class DbManyFilesTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  void SetUp() override { ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0); }
  void TearDown() override { setrlimit(RLIMIT_NOFILE, &before_); }

  rlimit before_;
  testing::TempDirectory dir_;
};

TEST_P(DbManyFilesTest, IsWrittenAndReadWithFewDescriptors) {
  rlimit few = before_;
  few.rlim_cur = kDescriptors;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  Options options;
  options.create_if_missing = true;
  options.memtable_bytes = 64 << 10;
  options.index_memory_bytes = 1 << 20;
  options.provider.read_mode = GetParam();
  options.provider.cache_bytes = 1 << 20;
  auto db = DB::Open(options, dir_.File("db"));
  ASSERT_OK(db.status());
  for (int i = 0; i < kKeys; ++i) ASSERT_OK((*db)->Put({}, Key(i), Value(i)));
  ASSERT_OK((*db)->Close());
  int files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(dir_.File("db"))) {
    if (entry.path().extension() == ".seg") ++files;
  }
  ASSERT_GT(files, static_cast<int>(kDescriptors));
  db = DB::Open(options, dir_.File("db"));
  ASSERT_OK(db.status());
  std::string value;
  for (int i = 0; i < kKeys; i += 37) {
    ASSERT_OK((*db)->Get({}, Key(i), &value));
    EXPECT_EQ(value, Value(i));
  }
  auto it = (*db)->NewIterator({});
  int count = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next(), ++count) {
    auto scanned = it->value();
    ASSERT_OK(scanned.status());
    EXPECT_EQ(*scanned, Value(count));
  }
  ASSERT_OK(it->status());
  EXPECT_EQ(count, kKeys);
  it.reset();
  ASSERT_OK((*db)->Close());
}

INSTANTIATE_TEST_SUITE_P(All, DbManyFilesTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& instance) {
                           return io::ReadModeName(instance.param);
                         });

}  // namespace
}  // namespace quire
