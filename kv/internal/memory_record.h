// A record in memory that this process wrote or has verified.
#ifndef QUIRE_KV_INTERNAL_MEMORY_RECORD_H_
#define QUIRE_KV_INTERNAL_MEMORY_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kv/internal/format.h"
#include "kv/internal/little_endian.h"

namespace quire::kv_internal {

// The fields of a record where it lies (record.h has the layout); no check is
// verified. A pointer in size; default-constructed, it is no record. The views
// live as long as the memory that the record lies in.
class MemoryRecord {
 public:
  MemoryRecord() = default;
  explicit MemoryRecord(const std::byte* header) : header_(header) {}

  explicit operator bool() const { return header_ != nullptr; }
  const std::byte* header() const { return header_; }

  // REQUIRES for all below: it is a record.
  uint64_t sequence() const { return Load<uint64_t>(16) >> 8; }
  RecordKind kind() const {
    return static_cast<RecordKind>(Load<uint64_t>(16) & 0xff);
  }
  bool tombstone() const { return kind() == RecordKind::kDelete; }
  std::string_view key() const {
    return {Text(kRecordHeaderBytes), Load<uint16_t>(10)};
  }
  std::string_view value() const {
    return {Text(kRecordHeaderBytes + Load<uint16_t>(10)), Load<uint32_t>(12)};
  }

 private:
  template <typename T>
  T Load(size_t at) const {
    return LoadLittleEndian<T>(header_ + at);
  }
  const char* Text(size_t at) const {
    return reinterpret_cast<const char*>(header_ + at);
  }

  const std::byte* header_ = nullptr;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_MEMORY_RECORD_H_
