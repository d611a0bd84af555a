// Bytes that fail their check are read again past what memory holds: a flip in
// memory is mended and counted, damage of the file is an error that says where.

#include "kv/internal/second_reading.h"

#include <atomic>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/epoch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/open_provider.h"
#include "io/page_provider.h"
#include "kv/db.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/table_format.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

using ::quire::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kKeys = 400;

std::string Key(int i) { return "key" + std::to_string(i); }
std::string Value(int i) {
  return std::string(300, static_cast<char>('a' + i % 26)) + std::to_string(i);
}

// Owns the copies that pins hold.
class CopyOwner final : public io::PinOwner {
 public:
  void Unpin(uintptr_t token) noexcept override {
    delete[] reinterpret_cast<std::byte*>(token);
  }
};
CopyOwner copy_owner;

// Passes everything on, but garbles one byte of one file, always or until it is
// told to forget it. Peek misses that byte meanwhile.
class GarblingProvider final : public io::PageProvider {
 public:
  explicit GarblingProvider(std::unique_ptr<io::PageProvider> base)
      : base_(std::move(base)) {}

  void Garble(const std::string& path, uint64_t offset, bool until_forgotten) {
    path_ = path;
    offset_ = offset;
    until_forgotten_ = until_forgotten;
    active_ = true;
  }

  // The byte where it lies in memory; nullptr if it isn't there.
  std::byte* InMemory(const std::string& path, uint64_t offset) {
    const cache::EpochGuard guard;
    const io::PeekResult found = base_->Peek(*files_.at(path), offset, 1);
    return const_cast<std::byte*>(found.data);
  }

  absl::StatusOr<std::unique_ptr<io::AttachedFile>> Attach(
      const std::string& path, uint64_t size_bytes) override {
    auto file = base_->Attach(path, size_bytes);
    if (file.ok()) files_[path] = file->get();
    return file;
  }
  void Detach(std::unique_ptr<io::AttachedFile> file) override {
    base_->Detach(std::move(file));
  }
  io::PeekResult Peek(const io::AttachedFile& file, uint64_t offset,
                      uint64_t length) override {
    if (Hits({&file, offset, length})) return {};
    return base_->Peek(file, offset, length);
  }
  void Read(std::span<io::ReadRequest> requests,
            io::CachePolicy policy) override {
    base_->Read(requests, policy);
    for (io::ReadRequest& request : requests) {
      if (!request.status.ok() || !Hits(request.extent)) continue;
      const std::span<const std::byte> bytes = request.pin.bytes();
      auto* copy = new std::byte[bytes.size()];
      std::memcpy(copy, bytes.data(), bytes.size());
      copy[offset_ - request.extent.offset] ^= std::byte{4};
      request.pin = io::Pin({copy, bytes.size()}, nullptr, &copy_owner,
                            reinterpret_cast<uintptr_t>(copy));
    }
  }
  void Hint(std::span<const io::Extent> extents,
            io::CachePolicy policy) override {
    base_->Hint(extents, policy);
  }
  void Forget(std::span<const io::Extent> extents) override {
    base_->Forget(extents);
    for (const io::Extent& extent : extents) {
      if (until_forgotten_ && Hits(extent)) active_ = false;
    }
  }
  std::string_view Name() const override { return base_->Name(); }
  io::ProviderStats Stats() const override { return base_->Stats(); }

 private:
  bool Hits(const io::Extent& extent) const {
    return active_ && extent.file->path() == path_ &&
           offset_ >= extent.offset && offset_ - extent.offset < extent.length;
  }

  const std::unique_ptr<io::PageProvider> base_;
  std::map<std::string, const io::AttachedFile*> files_;
  std::string path_;
  uint64_t offset_ = 0;
  bool until_forgotten_ = false;
  std::atomic<bool> active_{false};
};

class SecondReadingTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  void SetUp() override {
    options_.create_if_missing = true;
    auto db = DB::Open(options_, Path());
    ASSERT_OK(db.status());
    for (int i = 0; i < kKeys; ++i) {
      ASSERT_OK((*db)->Put({}, Key(i), Value(i)));
    }
    ASSERT_OK((*db)->Close());
    options_.index_memory_bytes = 0;  // probes go to the file
    options_.provider_factory = [this](io::FileSystem& file_system,
                                       const std::string& directory)
        -> absl::StatusOr<std::unique_ptr<io::PageProvider>> {
      auto opened =
          io::OpenProvider({.read_mode = GetParam()}, file_system, directory);
      if (!opened.ok()) return opened.status();
      auto provider =
          std::make_unique<GarblingProvider>(std::move(opened->provider));
      provider_ = provider.get();
      if (garbled_at_open_.has_value()) {
        provider->Garble(OnlyFile(".tbl"), *garbled_at_open_,
                         /*until_forgotten=*/true);
      }
      return provider;
    };
    Open();
  }
  void Open() {
    auto opened = DB::Open(options_, Path());
    ASSERT_OK(opened.status());
    db_ = *std::move(opened);
  }

  std::string Path() const { return dir_.File("db"); }
  std::string OnlyFile(const std::string& suffix) const {
    std::string found;
    for (const auto& entry : std::filesystem::directory_iterator(Path())) {
      if (entry.path().string().ends_with(suffix)) found = entry.path();
    }
    return found;
  }
  // Where the value of key `i` stands in the segment.
  uint64_t ValueOffset(int i) const {
    return testing::ReadFile(OnlyFile(".seg")).find(Value(i));
  }
  // Of the keys, read singly and by a scan, how many times an error was the
  // answer; everything else must be right.
  int ReadAll() {
    int errors = 0;
    std::string value;
    for (int i = 0; i < kKeys; ++i) {
      const absl::Status status = db_->Get({}, Key(i), &value);
      Note(status, value, i, &errors);
    }
    std::map<std::string, int> seen;
    const auto it = db_->NewIterator({});
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const auto found = it->value();
      const std::string key(it->key());
      Note(found.status(), found.ok() ? *found : "", std::stoi(key.substr(3)),
           &errors);
      ++seen[key];
    }
    if (!it->status().ok()) {
      first_error_ = it->status();
      ++errors;
    } else {
      EXPECT_EQ(seen.size(), size_t{kKeys});
    }
    return errors;
  }

  testing::TempDirectory dir_;
  Options options_;
  GarblingProvider* provider_ = nullptr;  // the database's
  std::unique_ptr<DB> db_;
  // What the next provider garbles in the table from its beginning on.
  std::optional<uint64_t> garbled_at_open_;
  absl::Status first_error_;

 private:
  void Note(const absl::Status& status, std::string_view value, int i,
            int* errors) {
    if (status.ok()) {
      EXPECT_EQ(value, Value(i));
    } else {
      if (first_error_.ok()) first_error_ = status;
      ++*errors;
    }
  }
};

TEST_P(SecondReadingTest, FlipInMemoryIsMendedAndCounted) {
  // A record, a page of the hash section, a block of the sorted section.
  const std::string table = OnlyFile(".tbl");
  const uint64_t size = std::filesystem::file_size(table);
  const std::vector<std::pair<std::string, uint64_t>> places = {
      {OnlyFile(".seg"), ValueOffset(7) + 5},
      {table, size - 3 * 4096 + 100},
      {table, 4096 + 200}};
  uint64_t mended = 0;
  for (const auto& [path, offset] : places) {
    SCOPED_TRACE(path + " at " + std::to_string(offset));
    provider_->Garble(path, offset, /*until_forgotten=*/true);
    EXPECT_EQ(ReadAll(), 0) << first_error_;
    const Stats stats = db_->GetStats();
    EXPECT_EQ(stats.checks_failed_in_memory, ++mended);
    EXPECT_EQ(stats.checks_failed_on_media, 0u);
    EXPECT_EQ(stats.checksum_failures, 0u);
  }
}

