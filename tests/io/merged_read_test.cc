#include "io/merged_read.h"

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/file_system.h"
#include "io/page_provider.h"
#include "io/read_engine.h"
#include "tests/testing/status_matchers.h"

namespace quire::io {
namespace {

using ::quire::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr uint64_t kFileBytes = 64 << 20;

std::byte ByteAt(uint64_t offset) {
  return static_cast<std::byte>(offset * 7 + offset / 4096);
}

// A file that only gives its name; the engine below knows the bytes.
class NamedFile final : public ReadableFile {
 public:
  explicit NamedFile(std::string path) : path_(std::move(path)) {}
  absl::Status ReadAt(uint64_t, std::span<std::byte>) const override {
    return absl::InternalError("not to be called");
  }
  uint64_t size_bytes() const override { return kFileBytes; }
  const std::string& path() const override { return path_; }
  int descriptor() const override { return -1; }
  uint32_t direct_alignment() const override { return 1; }

 private:
  const std::string path_;
};

struct Seen {
  std::string path;
  uint64_t offset;
  uint64_t length;
  size_t piece_count;
  bool operator==(const Seen&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Seen& seen) {
  return out << seen.path << " [" << seen.offset << ", +" << seen.length
             << ") in " << seen.piece_count;
}

// Notes what it is asked for and fails reads that touch one place.
class NotingEngine final : public ReadEngine {
 public:
  void ReadBatch(std::span<IoRequest> requests) override {
    ++batches;
    for (IoRequest& request : requests) {
      seen.push_back({request.file->path(), request.wanted_offset,
                      request.wanted_length, request.pieces.size()});
      EXPECT_EQ(request.offset, request.wanted_offset);
      EXPECT_EQ(request.drop_behind, expect_drop_behind);
      EXPECT_EQ(request.registered_file, 7);
      uint64_t at = request.offset;
      for (const iovec& piece : request.pieces) {
        EXPECT_GT(piece.iov_len, 0u);
        for (size_t i = 0; i < piece.iov_len; ++i) {
          static_cast<std::byte*>(piece.iov_base)[i] = ByteAt(at++);
        }
      }
      EXPECT_EQ(at, request.offset + request.wanted_length);
      if (bad >= request.offset && bad < at) {
        // What a failed read leaves is anything.
        for (const iovec& piece : request.pieces) {
          std::memset(piece.iov_base, 0xee, piece.iov_len);
        }
        request.status =
            absl::UnavailableError(absl::StrCat("at ", request.wanted_offset));
      }
    }
  }
  std::string Description() const override { return "noting"; }

  std::vector<Seen> seen;
  int batches = 0;
  uint64_t bad = UINT64_MAX;
  bool expect_drop_behind = false;
};

class MergedReadTest : public ::testing::Test {
 protected:
  // Reads extents of "a" and checks the bytes of those that are OK.
  std::vector<ReadRequest> Read(
      const std::vector<std::pair<uint64_t, uint64_t>>& extents) {
    std::vector<ReadRequest> requests(extents.size());
    for (size_t i = 0; i < extents.size(); ++i) {
      requests[i].extent = {&a_, extents[i].first, extents[i].second};
    }
    Run(requests);
    return requests;
  }

  void Run(std::vector<ReadRequest>& requests) {
    cost_ = ReadMerged(
        requests,
        [this](const AttachedFile& file) {
          return ReadSource{&file == &a_ ? &file_a_ : &file_b_, 7};
        },
        engine_.expect_drop_behind, engine_);
    for (const ReadRequest& request : requests) {
      const std::span<const std::byte> bytes = request.pin.bytes();
      if (!request.status.ok()) {
        EXPECT_TRUE(bytes.empty());
        continue;
      }
      ASSERT_EQ(bytes.size(), request.extent.length);
      for (size_t i = 0; i < bytes.size(); ++i) {
        ASSERT_EQ(bytes[i], ByteAt(request.extent.offset + i))
            << "offset " << request.extent.offset << " + " << i;
      }
    }
  }

