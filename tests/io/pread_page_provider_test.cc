// What is particular to the pread provider; what it shares with the others is
// in provider_conformance_test.cc and provider_fault_test.cc.

#include "io/pread_page_provider.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cache/epoch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "io/preadv_engine.h"
#include "tests/io/provider_cases.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::IsOkAndHolds;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;

class PreadPageProviderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteFile(directory_.File("file"), bytes_);
    QUIRE_ASSERT_OK_AND_ASSIGN(
        file_, provider_->Attach(directory_.File("file"), bytes_.size()));
  }
  void TearDown() override { provider_->Detach(std::move(file_)); }

  // Whether an extent reads right.
  void ExpectRead(uint64_t offset, uint64_t length, CachePolicy policy) {
    EXPECT_THAT(ReadAll(*provider_, {{file_.get(), offset, length}}, policy)[0],
                IsOkAndHolds(bytes_.substr(offset, length)));
  }

  const TempDirectory directory_;
  const std::string bytes_ = TestBytes(1 << 20, 1);
  FaultyFileSystem files_{PosixFileSystem()};
  const std::unique_ptr<PageProvider> provider_ =
      NewPreadPageProvider(files_, MakePreadvEngine());
  std::unique_ptr<AttachedFile> file_;
};

TEST_F(PreadPageProviderTest, OneExtentIsOneReadOfThatLength) {
  ExpectRead(12'345, 678, CachePolicy::kPoint);
  EXPECT_EQ(files_.count(FileOp::kRead), 1u);
  EXPECT_EQ(provider_->Stats().device_reads, 1u);
  EXPECT_EQ(provider_->Stats().device_bytes, 678u);
}

TEST_F(PreadPageProviderTest, BatchIsMergedBeforeItIsRead) {
  ReadAll(*provider_,
          {{file_.get(), 0, 100},
           {file_.get(), 50'000, 100},
           {file_.get(), 100, 100},
           {file_.get(), 50'050, 100}},
          CachePolicy::kPoint);
  EXPECT_EQ(files_.count(FileOp::kRead), 2u);
  EXPECT_EQ(provider_->Stats().device_bytes, 350u);
}

TEST_F(PreadPageProviderTest, SecondDescriptorIsOpenedAtTheFirstScan) {
  EXPECT_EQ(files_.count(FileOp::kOpen), 1u);
  ExpectRead(0, 10, CachePolicy::kPoint);
  EXPECT_EQ(files_.count(FileOp::kOpen), 1u);
  ExpectRead(0, 10, CachePolicy::kScan);
  ExpectRead(10, 10, CachePolicy::kScan);
  ExpectRead(0, 10, CachePolicy::kReadOnce);
  EXPECT_EQ(files_.count(FileOp::kOpen), 2u);
}

TEST_F(PreadPageProviderTest, WithoutASecondDescriptorTheFirstServesScans) {
  files_.Inject({.op = FileOp::kOpen, .sticky = true, .error = EMFILE});
  ExpectRead(0, 10, CachePolicy::kScan);
  ExpectRead(500'000, 10, CachePolicy::kScan);
  EXPECT_EQ(files_.injected_count(), 1u);  // it isn't tried at each read
}

TEST_F(PreadPageProviderTest, PeekAlwaysMisses) {
  ExpectRead(0, 10, CachePolicy::kPoint);
  const cache::EpochGuard guard;
  EXPECT_EQ(provider_->Peek(*file_, 0, 10).data, nullptr);
}

}  // namespace
}  // namespace quire::io