TEST_P(SecondReadingTest, FencesAreReadAgain) {
  const std::string table = OnlyFile(".tbl");
  const std::string bytes = testing::ReadFile(table);
  const std::span<const std::byte> file(
      reinterpret_cast<const std::byte*>(bytes.data()), bytes.size());
  const auto header =
      kv_internal::DecodeFileHeader(file.first(kv_internal::kPageBytes),
                                    kv_internal::FileType::kTable, table);
  ASSERT_OK(header.status());
  const auto footer = kv_internal::DecodeTableFooter(
      file.last(kv_internal::kPageBytes), header->file_id, bytes.size(), table);
  ASSERT_OK(footer.status());
  provider_->Garble(table, footer->fence_offset + 3, /*until_forgotten=*/true);
  EXPECT_EQ(ReadAll(), 0) << first_error_;
  EXPECT_EQ(db_->GetStats().checks_failed_in_memory, 1u);
  EXPECT_EQ(db_->GetStats().checks_failed_on_media, 0u);
}

// Header, footer and list of segments, which an open needs.
TEST_P(SecondReadingTest, TheFrameOfATableIsReadAgain) {
  const uint64_t size = std::filesystem::file_size(OnlyFile(".tbl"));
  for (const uint64_t offset :
       {uint64_t{16}, size - kv_internal::kPageBytes + 20,
        size - 2 * kv_internal::kPageBytes + 4}) {
    SCOPED_TRACE("at " + std::to_string(offset));
    ASSERT_OK(db_->Close());
    db_.reset();
    garbled_at_open_ = offset;
    ASSERT_NO_FATAL_FAILURE(Open());
    EXPECT_EQ(db_->GetProperty("quire.recovery"), "");
    EXPECT_EQ(db_->GetStats().checks_failed_in_memory, 1u);
    EXPECT_EQ(ReadAll(), 0) << first_error_;
  }
}

TEST_P(SecondReadingTest, DamageOfTheFileIsAnErrorThatSaysWhere) {
  const std::string segment = OnlyFile(".seg");
  provider_->Garble(segment, ValueOffset(7) + 5, /*until_forgotten=*/false);
  EXPECT_EQ(ReadAll(), 2);  // Get, scan
  EXPECT_THAT(first_error_,
              StatusIs(absl::StatusCode::kDataLoss,
                       AllOf(HasSubstr(segment), HasSubstr("offset"),
                             HasSubstr("body checksum mismatch"),
                             HasSubstr(io::ReadModeName(GetParam())))));
  EXPECT_EQ(db_->GetStats().checks_failed_in_memory, 0u);
  EXPECT_EQ(db_->GetStats().checks_failed_on_media, 2u);
}

TEST_P(SecondReadingTest, FlippedFrameLeavesTheCache) {
  const std::string segment = OnlyFile(".seg");
  if (GetParam() == ReadMode::kPread || GetParam() == ReadMode::kMmap) {
    GTEST_SKIP() << "this read mode has no frames of its own";
  }
  ASSERT_EQ(ReadAll(), 0);
  const uint64_t offset = ValueOffset(7) + 5;
  std::byte* const byte = provider_->InMemory(segment, offset);
  ASSERT_NE(byte, nullptr);
  *byte ^= std::byte{1};
  EXPECT_EQ(ReadAll(), 0) << first_error_;
  EXPECT_EQ(db_->GetStats().checks_failed_in_memory, 1u);
  // Nobody meets it again.
  EXPECT_EQ(ReadAll(), 0);
  EXPECT_EQ(db_->GetStats().checks_failed_in_memory, 1u);
  EXPECT_EQ(db_->GetStats().checks_failed_on_media, 0u);
}

INSTANTIATE_TEST_SUITE_P(AllModes, SecondReadingTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& info) {
                           return io::ReadModeName(info.param);
                         });

}  // namespace
}  // namespace quire
