// Scans that have to read their values from the device read them in long
// pieces.

#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "kv/db.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

constexpr int kKeys = 100000;
constexpr uint64_t kLeastBytesPerRead = 45 << 10;

std::string Key(int i) { return absl::StrFormat("key%013d", i); }

class ScanReadAheadTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.create_if_missing = true;
    Open();
    const std::string value(100, 'v');
    for (int i = 0; i < kKeys; ++i) ASSERT_OK(db_->Put({}, Key(i), value));
    ASSERT_OK(db_->Close());
    options_.provider.read_mode = ReadMode::kDirect;
    options_.provider.cache_bytes = 1 << 20;
    Open();
  }
  void Open() {
    db_.reset();
    auto opened = DB::Open(options_, dir_.File("db"));
    ASSERT_OK(opened.status());
    db_ = *std::move(opened);
  }

  // Bytes of a read on average, while everything is read in one direction.
  uint64_t BytesPerRead(bool forward) {
    const io::ProviderStats before = db_->GetStats().provider;
    const auto it = db_->NewIterator({});
    int entries = 0;
    forward ? it->SeekToFirst() : it->SeekToLast();
    for (; it->Valid(); forward ? it->Next() : it->Prev()) {
      EXPECT_OK(it->value().status());
      ++entries;
    }
    EXPECT_OK(it->status());
    EXPECT_EQ(entries, kKeys);
    const io::ProviderStats after = db_->GetStats().provider;
    return (after.device_bytes - before.device_bytes) /
           (after.device_reads - before.device_reads);
  }

  testing::TempDirectory dir_;
  Options options_;
  std::unique_ptr<DB> db_;
};

TEST_F(ScanReadAheadTest, ReadsLongPiecesBothWays) {
  const std::string mode =
      db_->GetProperty("quire.effective-provider").value_or("");
  if (!mode.starts_with("direct")) GTEST_SKIP() << "the read mode is " << mode;
  EXPECT_GE(BytesPerRead(true), kLeastBytesPerRead);
  EXPECT_GE(BytesPerRead(false), kLeastBytesPerRead);
}

}  // namespace
}  // namespace quire
