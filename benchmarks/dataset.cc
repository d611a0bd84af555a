#include "benchmarks/dataset.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/string_view.h"
#include "benchmarks/progress.h"
#include "benchmarks/random.h"
#include "benchmarks/stopwatch.h"
#include "kv/write_batch.h"

namespace quire::benchmarks {

Dataset::Dataset(uint64_t num, size_t value_bytes, uint64_t seed)
    : num_(num), seed_(seed), values_(Seed(Stream::kValues, 0), value_bytes) {
  KeyBuffer key;
  std::string value;
  sums_.entries = num;
  for (uint64_t number = 0; number < num; ++number) {
    values_.Fill(number, &value);
    sums_.keys += KeyWord(key.Set(number));
    sums_.values += DerivedValues::FirstWord(value);
  }
}

uint64_t Dataset::Seed(Stream stream, uint64_t round) const {
  return StreamSeed(StreamSeed(seed_, static_cast<uint64_t>(stream)), round);
}

absl::StatusOr<double> Dataset::Load(DB& db, uint64_t batch_entries) const {
  const Permutation order(num_, Seed(Stream::kLoadOrder, 0));
  Progress progress("load, entries", num_);
  Stopwatch watch;
  KeyBuffer key;
  std::string value;
  WriteBatch batch;
  for (uint64_t done = 0; done < num_;) {
    batch.Clear();
    const uint64_t end = std::min(num_, done + batch_entries);
    for (; done < end; ++done) {
      const uint64_t number = order(done);
      values_.Fill(number, &value);
      batch.Put(key.Set(number), value);
    }
    watch.Start();
    QUIRE_RETURN_IF_ERROR(db.Write({}, batch));
    watch.Stop();
    progress.Update(done);
  }
  return watch.seconds();
}

absl::Status Dataset::Check(uint64_t number, std::string_view value) const {
  if (values_.Matches(number, value)) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("wrong value of key ", number, ": ", value.size(),
                   " bytes, which were never written there"));
}

uint64_t Dataset::KeyWord(std::string_view key) {
  uint64_t word = 0;
  if (key.size() >= sizeof(word)) {
    std::memcpy(&word, key.data() + key.size() - sizeof(word), sizeof(word));
  }
  return word;
}

absl::StatusOr<uint64_t> Dataset::KeyNumber(std::string_view key) {
  uint64_t number = 0;
  const char* const end = key.data() + key.size();
  const std::from_chars_result result =
      std::from_chars(key.data(), end, number);
  if (key.size() == KeyBuffer::kDigits && result.ec == std::errc() &&
      result.ptr == end) {
    return number;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a key that was never written: ", base::EscapeKey(key)));
}

}  // namespace quire::benchmarks
