#include "kv/internal/overwrite_sample.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "kv/internal/run.h"
#include "tests/kv/test_memtable.h"
#include "tests/kv/test_run.h"
#include "tests/testing/memory_page_provider.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::kv_internal {
namespace {

constexpr int kKeys = 8000;

std::string KeyOf(int number) { return "key " + std::to_string(number); }

class OverwriteSampleTest : public ::testing::Test {
 protected:
  // A run of the keys [begin, end).
  void AddRun(int begin, int end) {
    auto memtable = TestMemtable::Create(uint64_t{4} << 20);
    ASSERT_OK(memtable.status());
    for (int i = begin; i < end; ++i) {
      (*memtable)->Put(KeyOf(i), "value", static_cast<uint64_t>(i + 1));
    }
    runs_.push_back(MakeTestRun(provider_, directory_.path(),
                                2 * runs_.size() + 1, **memtable));
    ASSERT_NE(runs_.back(), nullptr);
  }

  void MakeResident() {
    for (const auto& run : runs_) ASSERT_OK(run->table().LoadHashSection());
  }

  // The share for a new run of the keys [begin, end).
  double ShareOf(int begin, int end) const {
    OverwriteSample sample(runs_);
    for (int i = begin; i < end; ++i) {
      sample.Add(TestMemtable::PlainHash(KeyOf(i)));
    }
    return sample.share();
  }

  testing::TempDirectory directory_;
  testing::MemoryPageProvider provider_{
      testing::MemoryPageProvider::Peeking::kAll};
  std::vector<std::shared_ptr<kv_internal::Run>> runs_;
};

TEST_F(OverwriteSampleTest, AllIsOverwrittenWhereNothingIsKnown) {
  EXPECT_EQ(ShareOf(0, kKeys), 1);
  ASSERT_NO_FATAL_FAILURE(AddRun(0, kKeys));
  // Not resident.
  EXPECT_EQ(ShareOf(kKeys, 2 * kKeys), 1);
  ASSERT_NO_FATAL_FAILURE(MakeResident());
  EXPECT_EQ(ShareOf(0, 0), 1);
}

TEST_F(OverwriteSampleTest, TellsNewKeysFromOldOnes) {
  ASSERT_NO_FATAL_FAILURE(AddRun(0, kKeys / 2));
  ASSERT_NO_FATAL_FAILURE(AddRun(kKeys / 2, kKeys));
  ASSERT_NO_FATAL_FAILURE(MakeResident());
  EXPECT_EQ(ShareOf(0, kKeys), 1);
  // Some tags are equal by chance.
  EXPECT_LT(ShareOf(kKeys, 2 * kKeys), 0.02);
  const double half = ShareOf(kKeys / 2, kKeys / 2 + kKeys);
  EXPECT_GT(half, 0.35);
  EXPECT_LT(half, 0.65);
}

}  // namespace
}  // namespace quire::kv_internal
