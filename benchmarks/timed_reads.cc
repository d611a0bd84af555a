#include "benchmarks/timed_reads.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "benchmarks/stopwatch.h"
#include "kv/iterator.h"
#include "kv/pinned_value.h"

namespace quire::benchmarks {
namespace {

// Gets between two looks at the clock: few enough that their values stay in the
// processor's first cache, enough that the clock doesn't count.
constexpr size_t kBlockKeys = 64;

// Calls Get for blocks of keys. `prepare` makes the i-th key of a block from a
// number; `check` judges the i-th answer.
template <typename Prepare, typename Check>
absl::StatusOr<double> TimeGetBlocks(DB& db, uint64_t count, Prepare prepare,
                                     Check check) {
  const ReadOptions options;
  std::array<std::string, kBlockKeys> keys;
  std::array<std::string, kBlockKeys> values;
  std::array<absl::Status, kBlockKeys> statuses;
  Stopwatch watch;
  for (uint64_t done = 0; done < count;) {
    const size_t block = std::min<uint64_t>(kBlockKeys, count - done);
    for (size_t i = 0; i < block; ++i) keys[i] = prepare(i);
    watch.Start();
    for (size_t i = 0; i < block; ++i) {
      statuses[i] = db.Get(options, keys[i], &values[i]);
    }
    watch.Stop();
    for (size_t i = 0; i < block; ++i) {
      QUIRE_RETURN_IF_ERROR(check(i, statuses[i], values[i]));
    }
    done += block;
  }
  return watch.seconds() / static_cast<double>(count);
}

absl::Status KeyMissing(uint64_t number) {
  return absl::DataLossError(
      absl::StrCat("key ", number, " was written and isn't there"));
}

absl::Status CheckFound(const Dataset& dataset, uint64_t number,
                        const absl::Status& status, std::string_view value) {
  if (absl::IsNotFound(status)) return KeyMissing(number);
  QUIRE_RETURN_IF_ERROR(status);
  return dataset.Check(number, value);
}

}  // namespace

absl::StatusOr<double> TimeGets(DB& db, const Dataset& dataset, uint64_t count,
                                NumberSource next) {
  std::array<uint64_t, kBlockKeys> numbers;
  KeyBuffer key;
  return TimeGetBlocks(
      db, count, [&](size_t i) { return key.Set(numbers[i] = next()); },
      [&](size_t i, const absl::Status& status, const std::string& value) {
        return CheckFound(dataset, numbers[i], status, value);
      });
}

absl::StatusOr<double> TimeAbsentGets(DB& db, uint64_t count,
                                      NumberSource next) {
  std::string text;
  KeyBuffer key;
  return TimeGetBlocks(
      db, count,
      [&](size_t) -> std::string_view {
        text = key.Set(next());
        text.back() = 'x';
        return text;
      },
      [&](size_t, const absl::Status& status, const std::string&) {
        if (absl::IsNotFound(status)) return absl::OkStatus();
        return status.ok() ? absl::DataLossError("an absent key was found")
                           : status;
      });
}

absl::StatusOr<double> TimeMultiGets(DB& db, const Dataset& dataset,
                                     uint64_t count, size_t keys_per_call,
                                     NumberSource next) {
  const ReadOptions options;
  std::vector<uint64_t> numbers(keys_per_call);
  std::vector<KeyBuffer> buffers(keys_per_call);
  std::vector<std::string_view> keys(keys_per_call);
  std::vector<PinnedValue> values(keys_per_call);
  std::vector<absl::Status> statuses(keys_per_call);
  Stopwatch watch;
  uint64_t done = 0;
  while (done < count) {
    for (size_t i = 0; i < keys_per_call; ++i) {
      numbers[i] = next();
      keys[i] = buffers[i].Set(numbers[i]);
    }
    watch.Start();
    db.MultiGet(options, keys, values, statuses);
    watch.Stop();
    for (size_t i = 0; i < keys_per_call; ++i) {
      QUIRE_RETURN_IF_ERROR(
          CheckFound(dataset, numbers[i], statuses[i], values[i].value()));
    }
    done += keys_per_call;
  }
  return watch.seconds() / static_cast<double>(done);
}

absl::StatusOr<double> TimeScan(DB& db, const Dataset& dataset,
                                ScanDirection direction, ScanContent content) {
  ReadOptions options;
  options.keys_only = content == ScanContent::kKeysOnly;
  DatasetSums sums;
  Stopwatch watch;
  watch.Start();
  const std::unique_ptr<Iterator> iterator = db.NewIterator(options);
  direction == ScanDirection::kForward ? iterator->SeekToFirst()
                                       : iterator->SeekToLast();
  while (iterator->Valid()) {
    ++sums.entries;
    sums.keys += Dataset::KeyWord(iterator->key());
    if (content == ScanContent::kKeysAndValues) {
      QUIRE_ASSIGN_OR_RETURN(const std::string_view value, iterator->value());
      sums.values += DerivedValues::FirstWord(value);
    }
    direction == ScanDirection::kForward ? iterator->Next() : iterator->Prev();
  }
  watch.Stop();
  QUIRE_RETURN_IF_ERROR(iterator->status());
  if (content == ScanContent::kKeysOnly) sums.values = dataset.sums().values;
  if (sums != dataset.sums()) {
    return absl::DataLossError(absl::StrCat(
        "a scan found ", sums.entries, " entries of ", dataset.num(),
        ", or others than those that were written"));
  }
  return watch.seconds() / static_cast<double>(dataset.num());
}

absl::Status CheckScan(DB& db, const Dataset& dataset,
                       ScanDirection direction) {
  const bool forward = direction == ScanDirection::kForward;
  const std::unique_ptr<Iterator> iterator = db.NewIterator({});
  uint64_t seen = 0;
  forward ? iterator->SeekToFirst() : iterator->SeekToLast();
  for (; iterator->Valid(); forward ? iterator->Next() : iterator->Prev()) {
    QUIRE_ASSIGN_OR_RETURN(const uint64_t number,
                           Dataset::KeyNumber(iterator->key()));
    const uint64_t expected = forward ? seen : dataset.num() - 1 - seen;
    if (number != expected) return KeyMissing(expected);
    QUIRE_ASSIGN_OR_RETURN(const std::string_view value, iterator->value());
    QUIRE_RETURN_IF_ERROR(dataset.Check(number, value));
    ++seen;
  }
  QUIRE_RETURN_IF_ERROR(iterator->status());
  return seen == dataset.num() ? absl::OkStatus() : KeyMissing(seen);
}

}  // namespace quire::benchmarks
