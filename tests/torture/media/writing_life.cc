#include "tests/torture/media/writing_life.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "kv/db.h"
#include "kv/write_batch.h"

namespace quire::torture {
namespace {

constexpr uint64_t kKeys = 120;

// How long there may be no space.
constexpr std::chrono::milliseconds kBetweenTries{10};
constexpr int kTries = 300;

// Between two openings.
constexpr uint64_t kBatchesPerOpen = 150;

std::string Key(size_t writer, uint64_t number) {
  return absl::StrCat(KeyPrefix(writer), number);
}

std::string Value(const Round& round, uint64_t index, std::mt19937_64& random) {
  const uint64_t dice = random() % 100;
  const uint64_t size = dice == 0   ? random() % 70000
                        : dice < 10 ? random() % 6000
                                    : random() % 200;
  std::string value = LastValue(round, index);
  value.append(size, static_cast<char>('a' + index % 26));
  return value;
}

// A write that failed, and the one behind it.
struct Refusal {
  absl::Status first;
  absl::Status second;
};

class LivingWriter {
 public:
  LivingWriter(DB& db, const Round& round, Progress& progress, size_t writer)
      : db_(db), round_(round), progress_(progress), writer_(writer) {}

  // Writes the batches up to `end`, as far as it comes.
  absl::Status Write(uint64_t end, const LifeLimits& limits) {
    Progress::Writer& mine = progress_.writers[writer_];
    for (uint64_t i = mine.begun; i < end; ++i) {
      const Batch batch = MakeBatch(round_, writer_, i);
      WriteBatch operations;
      for (const auto& [key, value] : batch.changes) {
        if (value.has_value()) {
          operations.Put(key, *value);
        } else {
          operations.Delete(key);
        }
      }
      const std::array<uint64_t, kWriters> before = Acknowledged();
      mine.begun = i + 1;
      absl::Status status = db_.Write({.sync = batch.sync}, operations);
      if (!limits.stop_at_error && !status.ok()) {
        status = AfterAnError(status, {.sync = batch.sync}, operations, limits);
      }
      if (!status.ok()) return status;
      mine.acknowledged = i + 1;
      if (batch.sync) {
        MakeDurable(before);
        Raise(mine.durable, i + 1);
      }
      status = DoSomethingElse(i);
      if (!limits.stop_at_error && absl::IsResourceExhausted(status)) continue;
      QUIRE_RETURN_IF_ERROR(status);
    }
    return absl::OkStatus();
  }

  // Nothing if no write was refused.
  const std::optional<Refusal>& refusal() const { return refusal_; }

 private:
  // What every thread was told so far.
  std::array<uint64_t, kWriters> Acknowledged() const {
    std::array<uint64_t, kWriters> counts;
    for (size_t i = 0; i < kWriters; ++i) {
      counts[i] = progress_.writers[i].acknowledged;
    }
    return counts;
  }

  static void Raise(std::atomic<uint64_t>& count, uint64_t to) {
    uint64_t now = count;
    while (now < to && !count.compare_exchange_weak(now, to)) {
    }
  }

  // A sync is a barrier over what all threads were told before it.
  void MakeDurable(const std::array<uint64_t, kWriters>& counts) {
    for (size_t i = 0; i < kWriters; ++i) {
      Raise(progress_.writers[i].durable, counts[i]);
    }
  }

  absl::Status DoSomethingElse(uint64_t index) {
    std::mt19937_64 random =
        SeededRandom(round_, 1000 + index * kWriters + writer_);
    switch (random() % 60) {
      case 0:
        return db_.FlushMemtables();
      case 1:
        if (random() % 4 == 0) return db_.CompactRange({});
        return absl::OkStatus();
      case 2: {
        const std::array<uint64_t, kWriters> before = Acknowledged();
        QUIRE_RETURN_IF_ERROR(db_.Sync());
        MakeDurable(before);
        return absl::OkStatus();
      }
      case 3:
      case 4: {
        std::string value;
        QUIRE_RETURN_IF_ERROR(db_.Get({}, LastKey(writer_), &value));
        if (value != LastValue(round_, index)) {
          progress_.Complain("a thread doesn't read what it wrote");
        }
        return absl::OkStatus();
      }
      default:
        return absl::OkStatus();
    }
  }

  // After a failed write: writes are refused, or go on once there is space;
  // reads go on and don't see what failed. What the write gave in the end.
  absl::Status AfterAnError(absl::Status status, const WriteOptions& options,
                            const WriteBatch& operations,
                            const LifeLimits& limits) {
    ReadOwnLast(status, limits.gives_up);
    for (int i = 0; i < kTries && absl::IsResourceExhausted(status); ++i) {
      std::this_thread::sleep_for(kBetweenTries);
      status = db_.Write(options, operations);
    }
    if (status.ok()) return status;
    if (absl::IsResourceExhausted(status)) {
      progress_.Complain("space never comes back: " + status.ToString());
      return status;
    }
    refusal_ = {status, db_.Put({}, LastKey(writer_), "refused")};
    ReadOwnLast(status, limits.gives_up);
    return status;
  }

  void ReadOwnLast(const absl::Status& error, bool reads_may_fail) {
    std::string value;
    const absl::Status read = db_.Get({}, LastKey(writer_), &value);
    const uint64_t acknowledged = progress_.writers[writer_].acknowledged;
    if (reads_may_fail && absl::IsUnavailable(read)) return;
    if (acknowledged > 0 &&
        (!read.ok() || value != LastValue(round_, acknowledged - 1))) {
      progress_.Complain(absl::StrCat(
          "after ", error.ToString(),
          " the last acknowledged write isn't seen: ", read.ToString()));
    }
  }

