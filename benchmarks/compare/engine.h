// A store under comparison, seen through its public API.
#ifndef QUIRE_BENCHMARKS_COMPARE_ENGINE_H_
#define QUIRE_BENCHMARKS_COMPARE_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quire::benchmarks {

// Reads all of `value` and adds it up, eight bytes at a time: what a reader
// does that looks at every byte, and a check of what it got. Four sums, so that
// one addition needn't wait for another.
inline uint64_t SumOf(std::string_view value) {
  uint64_t words[4];
  uint64_t sums[4] = {value.size(), 0, 0, 0};
  size_t at = 0;
  for (; at + sizeof(words) <= value.size(); at += sizeof(words)) {
    std::memcpy(words, value.data() + at, sizeof(words));
    for (size_t i = 0; i < 4; ++i) sums[i] += words[i];
  }
  std::memset(words, 0, sizeof(words));
  if (at < value.size()) {
    std::memcpy(words, value.data() + at, value.size() - at);
  }
  for (size_t i = 0; i < 4; ++i) sums[i] += words[i];
  return sums[0] + sums[1] + sums[2] + sums[3];
}

struct Entry {
  std::string_view key;
  std::string_view value;
};

// What a scan went through.
struct ScanSums {
  friend bool operator==(const ScanSums&, const ScanSums&) = default;

  uint64_t entries = 0;
  uint64_t key_bytes = 0;
  uint64_t values = 0;  // SumOf of each value, added up

  void Add(std::string_view key, std::string_view value) {
    ++entries;
    key_bytes += key.size();
    values += SumOf(value);
  }
};

enum class ScanOrder : uint8_t { kForward, kReverse };

// Reads that one thread keeps under way, many at a time. Not thread-safe.
class AsyncReads {
 public:
  struct Answer {
    uint64_t tag = 0;  // as submitted
    bool found = false;
    uint64_t sum = 0;  // SumOf the value
  };

  virtual ~AsyncReads() = default;

  // REQUIRES: as many tags as keys.
  virtual void Submit(std::span<const std::string_view> keys,
                      std::span<const uint64_t> tags) = 0;

  // Waits for at least `least` answers, or all that are under way, and returns
  // how many it gave. An error is an answer without a value.
  virtual size_t Poll(size_t least, std::span<Answer> answers) = 0;
};

// What one thread reads with: transactions, cursors and buffers are its own and
// are used again from call to call, as an expert would. Every read takes a
// value in the cheapest way that the engine's API offers, without copying it
// where that is possible, and reads all of it. Not thread-safe.
class Reader {
 public:
  virtual ~Reader() = default;

  // True, and SumOf the value, if the key is there; false if it isn't or if
  // the engine failed (see status).
  virtual bool Get(std::string_view key, uint64_t* sum) = 0;

  // As Get, but the value is copied into memory of the reader's own first, as
  // into a std::string. The default is for engines that do that anyway.
  virtual bool GetCopy(std::string_view key, uint64_t* sum) {
    return Get(key, sum);
  }

  // The same for each of `keys`, in the engine's best way of reading many.
  // REQUIRES: all spans have one length.
  virtual void MultiGet(std::span<const std::string_view> keys,
                        std::span<uint64_t> sums, std::span<bool> found) {
    for (size_t i = 0; i < keys.size(); ++i) found[i] = Get(keys[i], &sums[i]);
  }

  // Up to `depth` reads under way; nullptr where the API has no such thing.
  // Dies before the reader.
  virtual absl::StatusOr<std::unique_ptr<AsyncReads>> NewAsyncReads(
      size_t /*depth*/) {
    return nullptr;
  }

  // Reads everything.
  virtual absl::StatusOr<ScanSums> Scan(ScanOrder order) = 0;

  // The first failure of Get and MultiGet.
  const absl::Status& status() const { return status_; }

 protected:
  void Note(absl::Status status) {
    if (status_.ok()) status_ = std::move(status);
  }

 private:
  absl::Status status_;
};

// An open database. Readers die before it.
class Engine {
 public:
  virtual ~Engine() = default;

  // Writes the entries in one atomic batch, without syncing.
  virtual absl::Status Write(std::span<const Entry> entries) = 0;

  // The same, but durable on return. The default is for engines that know no
  // cheaper way.
  virtual absl::Status WriteSynced(std::span<const Entry> entries) {
    absl::Status status = Write(entries);
    return status.ok() ? Finish() : status;
  }

  // Makes what was written durable, and waits for the work in the background
  // that is due, where the engine can be asked to.
  virtual absl::Status Finish() = 0;

  // Makes what was written durable and brings it into the form that reads best:
  // compacted, with nothing left to do in the background.
  virtual absl::Status Settle() = 0;

  virtual absl::StatusOr<std::unique_ptr<Reader>> NewReader() = 0;

  // Records that were asked of files so far, since they weren't in the engine's
  // own cache; nothing where that can't be told.
  virtual std::optional<uint64_t> RecordsRead() { return std::nullopt; }
};

struct EngineOptions {
  std::string directory;
  // Bytes of keys and values that the database holds or will hold.
  uint64_t data_bytes = 0;
  // Memory for the engine's own cache, where it has one.
  uint64_t cache_bytes = 0;
  // All memory that the process may have, page cache included; the engine
  // divides it as its experts would, and leaves kProcessBytes for the rest of
  // the process. 0: no limit, and cache_bytes counts.
  uint64_t memory_bytes = 0;
};

inline constexpr uint64_t kProcessBytes = uint64_t{16} << 20;

using OpenFunction =
    absl::StatusOr<std::unique_ptr<Engine>> (*)(const EngineOptions&);

// A store in one of its configurations.
struct Contender {
  const char* name;
  bool is_peer;        // not Quire
  const char* folder;  // contenders with one folder share a database
  const char* settings;
  OpenFunction create;
  OpenFunction open;
  // Only where memory is limited: elsewhere it is the same as another one.
  bool cold_only = false;
  // Filled round by round too: the log-structured ones, which are made for it.
  // Of the others there is the time of one load.
  bool fills = false;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_ENGINE_H_
