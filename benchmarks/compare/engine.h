// A store under comparison, seen through its public API.
#ifndef QUIRE_BENCHMARKS_COMPARE_ENGINE_H_
#define QUIRE_BENCHMARKS_COMPARE_ENGINE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quire::benchmarks {

// Reads all of `value` and adds it up, eight bytes at a time: what a reader
// does that looks at every byte, and a check of what it got.
inline uint64_t SumOf(std::string_view value) {
  uint64_t sum = value.size();
  size_t at = 0;
  for (; at + sizeof(uint64_t) <= value.size(); at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, value.data() + at, sizeof(word));
    sum += word;
  }
  uint64_t rest = 0;
  if (at < value.size()) {
    std::memcpy(&rest, value.data() + at, value.size() - at);
  }
  return sum + rest;
}

struct Entry {
  std::string_view key;
  std::string_view value;
};

// What a scan went through.
struct ScanSums {
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

  // The same for each of `keys`, in the engine's best way of reading many.
  // REQUIRES: all spans have one length.
  virtual void MultiGet(std::span<const std::string_view> keys,
                        std::span<uint64_t> sums, std::span<bool> found) {
    for (size_t i = 0; i < keys.size(); ++i) found[i] = Get(keys[i], &sums[i]);
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

  // Makes what was written durable and brings it into the form that reads best:
  // compacted, with nothing left to do in the background.
  virtual absl::Status Settle() = 0;

  virtual absl::StatusOr<std::unique_ptr<Reader>> NewReader() = 0;
};

struct EngineOptions {
  std::string directory;
  // Bytes of keys and values that the database holds or will hold.
  uint64_t data_bytes = 0;
  // Memory for the engine's own cache, where it has one.
  uint64_t cache_bytes = 0;
};

// A store in one of its configurations.
struct Contender {
  const char* name;
  bool is_peer;        // not Quire
  const char* folder;  // contenders with one folder share a database
  const char* settings;
  absl::StatusOr<std::unique_ptr<Engine>> (*create)(const EngineOptions&);
  absl::StatusOr<std::unique_ptr<Engine>> (*open)(const EngineOptions&);
};

// All that this program knows.
std::span<const Contender> Contenders();

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_ENGINE_H_
