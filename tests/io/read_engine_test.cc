// What every read engine must do, for each of them and for files with and
// without a descriptor.

#include "io/read_engine.h"

#include <pthread.h>
#include <signal.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/aligned_buffer.h"
#include "io/file_system.h"
#include "io/posix_file_system.h"
#include "io/preadv_engine.h"
#include "io/uring_engine.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::FaultyFileSystem;
using ::quire::testing::IsOk;
using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr size_t kPage = 4096;
constexpr size_t kFilePages = 300;
constexpr size_t kFileBytes = kFilePages * kPage + 1000;

// Different at each offset within 64 KiB, and at each multiple of that.
std::string Content() {
  std::string bytes(kFileBytes, '\0');
  for (size_t i = 0; i < kFileBytes; ++i) {
    bytes[i] = static_cast<char>(i ^ (i >> 8) ^ (i >> 16) * 37);
  }
  return bytes;
}

enum class Kind { kPreadv, kUring, kUringWithRegisteredMemory };
enum class Files { kBuffered, kDirect, kWithoutDescriptor };

class ReadEngineTest
    : public ::testing::TestWithParam<std::tuple<Kind, Files>> {
 protected:
  void SetUp() override {
    content_ = Content();
    path_ = directory_.File("file");
    WriteFile(path_, content_);
    file_ = Open(path_);
    if (file_ == nullptr) return;
    QUIRE_ASSERT_OK_AND_ASSIGN(memory_, AlignedBuffer::Create(kMemoryBytes));
    if (std::get<0>(GetParam()) == Kind::kPreadv) {
      engine_ = MakePreadvEngine();
    } else {
      auto engine = MakeUringEngine();
      if (!engine.ok()) GTEST_SKIP() << engine.status();
      engine_ = *std::move(engine);
      if (std::get<0>(GetParam()) == Kind::kUringWithRegisteredMemory) {
        engine_->RegisterMemory({memory_.data(), kMemoryBytes});
      }
    }
    if (file_->descriptor() >= 0) {
      registered_ = engine_->RegisterFile(file_->descriptor());
    }
  }

  void TearDown() override {
    if (engine_ != nullptr) engine_->UnregisterFile(registered_);
  }

  std::unique_ptr<ReadableFile> Open(const std::string& path) {
    const Files files = std::get<1>(GetParam());
    FileSystem& file_system = files == Files::kWithoutDescriptor
                                  ? static_cast<FileSystem&>(faulty_)
                                  : PosixFileSystem();
    auto file = file_system.OpenFile(path, files == Files::kDirect
                                               ? OpenMode::kDirect
                                               : OpenMode::kBuffered);
    EXPECT_THAT(file, IsOk());
    return file.ok() ? *std::move(file) : nullptr;
  }

  // A read of `length` bytes at `offset` into memory_ at the same multiple of a
  // page; both are rounded as O_DIRECT wants it.
  IoRequest Request(uint64_t offset, uint64_t length, size_t memory_offset) {
    const uint64_t unit = file_->direct_alignment();
    const uint64_t begin = offset / unit * unit;
    const uint64_t end = (offset + length + unit - 1) / unit * unit;
    pieces_.push_back(std::make_unique<iovec>(
        iovec{memory_.data() + memory_offset, end - begin}));
    return {.file = file_.get(),
            .registered_file = registered_,
            .offset = begin,
            .pieces = {pieces_.back().get(), 1},
            .wanted_offset = offset,
            .wanted_length = length};
  }

  void ExpectRead(const IoRequest& request) {
    ASSERT_THAT(request.status, IsOk());
    uint64_t skip = request.wanted_offset - request.offset;
    std::string got;
    for (const iovec& piece : request.pieces) {
      got.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    EXPECT_TRUE(got.substr(skip, request.wanted_length) ==
                content_.substr(request.wanted_offset, request.wanted_length))
        << "at " << request.wanted_offset << ", " << request.wanted_length;
  }

  static constexpr size_t kMemoryBytes = 4 << 20;

  TempDirectory directory_;
  FaultyFileSystem faulty_{PosixFileSystem()};
  std::string content_;
  std::string path_;
  AlignedBuffer memory_;
  std::unique_ptr<ReadEngine> engine_;
  std::unique_ptr<ReadableFile> file_;
  int registered_ = -1;
  std::vector<std::unique_ptr<iovec>> pieces_;
};

TEST_P(ReadEngineTest, ReadsOneRequest) {
  std::vector<IoRequest> batch = {Request(3 * kPage, 2 * kPage, 0)};
  engine_->ReadBatch(batch);
  ExpectRead(batch[0]);
}

TEST_P(ReadEngineTest, ReadsNothingForAnEmptyBatch) { engine_->ReadBatch({}); }

TEST_P(ReadEngineTest, ReadsBatchesOfAllSizes) {
  // Below, at and above the depth of a ring, and several times it.
  for (size_t size : {2u, 3u, 63u, 64u, 65u, 129u, 300u}) {
    std::vector<IoRequest> batch;
    for (size_t i = 0; i < size; ++i) {
      batch.push_back(
          Request((i * 7919) % kFilePages * kPage, kPage, i * kPage));
    }
    engine_->ReadBatch(batch);
    for (const IoRequest& request : batch) ExpectRead(request);
  }
}

TEST_P(ReadEngineTest, ScattersARequestOverItsPieces) {
  std::vector<iovec> pieces;
  for (size_t i = 0; i < 16; ++i) {
    pieces.push_back({memory_.data() + (31 - 2 * i) * kPage, kPage});
  }
  IoRequest request = Request(5 * kPage, 16 * kPage, 0);
  request.pieces = pieces;
  std::vector<IoRequest> batch = {request, Request(0, kPage, 40 * kPage)};
  engine_->ReadBatch(batch);
  ExpectRead(batch[0]);
  ExpectRead(batch[1]);
}

TEST_P(ReadEngineTest, ReadsTheTailOfAFile) {
  const uint64_t tail = kFilePages * kPage;
  std::vector<IoRequest> batch = {Request(tail, 1000, 0),
                                  Request(tail - kPage, kPage + 1000, kPage),
                                  Request(kFileBytes - 1, 1, 4 * kPage)};
  engine_->ReadBatch(batch);
  for (const IoRequest& request : batch) ExpectRead(request);
  std::vector<IoRequest> alone = {Request(tail, 1000, 0)};
  engine_->ReadBatch(alone);
  ExpectRead(alone[0]);
}

TEST_P(ReadEngineTest, AFileCutShortIsDataLossForWhatIsGone) {
  ASSERT_EQ(truncate(path_.c_str(), 100 * kPage + 700), 0);
  std::vector<IoRequest> batch = {
      Request(99 * kPage, kPage, 0),          // there
      Request(100 * kPage, 700, kPage),       // all that is left
      Request(100 * kPage, kPage, 2 * kPage)  // reaches past
  };
  if (std::get<1>(GetParam()) != Files::kWithoutDescriptor) {
    batch.push_back(Request(200 * kPage, kPage, 3 * kPage));  // all gone
  }
  engine_->ReadBatch(batch);
  ExpectRead(batch[0]);
  ExpectRead(batch[1]);
  for (size_t i = 2; i < batch.size(); ++i) {
    EXPECT_THAT(batch[i].status,
                StatusIs(absl::StatusCode::kDataLoss,
                         AllOf(HasSubstr(path_), HasSubstr("4096"))));
  }
}

TEST_P(ReadEngineTest, AnErrorIsTheRequestsOwnAndNamesIt) {
  if (std::get<1>(GetParam()) == Files::kWithoutDescriptor) {
    faulty_.Inject({.op = quire::testing::FileOp::kRead, .nth = 2});
  }
  std::vector<IoRequest> batch;
  for (size_t i = 0; i < 3; ++i) {
    batch.push_back(Request(i * kPage, kPage, i * kPage));
  }
  if (std::get<1>(GetParam()) != Files::kWithoutDescriptor) {
    // The kernel can't write to address 0: EFAULT.
    pieces_[1]->iov_base = nullptr;
  }
  engine_->ReadBatch(batch);
  ExpectRead(batch[0]);
  EXPECT_THAT(batch[1].status,
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(path_), HasSubstr("4096"))));
  ExpectRead(batch[2]);
}

