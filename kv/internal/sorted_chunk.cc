#include "kv/internal/sorted_chunk.h"

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/prefetch.h"
#include "kv/internal/record_sort.h"

namespace quire::kv_internal {
namespace {

// Records that a cursor decodes together, and fetches ahead of these.
constexpr size_t kWindow = 8;

// As std::make_unique_for_overwrite; nullptr if there is no memory.
template <typename T>
std::unique_ptr<T[]> TryMakeArray(size_t size) {
  return std::unique_ptr<T[]>(new (std::nothrow) T[size]);
}

absl::Status NoMemory(size_t size) {
  return absl::ResourceExhaustedError(
      absl::StrCat("no memory to sort ", size, " entries of a memtable"));
}

// The words of a chunk as they are if fewer bytes count as shared.
class ShiftedWords {
 public:
  // `first` is the first key, of which all keys have `shared` bytes; words
  // begin at `wanted` <= shared instead.
  ShiftedWords(std::string_view first, size_t shared, size_t wanted)
      : shift_(8 * std::min(shared - wanted, kWordBytes)),
        prefix_(KeyWord(first.substr(0, shared), wanted)) {}

  uint64_t operator()(uint64_t word) const {
    return shift_ == 64 ? prefix_ : prefix_ | word >> shift_;
  }

 private:
  const size_t shift_;
  const uint64_t prefix_;
};

}  // namespace

SortedChunk::SortedChunk(const std::byte* image, size_t size, size_t shared)
    : image_(image), size_(size), shared_(shared) {}

absl::StatusOr<std::shared_ptr<SortedChunk>> SortedChunk::New(
    const std::byte* image, size_t size, size_t shared) {
  std::shared_ptr<SortedChunk> chunk(new SortedChunk(image, size, shared));
  chunk->words_ = TryMakeArray<uint64_t>(size);
  chunk->places_ = TryMakeArray<uint32_t>(size);
  if (chunk->words_ == nullptr || chunk->places_ == nullptr) {
    return NoMemory(size);
  }
  return chunk;
}

absl::StatusOr<std::shared_ptr<const SortedChunk>> SortedChunk::Sort(
    const std::byte* image, std::span<const uint32_t> places) {
  const size_t size = places.size();
  const std::unique_ptr<SortEntry[]> entries = TryMakeArray<SortEntry>(size);
  const std::unique_ptr<SortEntry[]> scratch = TryMakeArray<SortEntry>(size);
  if (entries == nullptr || scratch == nullptr) return NoMemory(size);
  for (size_t i = 0; i < size; ++i) entries[i].place = places[size - 1 - i];
  const size_t shared =
      SortRecords(image, {entries.get(), size}, {scratch.get(), size});
  absl::StatusOr<std::shared_ptr<SortedChunk>> chunk = New(image, size, shared);
  if (!chunk.ok()) return chunk.status();
  for (size_t i = 0; i < size; ++i) {
    (*chunk)->words_[i] = entries[i].word;
    (*chunk)->places_[i] = entries[i].place;
  }
  return *std::move(chunk);
}

absl::StatusOr<std::shared_ptr<const SortedChunk>> SortedChunk::Merge(
    const SortedChunk& older, const SortedChunk& newer) {
  const std::string_view older_first = older[0].key();
  const std::string_view newer_first = newer[0].key();
  const size_t shared = std::min(
      {older.shared_, newer.shared_, SharedBytes(older_first, newer_first)});
  absl::StatusOr<std::shared_ptr<SortedChunk>> chunk =
      New(older.image_, older.size_ + newer.size_, shared);
  if (!chunk.ok()) return chunk.status();
  const ShiftedWords older_words(older_first, older.shared_, shared);
  const ShiftedWords newer_words(newer_first, newer.shared_, shared);
  uint64_t* word = (*chunk)->words_.get();
  uint32_t* place = (*chunk)->places_.get();
  for (size_t i = 0, j = 0; i < older.size_ || j < newer.size_;) {
    const uint64_t a = i < older.size_ ? older_words(older.words_[i]) : 0;
    const uint64_t b = j < newer.size_ ? newer_words(newer.words_[j]) : 0;
    bool take_older = j == newer.size_;
    if (i < older.size_ && j < newer.size_) {
      // Of equal keys the newer one comes first.
      take_older = a != b ? a < b : older[i].key() < newer[j].key();
    }
    *word++ = take_older ? a : b;
    *place++ = take_older ? older.places_[i++] : newer.places_[j++];
  }
  return *std::move(chunk);
}

size_t SortedChunk::LowerBound(std::string_view key, uint64_t sequence) const {
  const std::string_view prefix = (*this)[0].key().substr(0, shared_);
  const int order = key.substr(0, shared_).compare(prefix);
  if (order != 0) return order < 0 ? 0 : size_;
  const auto [begin, end] = std::equal_range(words_.get(), words_.get() + size_,
                                             KeyWord(key, shared_));
  const uint32_t* const found = std::partition_point(
      places_.get() + (begin - words_.get()),
      places_.get() + (end - words_.get()), [&](uint32_t place) {
        const MemoryRecord record = At(place);
        const int record_order = record.key().compare(key);
        if (record_order != 0) return record_order < 0;
        return record.sequence() > sequence;
      });
  return found - places_.get();
}

namespace {

class ChunkCursor final : public EntryCursor {
 public:
  explicit ChunkCursor(std::shared_ptr<const SortedChunk> chunk)
      : chunk_(std::move(chunk)) {}

