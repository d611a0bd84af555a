#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "benchmarks/workload.h"
#include "kv/iterator.h"
#include "kv/pinned_value.h"

namespace quire::benchmarks {
namespace {

// Gets random keys below `range` until the budget is spent, each without its
// last `cut` bytes.
absl::Status GetRandomKeys(WorkloadContext& context, WorkloadThread& thread,
                           uint64_t range, size_t cut) {
  KeyBuffer key(context.key_prefix);
  std::string value;
  uint64_t found = 0;
  uint64_t asked = 0;
  OpBudget budget(context, context.reads);
  while (budget.Take()) {
    std::string_view text = key.Set(thread.random.Uniform(range));
    text.remove_suffix(cut);
    absl::Status status = context.db->Get({}, text, &value);
    if (status.ok()) {
      ++found;
      thread.stats.AddBytes(text.size() + value.size());
    } else if (!absl::IsNotFound(status)) {
      return status;
    }
    ++asked;
    thread.stats.FinishedOps();
  }
  thread.stats.AddFound(found, asked);
  return absl::OkStatus();
}

enum class Direction : uint8_t { kForward, kBackward };

absl::Status Scan(WorkloadContext& context, WorkloadThread& thread,
                  Direction direction) {
  const std::unique_ptr<Iterator> iterator = context.db->NewIterator({});
  const auto seek_to_start = [&] {
    direction == Direction::kForward ? iterator->SeekToFirst()
                                     : iterator->SeekToLast();
  };
  OpBudget budget(context, context.reads);
  seek_to_start();
  while (iterator->Valid() && budget.Take()) {
    QUIRE_ASSIGN_OR_RETURN(const std::string_view value, iterator->value());
    thread.stats.AddBytes(iterator->key().size() + value.size());
    thread.stats.FinishedOps();
    direction == Direction::kForward ? iterator->Next() : iterator->Prev();
    // A count ends with the entries, as in LevelDB; a time goes round.
    if (!iterator->Valid() && budget.timed()) seek_to_start();
  }
  return iterator->status();
}

// Adds whether `iterator`, just moved by Seek, found `key`.
absl::Status CountSeek(const Iterator& iterator, std::string_view key,
                       WorkloadThread& thread) {
  QUIRE_RETURN_IF_ERROR(iterator.status());
  thread.stats.AddFound(iterator.Valid() && iterator.key() == key ? 1 : 0, 1);
  thread.stats.FinishedOps();
  return absl::OkStatus();
}

// Puts random keys until no other thread reads.
absl::Status WriteUntilReadersEnd(WorkloadContext& context,
                                  WorkloadThread& thread) {
  KeyBuffer key(context.key_prefix);
  uint64_t written = 0;
  // Relaxed, as declared.
  while (context.readers_left.load(std::memory_order_relaxed) != 0) {
    QUIRE_RETURN_IF_ERROR(
        context.db->Put(context.write_options,
                        key.Set(thread.random.Uniform(context.key_count)),
                        thread.values.Next(context.value_size)));
    ++written;
  }
  // The result is that of the readers: nothing before counts.
  thread.stats.Start();
  thread.stats.AddMessage(absl::StrFormat("(%d writes beside)", written));
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadSequential(WorkloadContext& context, WorkloadThread& thread) {
  return Scan(context, thread, Direction::kForward);
}

absl::Status ReadReverse(WorkloadContext& context, WorkloadThread& thread) {
  return Scan(context, thread, Direction::kBackward);
}

absl::Status ReadRandom(WorkloadContext& context, WorkloadThread& thread) {
  return GetRandomKeys(context, thread, context.key_count, 0);
}

absl::Status ReadMissing(WorkloadContext& context, WorkloadThread& thread) {
  return GetRandomKeys(context, thread, context.key_count, 1);
}

absl::Status ReadHot(WorkloadContext& context, WorkloadThread& thread) {
  return GetRandomKeys(context, thread, (context.key_count + 99) / 100, 0);
}

absl::Status MultiReadRandom(WorkloadContext& context, WorkloadThread& thread) {
  const size_t count = context.keys_per_multiget;
  std::vector<KeyBuffer> buffers(count, KeyBuffer(context.key_prefix));
  std::vector<std::string_view> keys(count);
  std::vector<PinnedValue> values(count);
  std::vector<absl::Status> statuses(count);
  uint64_t found = 0;
  uint64_t asked = 0;
  OpBudget budget(context, context.reads);
  while (budget.Take(count)) {
    for (size_t i = 0; i < count; ++i) {
      keys[i] = buffers[i].Set(thread.random.Uniform(context.key_count));
    }
    context.db->MultiGet({}, keys, values, statuses);
    for (size_t i = 0; i < count; ++i) {
      if (statuses[i].ok()) {
        ++found;
        thread.stats.AddBytes(keys[i].size() + values[i].value().size());
      } else if (!absl::IsNotFound(statuses[i])) {
        return statuses[i];
      }
    }
    asked += count;
    thread.stats.FinishedOps(count);
  }
  thread.stats.AddFound(found, asked);
  return absl::OkStatus();
}

absl::Status SeekRandom(WorkloadContext& context, WorkloadThread& thread) {
  KeyBuffer key(context.key_prefix);
  OpBudget budget(context, context.reads);
  while (budget.Take()) {
    const std::unique_ptr<Iterator> iterator = context.db->NewIterator({});
    iterator->Seek(key.Set(thread.random.Uniform(context.key_count)));
    QUIRE_RETURN_IF_ERROR(CountSeek(*iterator, key.view(), thread));
  }
  return absl::OkStatus();
}

absl::Status SeekOrdered(WorkloadContext& context, WorkloadThread& thread) {
  constexpr uint64_t kStepEnd = 100;
  const std::unique_ptr<Iterator> iterator = context.db->NewIterator({});
  KeyBuffer key(context.key_prefix);
  uint64_t number = 0;
  OpBudget budget(context, context.reads);
  while (budget.Take()) {
    number = (number + thread.random.Uniform(kStepEnd)) % context.key_count;
    iterator->Seek(key.Set(number));
    QUIRE_RETURN_IF_ERROR(CountSeek(*iterator, key.view(), thread));
  }
  return absl::OkStatus();
}

absl::Status ReadWhileWriting(WorkloadContext& context,
                              WorkloadThread& thread) {
  if (thread.index == 0) return WriteUntilReadersEnd(context, thread);
  absl::Status status = ReadRandom(context, thread);
  // Relaxed, as declared.
  context.readers_left.fetch_sub(1, std::memory_order_relaxed);
  return status;
}

}  // namespace quire::benchmarks
