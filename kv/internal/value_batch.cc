#include "kv/internal/value_batch.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/prefetch.h"
#include "base/string_view.h"
#include "cache/epoch.h"
#include "io/guarded_copy.h"
#include "kv/internal/memory_record.h"
#include "kv/internal/record.h"

namespace quire::kv_internal {
namespace {

// Larger records are not looked for in memory: caches don't keep them, and
// their copy costs more than this path saves.
constexpr uint64_t kMaxCopiedBytes = uint64_t{64} << 10;

// Longest extent that missing stretches are read in.
constexpr uint64_t kMaxExtentBytes = uint64_t{64} << 10;

// Cache lines that are fetched together; more of them are slower.
constexpr uint64_t kBurstLines = 24;
constexpr uint64_t kMaxPrefetchBytes = 1024;

// The outcome of `read`, which should be the record of this entry.
absl::Status CheckIsOf(std::string_view key, uint64_t sequence,
                       const RecordRead& read) {
  if (!read.status.ok()) return read.status;
  const RecordHeader& header = read.record.header;
  if (header.kind == RecordKind::kPut && header.sequence == sequence &&
      read.record.key == key) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat(read.location.file->path(), ": the record at offset ",
                   read.location.place.offset, " is not that of ",
                   base::EscapeKey(key), " which its table says it is"));
}

}  // namespace

void ValueBatch::Clear() {
  size_ = 0;
  keys_.Clear();
  record_bytes_ = 0;
  stretches_.clear();
  missing_.clear();
  requests_.clear();
  ahead_.Release();
  failed_.clear();
  reads_.clear();
  errors_.clear();
}

// Inline in the loop of AddAll, where a call for each entry would cost as much
// as the work.
[[gnu::always_inline]] inline void ValueBatch::AddRecord(uint64_t address,
                                                         uint64_t bytes,
                                                         const Run* run) {
  record_bytes_ += bytes;
  const uint64_t end = address + bytes / kAlignmentBytes;
  if (!stretches_.empty()) {
    Stretch& last = stretches_.back();
    if (last.run == run && last.end_item == size_ &&
        last.Extend(address, end)) {
      ++last.end_item;
      return;
    }
  }
  stretches_.push_back({run, address, end, size_, size_ + 1});
}

template <bool kForward>
size_t ValueBatch::AddAll(std::span<const IndexEntry> entries, const Run* run,
                          uint64_t most_bytes) {
  size_t added = 0;
  while (added < entries.size() && record_bytes_ < most_bytes) {
    QUIRE_DCHECK(size_ < kCapacity);
    const IndexEntry& entry =
        entries[kForward ? added : entries.size() - 1 - added];
    Item& item = items_[size_];
    item.key_begin = keys_.Add(entry.key);
    item.key_size = static_cast<uint32_t>(entry.key.size());
    item.value_size = entry.record.value_size;
    item.error = kNoError;
    item.sequence = entry.sequence;
    item.address = entry.record.address;
    if (entry.memory != nullptr) {
      item.value = MemoryRecord(entry.memory).value().data();
    } else {
      AddRecord(item.address, entry.record.RecordBytes(entry.key.size()), run);
    }
    ++size_;
    ++added;
  }
  return added;
}
template size_t ValueBatch::AddAll<true>(std::span<const IndexEntry>,
                                         const Run*, uint64_t);
template size_t ValueBatch::AddAll<false>(std::span<const IndexEntry>,
                                          const Run*, uint64_t);

void ValueBatch::AddError(Item& item, absl::Status error) {
  item.error = static_cast<uint32_t>(errors_.size());
  errors_.push_back(std::move(error));
}

void ValueBatch::Read() {
  if (stretches_.empty()) return;
  LocateStretches();
  CopyResident();
  if (!missing_.empty()) ReadMissing();
  if (!failed_.empty()) ReadFailed();
}

void ValueBatch::LocateStretches() {
  size_t kept = 0;
  for (size_t i = 0; i < stretches_.size(); ++i) {
    Stretch& stretch = stretches_[i];
    if (stretch.run->Locate(stretch.begin, &stretch.location)) {
      stretch.size =
          std::min((stretch.end - stretch.begin) * kAlignmentBytes,
                   stretch.location.limit - stretch.location.place.offset);
      provider_.PrefetchPeek(*stretch.location.file,
                             stretch.location.place.offset);
      stretches_[kept++] = stretch;
      continue;
    }
    for (size_t j = stretch.first_item; j < stretch.end_item; ++j) {
      failed_.push_back({j, stretch.run});
    }
  }
  stretches_.resize(kept);
}

void ValueBatch::CopyResident() {
  size_t size = 0;
  for (const Stretch& stretch : stretches_) {
    if (stretch.size <= kMaxCopiedBytes) size += stretch.size;
  }
  if (size > copies_size_) {
    copies_.reset(new std::byte[size]);
    copies_size_ = size;
  }
  std::byte* to = copies_.get();
  const cache::EpochGuard guard;
  size_t end = PeekBurst(0);
  for (size_t i = 0; i < stretches_.size();) {
    const size_t next_end = PeekBurst(end);
    for (; i < end; ++i) {
      const Stretch& stretch = stretches_[i];
      if (stretch.ahead != nullptr) {
        TakeValues(stretch, stretch.ahead);
        continue;
      }
      if (stretch.peek.data == nullptr || !Copy(stretch, to)) {
        missing_.push_back(&stretch);
        continue;
      }
      TakeValues(stretch, to);
      to += stretch.size;
    }
    end = next_end;
  }
}