  void SeekToFirst() override { ShowFrom(0); }
  void SeekToLast() override { ShowUpTo(chunk_->size()); }
  void Seek(std::string_view target) override {
    SeekVersion(target, kMaxSequence);
  }
  void SeekForPrev(std::string_view target) override {
    // No version has the number 0: this is behind the last one of `target`.
    ShowUpTo(chunk_->LowerBound(target, 0));
  }
  void SeekVersion(std::string_view target, uint64_t sequence) override {
    ShowFrom(chunk_->LowerBound(target, sequence));
  }

  absl::Status status() const override { return absl::OkStatus(); }

 private:
  void NextWindow() override { ShowFrom(end_index_); }
  void PrevWindow() override { ShowUpTo(first_index_); }

  // A window from `first` on, which is the current one.
  void ShowFrom(size_t first) {
    Decode(first, std::min(first + kWindow, chunk_->size()));
    Prefetch(end_index_, std::min(end_index_ + kWindow, chunk_->size()));
    Show({entries_.data(), end_index_ - first_index_}, 0);
  }
  // A window up to just before `end`.
  void ShowUpTo(size_t end) {
    Decode(end - std::min(kWindow, end), end);
    Prefetch(first_index_ - std::min(kWindow, first_index_), first_index_);
    Show({entries_.data(), end_index_ - first_index_},
         first_index_ < end_index_ ? end_index_ - first_index_ - 1 : 0);
  }

  void Decode(size_t first, size_t end) {
    first_index_ = first;
    end_index_ = end;
    for (size_t i = first; i < end; ++i) {
      const MemoryRecord record = (*chunk_)[i];
      entries_[i - first] = {.key = record.key(),
                             .sequence = record.sequence(),
                             .memory = record.header(),
                             .record = {.tombstone = record.tombstone(),
                                        .value_size = static_cast<uint32_t>(
                                            record.value().size())}};
    }
  }

  void Prefetch(size_t first, size_t end) const {
    for (size_t i = first; i < end; ++i) {
      base::PrefetchCacheLine((*chunk_)[i].header());
    }
  }

  const std::shared_ptr<const SortedChunk> chunk_;
  // Those decoded, of the chunk.
  size_t first_index_ = 0;
  size_t end_index_ = 0;
  std::array<IndexEntry, kWindow> entries_;
};

}  // namespace

std::unique_ptr<EntryCursor> NewChunkCursor(
    std::shared_ptr<const SortedChunk> chunk) {
  return std::make_unique<ChunkCursor>(std::move(chunk));
}

}  // namespace quire::kv_internal