TEST_P(ReadEngineTest, DropsBehindWithoutChangingWhatIsRead) {
  std::vector<IoRequest> batch;
  for (size_t i = 0; i < 10; ++i) {
    batch.push_back(Request(i * 17 * kPage, kPage, i * kPage));
    batch.back().drop_behind = std::get<1>(GetParam()) != Files::kDirect;
  }
  engine_->ReadBatch(batch);
  for (const IoRequest& request : batch) ExpectRead(request);
  std::vector<IoRequest> alone = {batch[3]};
  engine_->ReadBatch(alone);
  ExpectRead(alone[0]);
}

TEST_P(ReadEngineTest, ServesManyThreads) {
  std::vector<std::vector<IoRequest>> batches(4);
  for (size_t t = 0; t < batches.size(); ++t) {
    for (size_t i = 0; i < 40; ++i) {
      batches[t].push_back(Request((t * 53 + i * 7) % kFilePages * kPage, kPage,
                                   (t * 40 + i) * kPage));
    }
  }
  std::vector<std::thread> threads;
  for (std::vector<IoRequest>& batch : batches) {
    threads.emplace_back([this, &batch] {
      for (int round = 0; round < 20; ++round) engine_->ReadBatch(batch);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<IoRequest>& batch : batches) {
    for (const IoRequest& request : batch) ExpectRead(request);
  }
}

TEST_P(ReadEngineTest, SignalsInterruptNothing) {
  struct sigaction action = {};
  struct sigaction previous = {};
  action.sa_handler = [](int) {};  // without SA_RESTART
  ASSERT_EQ(sigaction(SIGUSR1, &action, &previous), 0);
  std::atomic<bool> done = false;
  std::vector<IoRequest> batch;
  for (size_t i = 0; i < 64; ++i) {
    batch.push_back(Request(i * kPage, kPage, i * kPage));
  }
  std::thread reader([&] {
    for (int round = 0; round < 200; ++round) engine_->ReadBatch(batch);
    done = true;
    // Stays until no signal can reach it any more.
    done.wait(true);
  });
  while (!done) {
    pthread_kill(reader.native_handle(), SIGUSR1);
    std::this_thread::yield();
  }
  done = false;
  done.notify_one();
  reader.join();
  ASSERT_EQ(sigaction(SIGUSR1, &previous, nullptr), 0);
  for (const IoRequest& request : batch) ExpectRead(request);
}

TEST_P(ReadEngineTest, RegistersManyFilesAndReadsTheRightOne) {
  struct Other {
    std::unique_ptr<ReadableFile> file;
    int handle;
  };
  std::vector<Other> others;
  for (int i = 0; i < 40; ++i) {
    const std::string path = directory_.File("other" + std::to_string(i));
    WriteFile(path, std::string(kPage, static_cast<char>('a' + i)));
    std::unique_ptr<ReadableFile> file = Open(path);
    ASSERT_NE(file, nullptr);
    const int handle = file->descriptor() >= 0
                           ? engine_->RegisterFile(file->descriptor())
                           : -1;
    others.push_back({std::move(file), handle});
    // Slots are given back and used again.
    if (i % 3 == 2) {
      engine_->UnregisterFile(others[i - 1].handle);
      others[i - 1].handle = -1;
    }
  }
  std::vector<IoRequest> batch;
  for (size_t i = 0; i < others.size(); ++i) {
    batch.push_back(Request(0, kPage, i * kPage));
    batch.back().file = others[i].file.get();
    batch.back().registered_file = others[i].handle;
  }
  engine_->ReadBatch(batch);
  for (size_t i = 0; i < others.size(); ++i) {
    EXPECT_THAT(batch[i].status, IsOk());
    EXPECT_EQ(memory_.data()[i * kPage],
              static_cast<std::byte>('a' + static_cast<int>(i)));
    engine_->UnregisterFile(others[i].handle);
  }
}

TEST_P(ReadEngineTest, DescribesItself) {
  EXPECT_THAT(engine_->Description(), std::get<0>(GetParam()) == Kind::kPreadv
                                          ? HasSubstr("preadv")
                                          : HasSubstr("io_uring"));
}

std::string ParamName(
    const ::testing::TestParamInfo<std::tuple<Kind, Files>>& info) {
  static constexpr const char* kKinds[] = {"Preadv", "Uring",
                                           "UringRegisteredMemory"};
  static constexpr const char* kFiles[] = {"Buffered", "Direct",
                                           "WithoutDescriptor"};
  return std::string(kKinds[static_cast<int>(std::get<0>(info.param))]) +
         kFiles[static_cast<int>(std::get<1>(info.param))];
}

INSTANTIATE_TEST_SUITE_P(
    All, ReadEngineTest,
    ::testing::Combine(::testing::Values(Kind::kPreadv, Kind::kUring,
                                         Kind::kUringWithRegisteredMemory),
                       ::testing::Values(Files::kBuffered, Files::kDirect,
                                         Files::kWithoutDescriptor)),
    ParamName);

}  // namespace
}  // namespace quire::io
