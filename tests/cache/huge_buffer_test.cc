#include "cache/huge_buffer.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire::cache {
namespace {

using ::quire::testing::StatusIs;
using ::testing::HasSubstr;

constexpr uint64_t kHuge = uint64_t{2} << 20;

TEST(HugeBufferTest, RoundsUpToHugePages) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const HugeBuffer buffer,
                             HugeBuffer::Create(kHuge + 1));
  EXPECT_EQ(buffer.size(), 2 * kHuge);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % kHuge, 0u);
}

TEST(HugeBufferTest, RoundsUpToSmallPagesWhereAsked) {
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const HugeBuffer buffer,
      HugeBuffer::Create(4097, HugeBuffer::Pages::kSmall));
  EXPECT_EQ(buffer.size(), 8192u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 4096, 0u);
}

TEST(HugeBufferTest, HugePagesAreForWhatFillsOne) {
  EXPECT_EQ(HugeBuffer::PagesFor(1), HugeBuffer::Pages::kSmall);
  EXPECT_EQ(HugeBuffer::PagesFor(kHuge - 1), HugeBuffer::Pages::kSmall);
  EXPECT_EQ(HugeBuffer::PagesFor(kHuge), HugeBuffer::Pages::kHuge);
}

TEST(HugeBufferTest, ReadsAsZerosAndKeepsWhatIsWritten) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const HugeBuffer buffer,
                             HugeBuffer::Create(kHuge));
  for (std::byte byte : buffer.bytes()) ASSERT_EQ(byte, std::byte{0});
  buffer.data()[0] = std::byte{1};
  buffer.data()[kHuge - 1] = std::byte{2};
  EXPECT_EQ(buffer.bytes().front(), std::byte{1});
  EXPECT_EQ(buffer.bytes().back(), std::byte{2});
}

TEST(HugeBufferTest, TakesNoMemoryBeforeItIsTouched) {
  QUIRE_ASSERT_OK_AND_ASSIGN(
      const HugeBuffer buffer,
      HugeBuffer::Create(16 * kHuge, HugeBuffer::Pages::kSmall));
  constexpr size_t kPages = 4;
  unsigned char resident[kPages] = {};
  ASSERT_EQ(mincore(buffer.data(), kPages * 4096, resident), 0);
  for (unsigned char page : resident) EXPECT_EQ(page & 1, 0);
}

TEST(HugeBufferTest, SaysWhatCouldNotBeHad) {
  EXPECT_THAT(HugeBuffer::Create(uint64_t{1} << 60),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("1152921504606846976")));
  EXPECT_THAT(HugeBuffer::Create(UINT64_MAX),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(HugeBufferTest, MovesOwnership) {
  QUIRE_ASSERT_OK_AND_ASSIGN(HugeBuffer first, HugeBuffer::Create(kHuge));
  std::byte* const data = first.data();
  data[5] = std::byte{5};
  HugeBuffer second = std::move(first);
  EXPECT_EQ(second.data(), data);
  QUIRE_ASSERT_OK_AND_ASSIGN(HugeBuffer third, HugeBuffer::Create(2 * kHuge));
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(third.size(), kHuge);
  EXPECT_EQ(third.data()[5], std::byte{5});
}

TEST(HugeBufferTest, AChildMadeByForkDoesNotHaveTheMemory) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const HugeBuffer buffer,
                             HugeBuffer::Create(kHuge));
  buffer.data()[0] = std::byte{1};
  const pid_t child = fork();
  if (child == 0) {
    // ENOMEM: nothing is mapped there.
    unsigned char resident;
    _exit(mincore(buffer.data(), 4096, &resident) != 0 && errno == ENOMEM ? 0
                                                                          : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace quire::cache
