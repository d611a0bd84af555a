#include "tests/torture/media/append_control.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/shared_memory.h"
#include "tests/torture/media/child_process.h"
#include "tests/torture/media/failing_medium.h"

namespace quire::torture {
namespace {

constexpr uint64_t kRounds = 10;
constexpr size_t kThreads = 3;
constexpr uint64_t kRecords = 400;  // of each thread
constexpr std::chrono::minutes kPatience{2};

using Acknowledged = std::array<std::atomic<uint64_t>, kThreads>;

std::string Record(uint64_t number, uint64_t bytes) {
  std::string record = std::to_string(number);
  record.resize(bytes, '.');
  return record;
}

void Append(const std::string& path, uint64_t bytes,
            std::atomic<uint64_t>& acknowledged) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0) return;
  for (uint64_t i = 0; i < kRecords; ++i) {
    const std::string record = Record(i, bytes);
    if (write(fd, record.data(), record.size()) !=
            static_cast<ssize_t>(record.size()) ||
        fdatasync(fd) != 0) {
      break;
    }
    acknowledged = i + 1;
  }
  close(fd);
}

// The numbers of those of the first `count` records that aren't there.
std::vector<uint64_t> Missing(const std::string& path, uint64_t bytes,
                              uint64_t count) {
  std::vector<uint64_t> missing;
  const int fd = open(path.c_str(), O_RDONLY);
  for (uint64_t i = 0; i < count; ++i) {
    std::string found(bytes, '\0');
    if (pread(fd, found.data(), bytes, static_cast<off_t>(i * bytes)) !=
            static_cast<ssize_t>(bytes) ||
        found != Record(i, bytes)) {
      missing.push_back(i);
    }
  }
  if (fd >= 0) close(fd);
  return missing;
}

// False if the file system can't be used any more.
bool RunRound(const std::string& name, const std::string& prefix,
              FailingMedium& medium, std::mt19937_64& random,
              Outcome& outcome) {
  const auto path = [&](size_t thread) { return absl::StrCat(prefix, thread); };
  const testing::SharedMemory<Acknowledged> acknowledged;
  const uint64_t bytes = uint64_t{64} << random() % 8;  // of a record
  medium.Inject(random);
  {
    ChildProcess writer([&] {
      std::array<std::thread, kThreads> threads;
      for (size_t i = 0; i < kThreads; ++i) {
        threads[i] =
            std::thread([&, i] { Append(path(i), bytes, (*acknowledged)[i]); });
      }
      for (std::thread& thread : threads) thread.join();
      return 0;
    });
    if (!writer.WaitFor(kPatience)) outcome.counts["hangs"] += 1;
  }
  const bool met = medium.WasMet();
  medium.EndFault();
  medium.DropCaches(random);
  if (!medium.failure().empty()) {
    outcome.counts["file systems that could not be mounted again"] += 1;
    return false;
  }
  bool lost = false;
  for (size_t i = 0; i < kThreads; ++i) {
    const uint64_t told = (*acknowledged)[i];
    outcome.counts["records acknowledged"] += told;
    for (const uint64_t record : Missing(path(i), bytes, told)) {
      outcome.counts[record + 1 == told ? "last acknowledged records lost"
                                        : "earlier records lost"] += 1;
      lost = true;
    }
  }
  if (lost) outcome.counts["rounds that lost some"] += 1;
  outcome.counts[met ? name : "rounds without a failure"] += 1;
  return true;
}

Programme NewProgramme(const std::string& name, DiskFormat format,
                       uint64_t bar) {
  Programme programme;
  programme.name = name;
  programme.description = absl::StrCat(
      "what a plain program loses when writes of blocks fail beneath ",
      DiskFormatName(format), " (root only)");
  programme.bars = {{name, bar}};
  programme.run = [name, format](uint64_t seed, Outcome& outcome) {
    const std::unique_ptr<FailingMedium> medium = NewFailingBlocks(format);
    outcome.skipped = medium->failure();
    if (!outcome.skipped.empty()) return;
    std::mt19937_64 random(seed);
    for (uint64_t i = 0; i < kRounds; ++i) {
      const std::string prefix = absl::StrCat(medium->directory(), "/", i, "-");
      if (!RunRound(name, prefix, *medium, random, outcome)) return;
    }
  };
  return programme;
}

}  // namespace

std::vector<Programme> AppendControls() {
  return {NewProgramme("ext4_append_control", DiskFormat::kExt4, 300),
          NewProgramme("xfs_append_control", DiskFormat::kXfs, 100)};
}

}  // namespace quire::torture