size_t ValueBatch::PeekBurst(size_t first) {
  uint64_t lines = 0;
  size_t i = first;
  for (; i < stretches_.size() && lines < kBurstLines; ++i) {
    Stretch& stretch = stretches_[i];
    if (stretch.size > kMaxCopiedBytes) continue;
    stretch.ahead = ahead_.Find(
        {stretch.location.file, stretch.location.place.offset, stretch.size});
    if (stretch.ahead != nullptr) continue;
    stretch.peek = provider_.Peek(*stretch.location.file,
                                  stretch.location.place.offset, stretch.size);
    if (stretch.peek.data == nullptr) continue;
    lines += base::PrefetchBytes(
        stretch.peek.data, std::min(stretch.peek.size, kMaxPrefetchBytes));
  }
  return i;
}

bool ValueBatch::Copy(const Stretch& stretch, std::byte* to) const {
  io::PeekResult peek = stretch.peek;
  for (uint64_t copied = 0;;) {
    if (!peek.may_fault) {
      std::memcpy(to + copied, peek.data, peek.size);
    } else if (!io::GuardedCopy(to + copied, peek.data, peek.size)) {
      return false;
    }
    copied += peek.size;
    if (copied == stretch.size) return true;
    peek = provider_.Peek(*stretch.location.file,
                          stretch.location.place.offset + copied,
                          stretch.size - copied);
    if (peek.data == nullptr) return false;
  }
}

void ValueBatch::ReadMissing() {
  // Neighbours together.
  std::vector<size_t> request_of(missing_.size());
  for (size_t i = 0; i < missing_.size(); ++i) {
    const RecordLocation& location = missing_[i]->location;
    const uint64_t begin = location.place.offset;
    const uint64_t end = begin + missing_[i]->size;
    if (!requests_.empty()) {
      io::Extent& last = requests_.back().extent;
      const uint64_t first = std::min(begin, last.offset);
      const uint64_t length = std::max(end, last.offset + last.length) - first;
      if (last.file == location.file &&
          length <= std::min(last.length + missing_[i]->size + kMaxGapBytes,
                             kMaxExtentBytes)) {
        last.offset = first;
        last.length = length;
        request_of[i] = requests_.size() - 1;
        continue;
      }
    }
    request_of[i] = requests_.size();
    requests_.emplace_back().extent = {location.file, begin, end - begin};
  }
  // The next batch goes on from the last of them. Others lie where pieces of
  // what was read ahead meet, or anywhere.
  const size_t last = requests_.size() - 1;
  const bool read_ahead =
      requests_[last].extent.length <= kMaxExtentBytes &&
      ahead_.Read(requests_[last].extent, missing_.back()->location.limit);
  const std::span<io::ReadRequest> alone =
      std::span(requests_).first(read_ahead ? last : requests_.size());
  if (!alone.empty()) provider_.Read(alone, io::CachePolicy::kScan);
  for (size_t i = 0; i < missing_.size(); ++i) {
    const RecordLocation& location = missing_[i]->location;
    const io::ReadRequest& request = requests_[request_of[i]];
    const std::byte* bytes = nullptr;
    if (read_ahead && request_of[i] == last) {
      bytes = ahead_.Find(
          {location.file, location.place.offset, missing_[i]->size});
    } else if (request.status.ok()) {
      bytes = request.pin.bytes().data() +
              (location.place.offset - request.extent.offset);
    }
    TakeValues(*missing_[i], bytes);
  }
}

void ValueBatch::TakeValues(const Stretch& stretch, const std::byte* bytes) {
  for (size_t i = stretch.first_item; i < stretch.end_item; ++i) {
    Item& item = items_[i];
    const uint64_t at = (item.address - stretch.begin) * kAlignmentBytes;
    const uint64_t size = RecordBytes(item.key_size, item.value_size);
    RecordPlace place = stretch.location.place;
    place.offset += at;
    if (bytes == nullptr || at + size > stretch.size ||
        !IsPutRecord({bytes + at, size}, place, item.sequence, key(i),
                     item.value_size)) {
      failed_.push_back({i, stretch.run});
      continue;
    }
    item.value = reinterpret_cast<const char*>(bytes + at) +
                 kRecordHeaderBytes + item.key_size;
  }
}

void ValueBatch::ReadFailed() {
  std::vector<size_t> items;  // beside reads_
  for (const Failure& failure : failed_) {
    Item& item = items_[failure.item];
    RecordRead read;
    if (!failure.run->Locate(item.address, &read.location)) {
      AddError(item, absl::DataLossError(absl::StrCat(
                         failure.run->table().file().path(), ": the entry of ",
                         base::EscapeKey(key(failure.item)),
                         " points outside of the run's segments")));
      continue;
    }
    read.record_bytes = RecordBytes(item.key_size, item.value_size);
    reads_.push_back(std::move(read));
    items.push_back(failure.item);
  }
  ReadRecords(provider_, reads_, io::CachePolicy::kScan);
  for (size_t i = 0; i < reads_.size(); ++i) {
    Item& item = items_[items[i]];
    absl::Status status = CheckIsOf(key(items[i]), item.sequence, reads_[i]);
    if (status.ok()) {
      item.value = reads_[i].record.value.data();
      item.value_size = reads_[i].record.header.value_size;
    } else {
      AddError(item, std::move(status));
    }
  }
}

}  // namespace quire::kv_internal