  const AttachedFile a_{"a", kFileBytes};
  const AttachedFile b_{"b", kFileBytes};
  const NamedFile file_a_{"a"};
  const NamedFile file_b_{"b"};
  NotingEngine engine_;
  MergedReadCost cost_;
};

TEST_F(MergedReadTest, NeighboursAndSmallGapsBecomeOneRead) {
  Read({{8192, 100}, {0, 100}, {100, 50}, {150 + 4096, 10}});
  // 4096 bytes lie between the third and the fourth, 3936 before the first.
  EXPECT_THAT(engine_.seen, ElementsAre(Seen{"a", 0, 8292, 6}));
  EXPECT_EQ(cost_.reads, 1u);
  EXPECT_EQ(cost_.bytes, 8292u);
}

TEST_F(MergedReadTest, LargerGapsAndOtherFilesAreReadsOfTheirOwn) {
  std::vector<ReadRequest> requests(3);
  requests[0].extent = {&a_, 0, 100};
  requests[1].extent = {&b_, 100, 100};
  requests[2].extent = {&a_, 100 + 4097, 100};
  Run(requests);
  EXPECT_EQ(engine_.batches, 1);
  EXPECT_THAT(engine_.seen,
              UnorderedElementsAre(Seen{"a", 0, 100, 1}, Seen{"b", 100, 100, 1},
                                   Seen{"a", 4197, 100, 1}));
}

TEST_F(MergedReadTest, OverlapsAreReadOnceAndCopied) {
  Read({{50, 100}, {0, 100}, {60, 10}, {0, 100}, {140, 20}, {50, 100}});
  EXPECT_THAT(engine_.seen, ElementsAre(Seen{"a", 0, 160, 3}));
}

TEST_F(MergedReadTest, ExtentThatHoldsAllOthersIsReadAlone) {
  Read({{500, 1}, {0, 1000}, {999, 1}, {0, 1}});
  EXPECT_THAT(engine_.seen, ElementsAre(Seen{"a", 0, 1000, 1}));
}

TEST_F(MergedReadTest, MergedReadsEndAtOneMebibyte) {
  constexpr uint64_t kHalf = 1 << 19;
  Read({{0, kHalf}, {kHalf, kHalf}, {2 * kHalf, 1}});
  EXPECT_THAT(engine_.seen, ElementsAre(Seen{"a", 0, 2 * kHalf, 2},
                                        Seen{"a", 2 * kHalf, 1, 1}));
}

TEST_F(MergedReadTest, LongerExtentIsOneReadWithoutItsNeighbours) {
  constexpr uint64_t kLong = 3 << 20;
  Read({{0, 10}, {10, kLong}, {10 + kLong, 10}});
  EXPECT_THAT(engine_.seen,
              ElementsAre(Seen{"a", 0, 10, 1}, Seen{"a", 10, kLong, 1},
                          Seen{"a", 10 + kLong, 10, 1}));
}

TEST_F(MergedReadTest, ReadsHaveFewPieces) {
  std::vector<std::pair<uint64_t, uint64_t>> extents;
  for (uint64_t i = 0; i < 1000; ++i) extents.push_back({i * 100, 50});
  Read(extents);
  EXPECT_GT(engine_.seen.size(), 1u);
  for (const Seen& seen : engine_.seen) EXPECT_LE(seen.piece_count, 256u);
}

TEST_F(MergedReadTest, FailedMergedReadIsRepeatedExtentByExtent) {
  engine_.bad = 150;
  const auto requests =
      Read({{0, 100}, {100, 100}, {200, 100}, {120, 200}, {50'000, 10}});
  EXPECT_EQ(engine_.batches, 2);
  EXPECT_THAT(
      engine_.seen,
      UnorderedElementsAre(Seen{"a", 0, 320, 3}, Seen{"a", 50'000, 10, 1},
                           Seen{"a", 0, 100, 1}, Seen{"a", 100, 100, 1},
                           Seen{"a", 200, 100, 1}, Seen{"a", 120, 200, 1}));
  EXPECT_OK(requests[0].status);
  // The error is that of the extent itself.
  EXPECT_THAT(requests[1].status,
              StatusIs(absl::StatusCode::kUnavailable, "at 100"));
  EXPECT_OK(requests[2].status);
  EXPECT_THAT(requests[3].status,
              StatusIs(absl::StatusCode::kUnavailable, "at 120"));
  EXPECT_OK(requests[4].status);
  EXPECT_EQ(cost_.reads, 6u);
}

TEST_F(MergedReadTest, FailedReadOfOneExtentIsFinal) {
  engine_.bad = 5;
  const auto requests = Read({{0, 10}});
  EXPECT_THAT(requests[0].status,
              StatusIs(absl::StatusCode::kUnavailable, "at 0"));
  EXPECT_EQ(engine_.batches, 1);
}

TEST_F(MergedReadTest, EmptyAndImpossibleExtentsNeedNoRead) {
  const auto requests = Read({{10, 0}, {kFileBytes, 1}, {kFileBytes, 0}});
  EXPECT_OK(requests[0].status);
  EXPECT_THAT(requests[1].status, StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_OK(requests[2].status);
  EXPECT_THAT(engine_.seen, IsEmpty());
}

TEST_F(MergedReadTest, DropBehindIsPassedOn) {
  engine_.expect_drop_behind = true;
  Read({{0, 10}, {90'000, 10}});
  EXPECT_EQ(engine_.seen.size(), 2u);
}

}  // namespace
}  // namespace quire::io
