// Providers over more files than may be open at once.

#include "io/file_table.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <random>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/open_provider.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "tests/memory/failing_memory.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::FaultyFileSystem;
using ::quire::testing::FileOp;
using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::quire::testing::WriteFile;
using ::testing::AllOf;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

constexpr uint32_t kLimit = 8;
constexpr size_t kFiles = 60;
constexpr uint64_t kFileBytes = 20000;

// The bytes of file `i`; each 8 say the file and the place.
std::string Content(size_t i) {
  std::string text;
  for (uint64_t at = 0; text.size() < kFileBytes; ++at) {
    std::string word = std::to_string(10000000 + i * 10000 + at);
    text += word.substr(0, 8);
  }
  text.resize(kFileBytes);
  return text;
}

class ManyFilesTest : public ::testing::TestWithParam<ReadMode> {
 protected:
  void SetUp() override {
    for (size_t i = 0; i < kFiles; ++i) {
      contents_.push_back(Content(i));
      WriteFile(Path(i), contents_[i]);
    }
    auto opened = OpenProvider({.read_mode = GetParam(),
                                .cache_bytes = 256 << 10,
                                .max_open_files = kLimit},
                               PosixFileSystem(), dir_.path());
    ASSERT_OK(opened.status());
    provider_ = std::move(opened->provider);
    for (size_t i = 0; i < kFiles; ++i) {
      auto file = provider_->Attach(Path(i), kFileBytes);
      ASSERT_OK(file.status());
      files_.push_back(*std::move(file));
    }
  }

  void TearDown() override {
    for (auto& file : files_) provider_->Detach(std::move(file));
  }

  std::string Path(size_t i) const {
    return dir_.File("file" + std::to_string(i));
  }

  // Descriptors of the test's files that this process has.
  size_t OpenFiles() const {
    size_t count = 0;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string target = fs::read_symlink(entry, gone).string();
      if (!gone && target.starts_with(dir_.File("file"))) ++count;
    }
    return count;
  }

  // Reads `count` random extents as one batch and compares them.
  void ReadRandom(std::mt19937_64& random, size_t count) {
    constexpr CachePolicy kPolicies[] = {
        CachePolicy::kPoint, CachePolicy::kScan, CachePolicy::kReadOnce};
    std::vector<ReadRequest> requests(count);
    std::vector<std::string> expected;
    for (ReadRequest& request : requests) {
      const size_t i = random() % kFiles;
      const uint64_t length = 1 + random() % 300;
      const uint64_t offset = random() % (kFileBytes - length);
      request.extent = {files_[i].get(), offset, length};
      expected.push_back(contents_[i].substr(offset, length));
    }
    provider_->Read(requests, kPolicies[random() % 3]);
    for (size_t i = 0; i < count; ++i) {
      ASSERT_OK(requests[i].status);
      const auto bytes = requests[i].pin.bytes();
      EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()),
                            bytes.size()),
                expected[i]);
    }
  }

  testing::TempDirectory dir_;
  std::unique_ptr<PageProvider> provider_;
  std::vector<std::unique_ptr<AttachedFile>> files_;
  std::vector<std::string> contents_;
};

TEST_P(ManyFilesTest, AreAllReadableWithFewDescriptors) {
  EXPECT_LE(OpenFiles(), kLimit + 1);
  std::mt19937_64 random(testing::TestSeed());
  for (int i = 0; i < 300; ++i) {
    ReadRandom(random, 1 + random() % 3);
    EXPECT_LE(OpenFiles(), 2 * kLimit);
  }
}

TEST_P(ManyFilesTest, ABatchOverMoreFilesThanMayBeOpenIsRead) {
  std::mt19937_64 random(testing::TestSeed());
  for (int i = 0; i < 10; ++i) ReadRandom(random, 400);
  EXPECT_LE(OpenFiles(), 2 * kLimit);
}

TEST_P(ManyFilesTest, ThreadsShareThem) {
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      std::mt19937_64 random(testing::TestSeed() + t);
      for (int i = 0; i < 150; ++i) ReadRandom(random, 1 + random() % 20);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(OpenFiles(), 4 * kLimit);
  EXPECT_GT(OpenFiles(), 0u);
}

TEST_P(ManyFilesTest, AFileRemovedMeanwhileIsAClearErrorUnlessItIsMapped) {
  std::mt19937_64 random(testing::TestSeed());
  for (int i = 0; i < 200; ++i) ReadRandom(random, 1);
  for (size_t i = 0; i < kFiles; ++i) fs::remove(Path(i));
  size_t refused = 0;
  for (size_t i = 0; i < kFiles; ++i) {
    ReadRequest request;
    request.extent = {files_[i].get(), 10000, 100};
    provider_->Read({&request, 1}, CachePolicy::kPoint);
    if (request.status.ok()) continue;  // open still, or cached
    ++refused;
    EXPECT_THAT(request.status,
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr(Path(i) + ":"), HasSubstr("removed"),
                               HasSubstr("Refresh"))));
  }
  if (GetParam() == ReadMode::kMmap) {
    EXPECT_EQ(refused, 0u);
    ReadRequest request;
    request.extent = {files_[0].get(), 0, 100};
    provider_->Read({&request, 1}, CachePolicy::kReadOnce);
    EXPECT_THAT(request.status, IsOk());
  } else {
    EXPECT_GT(refused, kFiles / 4);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ManyFilesTest,
                         ::testing::Values(ReadMode::kPread,
                                           ReadMode::kBuffered, ReadMode::kMmap,
                                           ReadMode::kDirect),
                         [](const auto& instance) {
                           return ReadModeName(instance.param);
                         });

