#include "tests/io/provider_cases.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <utility>

#include "absl/status/status.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "cache/epoch.h"
#include "io/cached_page_provider.h"
#include "io/guarded_copy.h"
#include "io/mmap_page_provider.h"
#include "io/open_provider.h"
#include "io/posix_file_system.h"
#include "io/pread_page_provider.h"
#include "io/preadv_engine.h"
#include "io/read_engine.h"
#include "io/uring_engine.h"
#include "tests/testing/faulty_page_provider.h"
#include "tests/testing/status_matchers.h"

namespace quire::io {
namespace {

using ::quire::testing::FaultyPageProvider;
using Made = absl::StatusOr<std::unique_ptr<PageProvider>>;

absl::StatusOr<std::unique_ptr<ReadEngine>> MakeEngine(IoEngine kind) {
  if (kind == IoEngine::kPreadv) return MakePreadvEngine();
  return MakeUringEngine();
}

ProviderCase PreadCase(std::string name, IoEngine engine_kind) {
  return {.name = std::move(name),
          .make = [engine_kind](FileSystem& file_system) -> Made {
            QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<ReadEngine> engine,
                                   MakeEngine(engine_kind));
            return NewPreadPageProvider(file_system, std::move(engine));
          }};
}

ProviderCase MmapCase(std::string name, IoEngine engine_kind,
                      const MmapProviderOptions& options) {
  return {.name = std::move(name),
          .make = [engine_kind, options](FileSystem& file_system) -> Made {
            QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<ReadEngine> engine,
                                   MakeEngine(engine_kind));
            return NewMmapPageProvider(options, file_system, std::move(engine));
          }};
}

ProviderCase CachedCase(std::string name, IoEngine engine_kind,
                        const CachedProviderOptions& options) {
  return {.name = std::move(name),
          .make = [engine_kind, options](FileSystem& file_system) -> Made {
            QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<ReadEngine> engine,
                                   MakeEngine(engine_kind));
            return NewCachedPageProvider(options, file_system,
                                         std::move(engine));
          },
          .failure_unit = 4096};
}

ProviderCase ByReadAt(ProviderCase provider_case) {
  provider_case.name += "ByReadAt";
  provider_case.by_read_at = true;
  return provider_case;
}

ProviderCase Decorated(ProviderCase provider_case) {
  provider_case.name += "Decorated";
  provider_case.make =
      [make = std::move(provider_case.make)](FileSystem& file_system) -> Made {
    QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<PageProvider> provider,
                           make(file_system));
    return std::make_unique<FaultyPageProvider>(std::move(provider));
  };
  return provider_case;
}

std::vector<ProviderCase> MakeCases() {
  constexpr IoEngine kUring = IoEngine::kIoUring;
  constexpr IoEngine kPreadv = IoEngine::kPreadv;
  const CachedProviderOptions buffered = {.open_mode = OpenMode::kBuffered,
                                          .cache_bytes = 4 << 20};
  const CachedProviderOptions direct = {.open_mode = OpenMode::kDirect,
                                        .cache_bytes = 4 << 20};
  // A user-space buffer of one page, the simplest cache there is.
  const CachedProviderOptions one_page = {.open_mode = OpenMode::kBuffered,
                                          .cache_bytes = 4096,
                                          .piece_bytes = 4096};
  const CachedProviderOptions one_piece = {.open_mode = OpenMode::kBuffered,
                                           .cache_bytes = 64 << 10};
  const CachedProviderOptions few_frames = {.open_mode = OpenMode::kDirect,
                                            .cache_bytes = 32 << 10};
  std::vector<ProviderCase> cases = {
      PreadCase("PreadUring", kUring),
      PreadCase("PreadPreadv", kPreadv),
      MmapCase("MmapUring", kUring, {}),
      MmapCase("MmapPreadv", kPreadv, {}),
      MmapCase("MmapBeyondMemory", kUring, {.memory_bytes = 1}),
      CachedCase("BufferedUring", kUring, buffered),
      CachedCase("BufferedPreadv", kPreadv, buffered),
      CachedCase("BufferedOnePage", kPreadv, one_page),
      CachedCase("BufferedOnePiece", kUring, one_piece),
      CachedCase("DirectUring", kUring, direct),
      CachedCase("DirectPreadv", kPreadv, direct),
      CachedCase("DirectFewFrames", kUring, few_frames),
      Decorated(PreadCase("Pread", kPreadv)),
      Decorated(CachedCase("Direct", kUring, direct)),
  };
  const std::vector<ProviderCase> by_read_at = {
      ByReadAt(PreadCase("PreadUring", kUring)),
      ByReadAt(PreadCase("PreadPreadv", kPreadv)),
      ByReadAt(CachedCase("BufferedUring", kUring, buffered)),
      ByReadAt(CachedCase("BufferedOnePage", kPreadv, one_page)),
      ByReadAt(CachedCase("DirectPreadv", kPreadv, direct)),
      ByReadAt(CachedCase("DirectFewFrames", kUring, few_frames)),
  };
  cases.insert(cases.end(), by_read_at.begin(), by_read_at.end());
  return cases;
}

