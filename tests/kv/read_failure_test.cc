// A read that says "not found" of a file says nothing of a key.

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/open_provider.h"
#include "io/page_provider.h"
#include "kv/db.h"
#include "kv/read_session.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

using ::quire::testing::StatusIs;

constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

// Passes everything on; reads of files with a suffix end in NotFound.
class ForgetfulProvider final : public io::PageProvider {
 public:
  explicit ForgetfulProvider(std::unique_ptr<io::PageProvider> base)
      : base_(std::move(base)) {}

  void Lose(std::string suffix) { lost_ = std::move(suffix); }

  absl::StatusOr<std::unique_ptr<io::AttachedFile>> Attach(
      const std::string& path, uint64_t size_bytes) override {
    return base_->Attach(path, size_bytes);
  }
  void Detach(std::unique_ptr<io::AttachedFile> file) override {
    base_->Detach(std::move(file));
  }
  void Read(std::span<io::ReadRequest> requests,
            io::CachePolicy policy) override {
    base_->Read(requests, policy);
    for (io::ReadRequest& request : requests) {
      const std::string& path = request.extent.file->path();
      if (lost_.empty() || !path.ends_with(lost_)) continue;
      request.pin.Reset();
      request.status = absl::NotFoundError(path + ": no such file");
    }
  }
  void Hint(std::span<const io::Extent>, io::CachePolicy) override {}
  io::ProviderStats Stats() const override { return base_->Stats(); }

 private:
  const std::unique_ptr<io::PageProvider> base_;
  std::string lost_;
};

class ReadFailureTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Options options;
    options.create_if_missing = true;
    options.index_memory_bytes = 0;  // probes go to the file
    options.provider_factory = [this](io::FileSystem& file_system,
                                      const std::string& directory)
        -> absl::StatusOr<std::unique_ptr<io::PageProvider>> {
      auto opened = io::OpenProvider({.read_mode = ReadMode::kPread},
                                     file_system, directory);
      if (!opened.ok()) return opened.status();
      auto provider =
          std::make_unique<ForgetfulProvider>(std::move(opened->provider));
      provider_ = provider.get();
      return provider;
    };
    auto opened = DB::Open(options, dir_.File("db"));
    ASSERT_OK(opened.status());
    db_ = *std::move(opened);
    ASSERT_OK(db_->Put({}, "key", std::string(1000, 'v')));
    ASSERT_OK(db_->FlushMemtables());
  }

  // Of all ways to ask for the key.
  void ExpectAll(absl::StatusCode code) {
    std::string value;
    EXPECT_EQ(db_->Get({}, "key", &value).code(), code);
    PinnedValue pinned;
    EXPECT_EQ(db_->Get({}, "key", &pinned).code(), code);
    const std::array<std::string_view, 1> keys = {"key"};
    std::array<absl::Status, 1> statuses;
    db_->MultiGet({}, keys, std::span(&pinned, 1), statuses);
    EXPECT_EQ(statuses[0].code(), code);
    auto session = ReadSession::Open(*db_, {});
    ASSERT_OK(session.status());
    const std::array<uint64_t, 1> tags = {7};
    (*session)->Submit(keys, tags);
    std::array<ReadSession::Completion, 1> done;
    ASSERT_EQ((*session)->Poll(1, done), 1u);
    EXPECT_EQ(done[0].status.code(), code);
  }

  testing::TempDirectory dir_;
  ForgetfulProvider* provider_ = nullptr;  // the database's
  std::unique_ptr<DB> db_;
};

TEST_F(ReadFailureTest, AFileThatIsNotFoundIsNoAbsentKey) {
  ASSERT_NO_FATAL_FAILURE(ExpectAll(absl::StatusCode::kOk));
  provider_->Lose(".seg");
  ASSERT_NO_FATAL_FAILURE(ExpectAll(kUnavailable));
  provider_->Lose(".tbl");
  ASSERT_NO_FATAL_FAILURE(ExpectAll(kUnavailable));
  provider_->Lose("");
  ASSERT_NO_FATAL_FAILURE(ExpectAll(absl::StatusCode::kOk));
}

}  // namespace
}  // namespace quire
