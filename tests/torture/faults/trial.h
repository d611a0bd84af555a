// One store on one faulty disk: it is filled, harmed and read again, each in a
// process of its own.

#ifndef QUIRE_TESTS_TORTURE_FAULTS_TRIAL_H_
#define QUIRE_TESTS_TORTURE_FAULTS_TRIAL_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <random>
#include <string>

#include "tests/testing/shared_memory.h"
#include "tests/testing/temp_directory.h"
#include "tests/torture/faults/store.h"
#include "tests/torture/media/fuse_disk.h"

namespace quire::torture {

// What a reading process saw. Only it writes here.
struct Reading {
  bool opened = false;
  uint64_t right = 0;
  uint64_t missing = 0;
  uint64_t wrong = 0;
  uint64_t errors = 0;

  // Entries that are not there, and nobody says so.
  uint64_t lost() const { return missing + wrong; }
};

class Trial {
 public:
  static constexpr uint64_t kEntries = 2000;
  static constexpr uint64_t kEntriesPerWrite = 100;

  enum class After : uint8_t {
    kDeath,    // the process that wrote dies; the log is all there is
    kSettled,  // all is in data files, and the store is closed
  };

  Trial(const Subject& subject, uint64_t seed, Naming naming = Naming::kStrict);

  FuseDisk& disk() { return disk_; }
  std::mt19937_64& random() { return random_; }

  // Writes until all is written or a write fails. Entries that were
  // acknowledged are what Read expects.
  void Fill(After after);

  // Makes as many writes as would lead to `end`, one that fails once more; the
  // answer to each is in `answers`. `before` is run first, in the process that
  // writes.
  void FillAndSee(uint64_t end, const std::function<void()>& before,
                  std::vector<std::string>* answers);

  // Opens and reads every entry, or one in `step`; `between` runs after the
  // open, in the process that reads. Returns "right", "error", "refused",
  // "missing", "wrong" or how the process died.
  std::string Read(const std::function<void()>& between = nullptr,
                   uint64_t step = 1);

  const Reading& reading() const { return *reading_; }

  // The largest file whose name ends so; empty if there is none.
  std::string FileEnding(const std::string& end) const;

  // Changes one bit, somewhere between the tenth and the last tenth.
  void FlipABit(const std::string& file);

  static void CutInHalf(const std::string& file);

  // Reads of files whose names end so fail from now on.
  void FailReads(const std::string& end);

 private:
  static constexpr size_t kAnswersMax = 64;

  // What a writing process tells.
  struct Told {
    std::atomic<uint64_t> acknowledged{0};  // entries, from the first on
    uint64_t writes = 0;
    std::array<std::array<char, 200>, kAnswersMax> answers{};
  };

  int Write(After after, uint64_t begin, uint64_t end,
            const std::function<void()>& before) const;
  int ReadAll(const std::function<void()>& between, uint64_t step) const;

  const Subject& subject_;
  std::mt19937_64 random_;
  const testing::TempDirectory directory_;
  FuseDisk disk_;
  std::string path_;
  const testing::SharedMemory<Told> told_;
  const testing::SharedMemory<Reading> reading_;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_FAULTS_TRIAL_H_
