// A process that writes into a database until something ends it, and what it
// was promised meanwhile.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_WRITING_LIFE_H_
#define QUIRE_TESTS_TORTURE_MEDIA_WRITING_LIFE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "kv/options.h"

namespace quire::torture {

inline constexpr size_t kWriters = 3;

// In memory that the writing process shares with the one that judges. Each
// thread of the writer has its own keys and numbers its writes from 0; the
// counts say how many of them, so all are prefixes.
struct Progress {
  struct Writer {
    std::atomic<uint64_t> begun{0};
    std::atomic<uint64_t> acknowledged{0};
    std::atomic<uint64_t> durable{0};  // acknowledged as surviving a power loss
  };
  std::array<Writer, kWriters> writers;
  // What the last check found there.
  std::array<std::atomic<uint64_t>, kWriters> recovered{};
  // Broken promises that the process itself saw, as text.
  std::array<char, 2000> complaint{};

  void Reset();
  void Complain(const std::string& text);
  std::string Complaint() const { return complaint.data(); }
};

// Which writes there are in one round of a seed.
struct Round {
  uint64_t seed = 0;
  uint64_t number = 0;
};

// One batch: keys with their new values, or nothing where they are deleted.
struct Batch {
  std::vector<std::pair<std::string, std::optional<std::string>>> changes;
  bool sync = false;
};

// What write `index` of a thread does. Every batch writes the thread's
// LastKey() with its own number, so that a state says which it is.
Batch MakeBatch(const Round& round, size_t writer, uint64_t index);
std::string LastKey(size_t writer);
std::string LastValue(const Round& round, uint64_t index);
std::string KeyPrefix(size_t writer);

std::mt19937_64 SeededRandom(const Round& round, uint64_t stream);

// Options with a read mode, a cache and memtables that follow from the round.
Options RandomOptions(const Round& round, uint64_t stream);

struct LifeLimits {
  uint64_t batches = 400;  // of each thread
  bool reopen = true;      // close and open now and then
  // A thread ends with its first failed write, and that is all. Else it tries
  // again what failed for want of space, which is to come back; and sees what
  // other failures leave: kv/db.h.
  bool stop_at_error = true;
  // Then: whether the file system may have given up, so that reads fail from
  // then on, and so do other operations than the first.
  bool gives_up = false;
};

// Opens (or makes) the database at `path` and writes until all is written or a
// write fails; flushes, merges, syncs, reads its own writes back and reopens on
// the way. Whatever contradicts kv/db.h by itself becomes a complaint. Returns
// the first error, or OK at the end, when the database is closed.
absl::Status WriteAway(const std::string& path, const Round& round,
                       const LifeLimits& limits, Progress& progress);

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_WRITING_LIFE_H_