std::vector<ProviderCase> Select(bool by_read_at) {
  std::vector<ProviderCase> selected;
  for (ProviderCase& provider_case : MakeCases()) {
    if (provider_case.by_read_at == by_read_at) {
      selected.push_back(std::move(provider_case));
    }
  }
  return selected;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ProviderCase& provider_case) {
  return out << provider_case.name;
}

std::vector<ProviderCase> AllProviderCases() { return MakeCases(); }

std::vector<ProviderCase> ReadAtProviderCases() { return Select(true); }

std::vector<ProviderCase> DescriptorProviderCases() { return Select(false); }

std::string ProviderCaseName(
    const ::testing::TestParamInfo<ProviderCase>& info) {
  return info.param.name;
}

std::string TestBytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::copy_n(reinterpret_cast<const char*>(&word),
                std::min(sizeof(word), size - i), bytes.begin() + i);
  }
  return bytes;
}

std::vector<absl::StatusOr<std::string>> ReadAll(
    PageProvider& provider, const std::vector<Extent>& extents,
    CachePolicy policy) {
  std::vector<ReadRequest> requests(extents.size());
  for (size_t i = 0; i < extents.size(); ++i) requests[i].extent = extents[i];
  provider.Read(requests, policy);
  std::vector<absl::StatusOr<std::string>> results;
  for (const ReadRequest& request : requests) {
    if (!request.status.ok()) {
      EXPECT_TRUE(request.pin.bytes().empty()) << request.status;
      results.emplace_back(request.status);
      continue;
    }
    const std::span<const std::byte> bytes = request.pin.bytes();
    EXPECT_EQ(bytes.size(), request.extent.length);
    results.emplace_back(
        std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  return results;
}

ProviderConformanceTest::ProviderConformanceTest()
    : faulty_(PosixFileSystem()),
      file_system_(GetParam().by_read_at ? static_cast<FileSystem*>(&faulty_)
                                         : &PosixFileSystem()) {}

void ProviderConformanceTest::SetUp() {
  Made made = GetParam().make(*file_system_);
  if (absl::IsFailedPrecondition(made.status())) {
    GTEST_SKIP() << made.status();
  }
  ASSERT_OK(made.status());
  provider_ = *std::move(made);
  // Whether the directory's file system offers what the provider needs.
  const std::string path = directory_.File("probe");
  testing::WriteFile(path, "probe");
  absl::StatusOr<std::unique_ptr<AttachedFile>> probe =
      provider_->Attach(path, 5);
  if (absl::IsFailedPrecondition(probe.status())) {
    GTEST_SKIP() << probe.status();
  }
  ASSERT_OK(probe.status());
  provider_->Detach(*std::move(probe));
}

void ProviderConformanceTest::TearDown() {
  while (!attached_.empty()) Detach(*attached_.back());
}

const AttachedFile& ProviderConformanceTest::AttachNew(const std::string& name,
                                                       std::string_view bytes) {
  const std::string path = directory_.File(name);
  testing::WriteFile(path, bytes);
  return Attach(path, bytes.size());
}

const AttachedFile& ProviderConformanceTest::Attach(const std::string& path,
                                                    uint64_t size_bytes) {
  absl::StatusOr<std::unique_ptr<AttachedFile>> file =
      provider_->Attach(path, size_bytes);
  EXPECT_OK(file.status());
  QUIRE_CHECK(file.ok());
  attached_.push_back(*std::move(file));
  return *attached_.back();
}

void ProviderConformanceTest::Detach(const AttachedFile& file) {
  const auto it = std::find_if(
      attached_.begin(), attached_.end(),
      [&](const auto& attached) { return attached.get() == &file; });
  QUIRE_CHECK(it != attached_.end());
  std::unique_ptr<AttachedFile> owned = std::move(*it);
  attached_.erase(it);
  cache::SynchronizeEpoch();
  provider_->Detach(std::move(owned));
}

absl::StatusOr<std::string> ProviderConformanceTest::Read(
    const AttachedFile& file, uint64_t offset, uint64_t length,
    CachePolicy policy) {
  return ReadAll(*provider_, {{&file, offset, length}}, policy)[0];
}

std::string ProviderConformanceTest::Peek(const AttachedFile& file,
                                          uint64_t offset, uint64_t length) {
  const cache::EpochGuard guard;
  const PeekResult found = provider_->Peek(file, offset, length);
  if (found.data == nullptr) return "";
  EXPECT_GE(found.size, 1u);
  EXPECT_LE(found.size, length);
  std::string bytes(found.size, '\0');
  if (found.may_fault) {
    EXPECT_TRUE(GuardedCopy(bytes.data(), found.data, found.size));
  } else {
    std::copy_n(reinterpret_cast<const char*>(found.data), found.size,
                bytes.begin());
  }
  return bytes;
}

}  // namespace quire::io
