// The keys and values that read_modes loads and must find again.
#ifndef QUIRE_BENCHMARKS_DATASET_H_
#define QUIRE_BENCHMARKS_DATASET_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/key_generator.h"
#include "kv/db.h"

namespace quire::benchmarks {

// What all entries add up to, in whatever order they are read.
struct DatasetSums {
  uint64_t entries = 0;
  uint64_t keys = 0;    // sum of KeyWord, modulo 2^64
  uint64_t values = 0;  // sum of DerivedValues::FirstWord, likewise

  friend bool operator==(const DatasetSums&, const DatasetSums&) = default;
};

// Streams of random numbers that are drawn from one seed. No two may be the
// same: keys that are read in the order in which they were written lie side by
// side, and their reads tell nothing about random ones.
enum class Stream : uint64_t { kValues, kLoadOrder, kHotReads, kColdReads };

// `num` keys, the numbers from 0, each with a value that follows from it.
// Immutable.
class Dataset {
 public:
  Dataset(uint64_t num, size_t value_bytes, uint64_t seed);

  uint64_t num() const { return num_; }
  // The seed of a stream in a round of measurements.
  uint64_t Seed(Stream stream, uint64_t round) const;

  const DatasetSums& sums() const { return sums_; }

  // Writes all in random order, `batch` entries at a time. Returns the seconds
  // that the database took, without making the entries.
  absl::StatusOr<double> Load(DB& db, uint64_t batch) const;

  // DataLoss naming the key unless `value` is the value of key `number`.
  absl::Status Check(uint64_t number, std::string_view value) const;

  // The last digits of a key as a number of eight bytes: takes a load, and no
  // two of the first hundred million keys have the same.
  static uint64_t KeyWord(std::string_view key);

  // The number of a key that a scan found. InvalidArgument unless it is one.
  static absl::StatusOr<uint64_t> KeyNumber(std::string_view key);

 private:
  const uint64_t num_;
  const uint64_t seed_;
  const DerivedValues values_;
  DatasetSums sums_;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_DATASET_H_
