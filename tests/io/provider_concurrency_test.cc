// Providers under several threads: right bytes, Statuses where files are cut
// under the readers, and no data race (this test runs under ThreadSanitizer).

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cache/epoch.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/guarded_copy.h"
#include "io/page_provider.h"
#include "tests/io/provider_cases.h"
#include "tests/testing/seed.h"
#include "tests/testing/status_matchers.h"

namespace quire::io {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::TestSeed;

constexpr std::array kPolicies = {CachePolicy::kPoint, CachePolicy::kScan,
                                  CachePolicy::kReadOnce};
constexpr uint64_t kPage = 4096;
constexpr int kThreads = 4;

// Runs `body` in kThreads threads, with the number of the thread.
void InThreads(const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(body, t);
  for (std::thread& thread : threads) thread.join();
}

bool Equal(std::span<const std::byte> read, const std::string& bytes,
           uint64_t offset) {
  return std::equal(read.begin(), read.end(),
                    reinterpret_cast<const std::byte*>(bytes.data()) + offset);
}

class ProviderConcurrencyTest : public ProviderConformanceTest {
 protected:
  // Whether Peek gives right bytes or a miss.
  bool PeekIsRight(const AttachedFile& file, const std::string& bytes,
                   uint64_t offset, uint64_t length) {
    const cache::EpochGuard guard;
    const PeekResult found = provider_->Peek(file, offset, length);
    if (found.data == nullptr) return true;
    if (!found.may_fault) return Equal({found.data, found.size}, bytes, offset);
    std::vector<std::byte> copy(found.size);
    return GuardedCopy(copy.data(), found.data, found.size) &&
           Equal(copy, bytes, offset);
  }
};

TEST_P(ProviderConcurrencyTest, ReadersOfTheSamePlacesGetTheRightBytes) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(absl::StrCat("QUIRE_TEST_SEED=", seed));
  const std::string bytes = TestBytes(200 * kPage + 99, seed);
  const AttachedFile& file = AttachNew("file", bytes);
  const AttachedFile& other = AttachNew("other", bytes);
  std::atomic<int> wrong = 0;
  InThreads([&](int thread) {
    std::mt19937_64 random(seed + static_cast<uint64_t>(thread));
    std::vector<ReadRequest> held;  // pins that outlive later reads
    for (int step = 0; step < 150; ++step) {
      std::vector<ReadRequest> requests(1 + random() % 8);
      for (ReadRequest& request : requests) {
        const uint64_t length =
            random() % 6 == 0 ? random() % (20 * kPage) : random() % 500;
        request.extent = {random() % 4 == 0 ? &other : &file,
                          random() % (bytes.size() - length), length};
      }
      provider_->Read(requests, kPolicies[random() % kPolicies.size()]);
      for (ReadRequest& request : requests) {
        const Extent& extent = request.extent;
        if (!request.status.ok() ||
            request.pin.bytes().size() != extent.length ||
            !Equal(request.pin.bytes(), bytes, extent.offset)) {
          ++wrong;
        }
        if (extent.length > 0 &&
            !PeekIsRight(*extent.file, bytes, extent.offset, extent.length)) {
          ++wrong;
        }
      }
      if (random() % 10 == 0) {
        const Extent extent = requests[0].extent;
        provider_->Hint({&extent, 1}, CachePolicy::kPoint);
      }
      held.push_back(std::move(requests[0]));
      if (held.size() > 16) {
        const ReadRequest& oldest = held.front();
        if (!Equal(oldest.pin.bytes(), bytes, oldest.extent.offset)) ++wrong;
        held.erase(held.begin());
      }
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(provider_->Stats().read_errors, 0u);
  EXPECT_EQ(provider_->Stats().cache_pinned_bytes, 0u);
}

TEST_P(ProviderConcurrencyTest, FilesComeAndGoBesideReaders) {
  const std::string bytes = TestBytes(20 * kPage, 1);
  const AttachedFile& shared = AttachNew("shared", bytes);
  std::atomic<int> wrong = 0;
  InThreads([&](int thread) {
    const std::string path = directory_.File(absl::StrCat("own", thread));
    const std::string own_bytes =
        TestBytes((10 + static_cast<size_t>(thread)) * kPage,
                  static_cast<uint64_t>(thread));
    testing::WriteFile(path, own_bytes);
    for (int step = 0; step < 25; ++step) {
      auto own = provider_->Attach(path, own_bytes.size());
      if (!own.ok()) {
        ++wrong;
        continue;
      }
      std::array<ReadRequest, 2> requests;
      requests[0].extent = {own->get(), 3 * kPage - 7, 2 * kPage};
      requests[1].extent = {&shared, 3 * kPage - 7, 2 * kPage};
      provider_->Read(requests, CachePolicy::kPoint);
      cache::SynchronizeEpoch();
      provider_->Detach(*std::move(own));
      if (!Equal(requests[0].pin.bytes(), own_bytes, 3 * kPage - 7) ||
          !Equal(requests[1].pin.bytes(), bytes, 3 * kPage - 7)) {
        ++wrong;
      }
    }
  });
  EXPECT_EQ(wrong, 0);
}

// Kernel-level: between a copy of the page cache and a truncation the kernel
// itself may show zeros where the file was, so of what lies beyond the cut only
// the kind of the error is checked.
TEST_P(ProviderConcurrencyTest, FileCutUnderReadersGivesStatusesAndNoSignal) {
  const std::string bytes = TestBytes(64 * kPage, 2);
  const uint64_t cut = 32 * kPage + 100;
  for (int round = 0; round < 10; ++round) {
    const AttachedFile& file = AttachNew(absl::StrCat("f", round), bytes);
    const AttachedFile& other = AttachNew(absl::StrCat("o", round), bytes);
    std::atomic<int> reads_before_cut = 0;
    std::atomic<int> wrong = 0;
    std::atomic<bool> stop = false;
    std::vector<std::thread> readers;
    for (int t = 0; t < kThreads; ++t) {
      readers.emplace_back([&, t] {
        std::mt19937_64 random(static_cast<uint64_t>(round * kThreads + t));
        for (int left = 20; left > 0; left -= stop ? 1 : 0) {
          std::array<ReadRequest, 3> requests;
          const uint64_t low = random() % (cut - 1000);
          requests[0].extent = {&file, low, random() % 1000};
          requests[1].extent = {&file, cut + random() % (20 * kPage), 1000};
          requests[2].extent = {&other, random() % (60 * kPage), 1000};
          provider_->Read(requests, kPolicies[random() % kPolicies.size()]);
          if (!requests[0].status.ok() || !requests[2].status.ok() ||
              !Equal(requests[0].pin.bytes(), bytes, low) ||
              !Equal(requests[2].pin.bytes(), bytes,
                     requests[2].extent.offset)) {
            ++wrong;
          }
          if (!requests[1].status.ok() &&
              !absl::IsDataLoss(requests[1].status)) {
            ++wrong;
          }
          ++reads_before_cut;
        }
      });
    }
    while (reads_before_cut < 2 * kThreads) std::this_thread::yield();
    ASSERT_EQ(truncate(file.path().c_str(), static_cast<off_t>(cut)), 0);
    stop = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(wrong, 0) << "round " << round;
    EXPECT_THAT(Read(other, 0, 100), IsOkAndHolds(bytes.substr(0, 100)));
    Detach(file);
    Detach(other);
  }
}

INSTANTIATE_TEST_SUITE_P(AllProviders, ProviderConcurrencyTest,
                         ::testing::ValuesIn(AllProviderCases()),
                         ProviderCaseName);

}  // namespace
}  // namespace quire::io