  DB& db_;
  const Round round_;
  Progress& progress_;
  const size_t writer_;
  std::optional<Refusal> refusal_;
};

// Complains unless all refusals name the same cause: the first error of those
// that were told of one themselves.
void CheckCause(const std::vector<Refusal>& refusals, bool gives_up,
                Progress& progress) {
  for (const Refusal& refusal : refusals) {
    const std::string text(refusal.second.message());
    // A file system that gives up fails more than one operation, and may say so
    // before it says why.
    const bool has_cause =
        gives_up
            ? absl::StrContains(text, "EIO") || absl::StrContains(text, "EROFS")
            : absl::StrContains(text, "EIO") &&
                  (absl::IsFailedPrecondition(refusal.first) ||
                   text.ends_with("after: " + refusal.first.ToString()));
    const bool same = refusal.second == refusals.front().second &&
                      (!absl::IsFailedPrecondition(refusal.first) ||
                       refusal.first == refusal.second);
    if (absl::IsFailedPrecondition(refusal.second) && has_cause && same) {
      continue;
    }
    progress.Complain(
        absl::StrCat("after ", refusal.first.ToString(), " another write gave ",
                     refusal.second.ToString(), ", and ",
                     refusals.front().second.ToString(), " to another thread"));
  }
}

// One opening of the database; the writes up to `end` of each thread.
absl::Status WriteSome(const std::string& path, const Round& round,
                       uint64_t end, const LifeLimits& limits,
                       Progress& progress) {
  Options options = RandomOptions(round, end);
  options.create_if_missing = true;
  absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options, path);
  if (!db.ok()) return db.status();
  std::array<absl::Status, kWriters> statuses;
  std::array<std::optional<Refusal>, kWriters> refused;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kWriters; ++i) {
    threads.emplace_back([&, i] {
      LivingWriter writer(**db, round, progress, i);
      statuses[i] = writer.Write(end, limits);
      refused[i] = writer.refusal();
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<Refusal> refusals;
  for (const std::optional<Refusal>& refusal : refused) {
    if (refusal.has_value()) refusals.push_back(*refusal);
  }
  CheckCause(refusals, limits.gives_up, progress);
  const absl::Status closed = (*db)->Close();
  for (const absl::Status& status : statuses) {
    QUIRE_RETURN_IF_ERROR(status);
  }
  QUIRE_RETURN_IF_ERROR(closed);
  for (Progress::Writer& writer : progress.writers) {
    writer.durable = writer.acknowledged.load();
  }
  return absl::OkStatus();
}

}  // namespace

void Progress::Reset() {
  for (Writer& writer : writers) {
    writer.begun = 0;
    writer.acknowledged = 0;
    writer.durable = 0;
  }
  complaint = {};
}

void Progress::Complain(const std::string& text) {
  if (complaint[0] != '\0') return;
  std::memcpy(complaint.data(), text.data(),
              std::min(text.size(), complaint.size() - 1));
}

std::mt19937_64 SeededRandom(const Round& round, uint64_t stream) {
  std::seed_seq sequence{static_cast<uint32_t>(round.seed),
                         static_cast<uint32_t>(round.seed >> 32),
                         static_cast<uint32_t>(round.number),
                         static_cast<uint32_t>(stream),
                         static_cast<uint32_t>(stream >> 32)};
  return std::mt19937_64(sequence);
}

std::string KeyPrefix(size_t writer) { return absl::StrCat("w", writer, "/"); }

std::string LastKey(size_t writer) {
  return absl::StrCat(KeyPrefix(writer), "last");
}

std::string LastValue(const Round& round, uint64_t index) {
  return absl::StrCat(round.number, ":", index);
}

Batch MakeBatch(const Round& round, size_t writer, uint64_t index) {
  std::mt19937_64 random = SeededRandom(round, index * kWriters + writer + 1);
  Batch batch;
  // A quarter of the rounds sync everything, a quarter little.
  const uint64_t manner = round.number % 4;
  batch.sync = manner == 0 || random() % (manner == 1 ? 40 : 3) == 0;
  const uint64_t count = random() % 6;
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key = Key(writer, random() % kKeys);
    if (random() % 5 == 0) {
      batch.changes.emplace_back(key, std::nullopt);
    } else {
      batch.changes.emplace_back(key, Value(round, index, random));
    }
  }
  batch.changes.emplace_back(LastKey(writer), LastValue(round, index));
  return batch;
}

Options RandomOptions(const Round& round, uint64_t stream) {
  std::mt19937_64 random = SeededRandom(round, ~stream);
  constexpr std::array kModes = {ReadMode::kPread, ReadMode::kBuffered,
                                 ReadMode::kMmap, ReadMode::kDirect};
  Options options;
  options.provider.read_mode = kModes[random() % kModes.size()];
  options.provider.cache_bytes = 1 << 20;
  options.provider.io_engine =
      random() % 4 == 0 ? IoEngine::kPreadv : IoEngine::kIoUring;
  options.memtable_bytes = uint64_t{64 << 10} << random() % 3;
  if (random() % 3 == 0) options.sync_interval_ms = 2;
  return options;
}

absl::Status WriteAway(const std::string& path, const Round& round,
                       const LifeLimits& limits, Progress& progress) {
  uint64_t end = 0;
  while (end < limits.batches) {
    end = limits.reopen ? std::min(end + kBatchesPerOpen, limits.batches)
                        : limits.batches;
    QUIRE_RETURN_IF_ERROR(WriteSome(path, round, end, limits, progress));
  }
  return absl::OkStatus();
}

}  // namespace quire::torture
