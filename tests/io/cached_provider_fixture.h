// What the tests of the cached provider share: an engine that they can look
// into and stop, and a provider over one file.

#ifndef QUIRE_TESTS_IO_CACHED_PROVIDER_FIXTURE_H_
#define QUIRE_TESTS_IO_CACHED_PROVIDER_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/epoch.h"
#include "gtest/gtest.h"
#include "io/cached_page_provider.h"
#include "io/page_provider.h"
#include "io/posix_file_system.h"
#include "tests/io/test_engine.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {

inline constexpr uint64_t kPage = 4096;

class CachedPageProviderTest : public ::testing::Test {
 protected:
  ~CachedPageProviderTest() override {
    if (file_ != nullptr) provider_->Detach(std::move(file_));
  }

  // A provider of `frames` pages over a file of `pages` pages and `tail` bytes.
  void Make(uint64_t frames, uint64_t pages, uint32_t piece_bytes = kPage,
            uint64_t tail = 0) {
    bytes_.resize(pages * kPage + tail);
    for (size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<char>(i ^ (i >> 8) ^ (i >> 16) * 31);
    }
    testing::WriteFile(directory_.File("file"), bytes_);
    QUIRE_ASSERT_OK_AND_ASSIGN(
        provider_, NewCachedPageProvider({.open_mode = OpenMode::kBuffered,
                                          .cache_bytes = frames * kPage,
                                          .piece_bytes = piece_bytes},
                                         PosixFileSystem(), engine_.Face()));
    QUIRE_ASSERT_OK_AND_ASSIGN(
        file_, provider_->Attach(directory_.File("file"), bytes_.size()));
  }

  std::vector<ReadRequest> Requests(
      const std::vector<std::pair<uint64_t, uint64_t>>& extents) {
    std::vector<ReadRequest> requests(extents.size());
    for (size_t i = 0; i < extents.size(); ++i) {
      requests[i].extent = {file_.get(), extents[i].first, extents[i].second};
    }
    return requests;
  }

  // Reads one extent, which must be right; returns its pin.
  Pin Read(uint64_t offset, uint64_t length,
           CachePolicy policy = CachePolicy::kPoint) {
    std::vector<ReadRequest> requests = Requests({{offset, length}});
    provider_->Read(requests, policy);
    ExpectRight(requests[0]);
    return std::move(requests[0].pin);
  }

  void ExpectRight(const ReadRequest& request) {
    ASSERT_OK(request.status);
    const std::string_view expected = std::string_view(bytes_).substr(
        request.extent.offset, request.extent.length);
    EXPECT_TRUE(Text(request.pin) == expected)
        << "at " << request.extent.offset << ", " << request.extent.length;
  }

  static std::string_view Text(const Pin& pin) {
    return {reinterpret_cast<const char*>(pin.bytes().data()),
            pin.bytes().size()};
  }

  bool Resident(uint64_t page) {
    const cache::EpochGuard guard;
    return provider_->Peek(*file_, page * kPage, 1).data != nullptr;
  }

  // Pages that a Peek finds; counts as a use of each.
  std::vector<uint64_t> ResidentPages() {
    std::vector<uint64_t> pages;
    for (uint64_t page = 0; page * kPage < bytes_.size(); ++page) {
      if (Resident(page)) pages.push_back(page);
    }
    return pages;
  }

  testing::TempDirectory directory_;
  TestEngine engine_;
  std::string bytes_;
  std::unique_ptr<PageProvider> provider_;
  std::unique_ptr<AttachedFile> file_;
};

}  // namespace quire::io

#endif  // QUIRE_TESTS_IO_CACHED_PROVIDER_FIXTURE_H_
