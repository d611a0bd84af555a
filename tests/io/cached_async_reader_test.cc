// What is particular to the asynchronous reader of the cached provider; what it
// has in common with others is in async_reader_test.cc.

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/async_reader.h"
#include "io/cached_page_provider.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "io/preadv_engine.h"
#include "io/read_engine.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {
namespace {

using ::quire::testing::StatusIs;
using ::quire::testing::TempDirectory;
using ::quire::testing::WriteFile;

constexpr uint64_t kPage = 4096;

// What a ManualEngine and its queue share with the test.
struct Device {
  std::vector<IoRequest*> in_flight;
  std::vector<ReadQueue::Ended> ended;
  int batches = 0;            // reads that somebody waited for
  bool batches_fail = false;  // each of them

  // Ends the read in flight at `offset` with `error`, or well if that is 0.
  void End(uint64_t offset, int error = 0) {
    const auto it = std::find_if(
        in_flight.begin(), in_flight.end(),
        [&](const IoRequest* request) { return request->offset == offset; });
    ASSERT_NE(it, in_flight.end()) << offset;
    ended.push_back({*it, error != 0
                              ? -error
                              : static_cast<int64_t>((*it)->wanted_length)});
    in_flight.erase(it);
  }
};

// A queue whose reads end when the test says so.
class ManualQueue final : public ReadQueue {
 public:
  explicit ManualQueue(Device& device) : device_(device) {}

  size_t depth() const override { return 8; }

  void Submit(std::span<IoRequest* const> requests) override {
    for (IoRequest* request : requests) {
      // The bytes are there from the beginning; nobody looks.
      MakePreadvEngine()->ReadBatch({request, 1});
      device_.in_flight.push_back(request);
    }
  }

  size_t Take(size_t /*least*/, std::span<Ended> ended) override {
    const size_t count = std::min(ended.size(), device_.ended.size());
    std::copy_n(device_.ended.begin(), count, ended.begin());
    device_.ended.erase(device_.ended.begin(),
                        device_.ended.begin() + static_cast<ptrdiff_t>(count));
    return count;
  }

 private:
  Device& device_;
};

class ManualEngine final : public ReadEngine {
 public:
  explicit ManualEngine(Device& device) : device_(device) {}

  void ReadBatch(std::span<IoRequest> requests) override {
    ++device_.batches;
    MakePreadvEngine()->ReadBatch(requests);
    if (!device_.batches_fail) return;
    for (IoRequest& request : requests) {
      request.status = absl::UnavailableError("bad");
    }
  }

  std::unique_ptr<ReadQueue> NewQueue(uint32_t /*depth*/) override {
    return std::make_unique<ManualQueue>(device_);
  }

  std::string Description() const override { return "manual"; }

 private:
  Device& device_;
};

std::string_view Text(const Pin& pin) {
  return {reinterpret_cast<const char*>(pin.bytes().data()),
          pin.bytes().size()};
}

void Submit(AsyncReader& reader, ReadRequest& request) {
  ReadRequest* const pointer = &request;
  reader.Submit({&pointer, 1}, CachePolicy::kPoint);
}

// The one request that comes back.
ReadRequest* PollOne(AsyncReader& reader) {
  std::array<ReadRequest*, 4> done;
  const size_t count = reader.Poll(1, done);
  EXPECT_EQ(count, 1u);
  return count == 1 ? done[0] : nullptr;
}

TEST(CachedAsyncReaderTest, SubmitDoesNotBlockWhereItMeetsAPageThatHasFailed) {
  const TempDirectory directory;
  std::string bytes(10 * kPage, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(i ^ (i >> 8));
  }
  WriteFile(directory.File("file"), bytes);
  Device device;
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<PageProvider> provider,
      NewCachedPageProvider({.cache_bytes = 64 * kPage, .piece_bytes = 4096},
                            PosixFileSystem(),
                            std::make_unique<ManualEngine>(device)));
  QUIRE_ASSERT_OK_AND_ASSIGN(
      std::unique_ptr<AttachedFile> file,
      provider->Attach(directory.File("file"), bytes.size()));
  std::unique_ptr<AsyncReader> reader = NewAsyncReader(*provider, 8);
  const auto request = [&](uint64_t offset, uint64_t length) {
    return ReadRequest{
        .extent = {file.get(), offset, length}, .status = {}, .pin = {}};
  };

  // Page 1 fails while `longer`, which needs it, still waits for page 2.
  ReadRequest first = request(kPage, 10);
  ReadRequest longer = request(kPage, 2 * kPage);
  Submit(*reader, first);
  Submit(*reader, longer);
  device.batches_fail = true;
  device.End(kPage, EIO);
  EXPECT_EQ(PollOne(*reader), &first);
  EXPECT_THAT(first.status, StatusIs(absl::StatusCode::kUnavailable));
  device.batches_fail = false;

  const int batches = device.batches;
  ReadRequest late = request(kPage + 100, 10);
  Submit(*reader, late);
  EXPECT_EQ(device.batches, batches);
  EXPECT_EQ(PollOne(*reader), &late);
  EXPECT_EQ(device.batches, batches + 1);
  ASSERT_OK(late.status);
  EXPECT_EQ(Text(late.pin), bytes.substr(kPage + 100, 10));

  device.End(2 * kPage);
  EXPECT_EQ(PollOne(*reader), &longer);
  ASSERT_OK(longer.status);
  EXPECT_TRUE(Text(longer.pin) == bytes.substr(kPage, 2 * kPage));
  longer.pin.Reset();
  reader.reset();
  provider->Detach(std::move(file));
}

}  // namespace
}  // namespace quire::io