class FileTableTest : public ::testing::Test {
 protected:
  FileTableTest()
      : faulty_(PosixFileSystem()),
        table_(faulty_, /*engine=*/nullptr, OpenMode::kBuffered, 4) {}

  std::unique_ptr<TableFile> Add(const std::string& name) {
    WriteFile(dir_.File(name), name);
    auto file = table_.Open(dir_.File(name), name.size(), false);
    EXPECT_OK(file.status());
    return *std::move(file);
  }

  std::string Read(FileTable::Section& section, const TableFile& file,
                   size_t size) {
    std::string text(size, '\0');
    EXPECT_OK(section.Find(file).file->ReadAt(
        0, std::as_writable_bytes(std::span(text))));
    return text;
  }

  testing::TempDirectory dir_;
  FaultyFileSystem faulty_;
  FileTable table_;
};

TEST_F(FileTableTest, WhatASectionHasFoundStaysOpenWhateverElseIsOpened) {
  const auto first = Add("first");
  std::vector<std::unique_ptr<TableFile>> others;
  for (int i = 0; i < 20; ++i) others.push_back(Add("x" + std::to_string(i)));
  std::vector<const ReadableFile*> found;
  FileTable::Section section(table_);
  found.push_back(section.Find(*first).file);
  for (const auto& file : others) found.push_back(section.Find(*file).file);
  EXPECT_LE(table_.open_count(), 4u);
  for (const ReadableFile* file : found) {
    std::string text(file->size_bytes(), '\0');
    EXPECT_OK(file->ReadAt(0, std::as_writable_bytes(std::span(text))));
    EXPECT_EQ(dir_.File(text), file->path());
  }
}

TEST_F(FileTableTest, WhatIsUsedStaysOpenAndWhatIsNotIsOpenedAgain) {
  const auto hot = Add("hot");
  const auto cold = Add("cold");
  std::vector<std::unique_ptr<TableFile>> others;
  for (int i = 0; i < 20; ++i) {
    others.push_back(Add("x" + std::to_string(i)));
    FileTable::Section section(table_);
    EXPECT_EQ(Read(section, *hot, 3), "hot");
  }
  const uint64_t before = faulty_.count(FileOp::kOpen);
  FileTable::Section section(table_);
  EXPECT_EQ(Read(section, *hot, 3), "hot");
  EXPECT_EQ(faulty_.count(FileOp::kOpen), before);
  EXPECT_EQ(Read(section, *cold, 4), "cold");
  EXPECT_EQ(faulty_.count(FileOp::kOpen), before + 1);
}

TEST_F(FileTableTest, RunningOutOfMemoryTakesNothingFromASection) {
  if (!testing::CanFailMemory()) GTEST_SKIP() << "not under a sanitizer";
  constexpr int kRight = 0, kWrong = 1, kNothingFailed = 2;
  std::vector<std::unique_ptr<TableFile>> files;
  for (int i = 0; i < 10; ++i) files.push_back(Add("x" + std::to_string(i)));
  bool done = false;
  // In a child each: where retired objects can't be kept the process ends.
  const auto ended = [&done](int status) {
    done = WIFEXITED(status) && WEXITSTATUS(status) == kNothingFailed;
    return done || (WIFEXITED(status) && WEXITSTATUS(status) == kRight) ||
           (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  };
  for (uint64_t nth = 1; !done && !HasFailure(); ++nth) {
    EXPECT_EXIT(
        {
          std::vector<const ReadableFile*> found;
          found.reserve(100);
          FileTable::Section section(table_);
          const auto find_all = [&] {
            for (const auto& file : files) {
              found.push_back(section.Find(*file).file);
            }
          };
          testing::FailMemory(nth, /*sticky=*/false);
          try {
            find_all();
          } catch (const std::bad_alloc&) {
          }
          testing::RestoreMemory();
          const bool failed = testing::MemoryFailures() > 0;
          find_all();  // ends generations, whatever was left in them
          for (const ReadableFile* file : found) {
            std::string text(file->size_bytes(), '\0');
            if (text.empty()) continue;  // a failure to open
            const absl::Status read =
                file->ReadAt(0, std::as_writable_bytes(std::span(text)));
            if (!read.ok() || dir_.File(text) != file->path()) _exit(kWrong);
          }
          _exit(failed ? kRight : kNothingFailed);
        },
        ended, "");
  }
}

TEST_F(FileTableTest, AFailureToOpenIsTheReadsErrorAndIsForgotten) {
  const auto file = Add("file");
  std::vector<std::unique_ptr<TableFile>> others;
  for (int i = 0; i < 20; ++i) others.push_back(Add("x" + std::to_string(i)));
  faulty_.Inject({.op = FileOp::kOpen, .error = EMFILE});
  FileTable::Section section(table_);
  std::string text(4, '\0');
  EXPECT_THAT(section.Find(*file).file->ReadAt(
                  0, std::as_writable_bytes(std::span(text))),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr(dir_.File("file"))));
  EXPECT_EQ(Read(section, *file, 4), "file");
}

}  // namespace
}  // namespace quire::io
