// A memtable that tests write to without a file behind it.

#ifndef QUIRE_TESTS_KV_TEST_MEMTABLE_H_
#define QUIRE_TESTS_KV_TEST_MEMTABLE_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/check.h"
#include "kv/internal/format.h"
#include "kv/internal/group.h"
#include "kv/internal/key_hash.h"
#include "kv/internal/memtable.h"

namespace quire::kv_internal {

// Writes as the database does: a group is laid out in the image, then its
// records are inserted. Reading through memtable() may go on meanwhile.
class TestMemtable {
 public:
  using HashFunction = uint64_t (*)(std::string_view key);

  static uint64_t PlainHash(std::string_view key) { return HashKey(key, 7); }

  // `hash` may be a bad one, to make keys collide.
  static absl::StatusOr<std::unique_ptr<TestMemtable>> Create(
      uint64_t capacity_bytes, HashFunction hash = &PlainHash) {
    MemtableOptions options;
    options.segment_number = 3;
    options.segment_id = kSegmentId;
    options.capacity_bytes = capacity_bytes;
    absl::StatusOr<std::unique_ptr<Memtable>> memtable =
        Memtable::Create(options);
    if (!memtable.ok()) return memtable.status();
    return std::unique_ptr<TestMemtable>(
        new TestMemtable(*std::move(memtable), hash));
  }

  // Whether a record of these sizes, and what stands around it, fits.
  bool HasRoom(size_t key_size, size_t value_size) const {
    return tail_.offset + kGroupHeaderBytes +
               GroupBuilder::Room(key_size, value_size) <=
           memtable_->image().size();
  }

  // A group of one record. REQUIRES: HasRoom; ascending sequence numbers.
  void Put(std::string_view key, std::string_view value, uint64_t sequence) {
    Write(key, value, sequence, RecordKind::kPut);
  }
  void Delete(std::string_view key, uint64_t sequence) {
    Write(key, {}, sequence, RecordKind::kDelete);
  }

  MemoryRecord Find(std::string_view key, uint64_t max_sequence) const {
    return memtable_->Find(key, hash_(key), max_sequence);
  }

  Memtable& memtable() { return *memtable_; }
  const Memtable& memtable() const { return *memtable_; }

  // Gives the memtable away, to share it with views.
  std::unique_ptr<Memtable> Release() { return std::move(memtable_); }

 private:
  static constexpr uint64_t kSegmentId = 0x5e6;

  TestMemtable(std::unique_ptr<Memtable> memtable, HashFunction hash)
      : memtable_(std::move(memtable)), hash_(hash) {}

  void Write(std::string_view key, std::string_view value, uint64_t sequence,
             RecordKind kind) {
    QUIRE_CHECK(memtable_->Prepare(1).ok());
    GroupBuilder group(memtable_->image().subspan(tail_.offset), tail_);
    const uint64_t offset = group.Add(sequence, kind, key, value);
    group.Finish({}, sequence);
    tail_ = group.tail();
    memtable_->Insert(offset, hash_(key));
  }

  std::unique_ptr<Memtable> memtable_;
  const HashFunction hash_;
  LogTail tail_ = {kSegmentId, kPageBytes, 0};
};

}  // namespace quire::kv_internal

#endif  // QUIRE_TESTS_KV_TEST_MEMTABLE_H_
