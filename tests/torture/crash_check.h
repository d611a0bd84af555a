// Opens what a crash left, and compares it with what was promised.
#ifndef QUIRE_TESTS_TORTURE_CRASH_CHECK_H_
#define QUIRE_TESTS_TORTURE_CRASH_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/torture/crash_model.h"
#include "tests/torture/disk_image.h"
#include "tests/torture/history.h"
#include "tests/torture/session.h"

namespace quire::torture {

struct CrashCheckOptions {
  SessionOptions session = {};  // how the database is opened
  bool expose_descriptors = false;
  // How often what was recovered, or is being, crashes once more.
  int depth = 0;
  // After the death of the process alone: the disk, which still has to make
  // durable what it was given.
  const CrashModel* disk = nullptr;
  uint64_t seed = 0;
  // Lets an operation fail in some of the openings that are not the last, and
  // counts those that met it; nullptr: none fails.
  uint64_t* faults = nullptr;
};

// What is asked of a database after a crash.
struct CrashPromise {
  const History& history;
  // Now, and after one more power loss.
  History::Bounds bounds;
  History::Bounds later_bounds;
  const std::vector<Checkpoint>& checkpoints;
  size_t position = 0;  // of the crash on the tape
};

// The highest number of an inode that there ever was on `tape`.
uint64_t HighestInode(const DiskTape& tape);

// Lets what a MemoryDisk of `image` creates have numbers above `inode`, so that
// its tape can follow one on which others up to there came and went.
void NumberFrom(uint64_t inode, DiskImage& image);

// The database opens, for reading and for writing; it has a state within the
// bounds; checkpoints are whole or no databases; it takes a write, closes and
// opens again with it; and, `depth` times, a power loss at any moment of the
// opening, or the death of the process after an opening that failed, leaves a
// disk of which the same is true. Returns what isn't so, and adds to `*crashes`
// how often it crashed before the database was open.
std::vector<std::string> CheckCrash(const DiskImage& image,
                                    const CrashPromise& promise,
                                    const CrashCheckOptions& options,
                                    uint64_t* crashes);

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_CRASH_CHECK_H_
