// Groups and records: what a log file's readers make of any bytes.
//
// The input is what stands behind the header page of a log file.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "kv/internal/format.h"
#include "kv/internal/group.h"
#include "kv/internal/log_walk.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/repair_checks.h"

namespace quire::testing {
namespace {

using kv_internal::GroupHeader;
using kv_internal::kPageBytes;
using kv_internal::LogRecord;

constexpr uint64_t kFileId = 0x5175697265466c67;

// Counts what a walk finds, and holds it to the bounds of the file.
class Visitor final : public kv_internal::LogVisitor {
 public:
  explicit Visitor(std::span<const std::byte> file) : file_(file) {}

  void OnGroup(uint64_t offset, const GroupHeader&) override {
    // Its length may reach beyond the file.
    QUIRE_CHECK(offset < file_.size());
    ++groups_;
  }
  void OnRecord(const LogRecord& record) override {
    CheckWithin(record);
    ++records_;
  }
  void OnDamage(uint64_t offset, uint64_t length, const std::string&) override {
    // At the end it tells of what is missing there.
    QUIRE_CHECK(offset >= damage_end_ && offset <= file_.size() &&
                (offset == file_.size() || length <= file_.size() - offset));
    damage_end_ = offset + length;
    ++damages_;
  }

  void CheckWithin(const LogRecord& record) const {
    const auto* begin = reinterpret_cast<const char*>(file_.data());
    const char* end = begin + file_.size();
    QUIRE_CHECK(record.key.data() >= begin && record.value.data() >= begin);
    QUIRE_CHECK(record.key.data() + record.key.size() <= end);
    QUIRE_CHECK(record.value.data() + record.value.size() <= end);
    QUIRE_CHECK(record.header.RecordBytes() <= file_.size() - record.offset);
  }

  uint64_t groups() const { return groups_; }
  uint64_t records() const { return records_; }
  uint64_t damages() const { return damages_; }

 private:
  const std::span<const std::byte> file_;
  uint64_t groups_ = 0;
  uint64_t records_ = 0;
  uint64_t damages_ = 0;
  uint64_t damage_end_ = 0;
};

void Run(std::span<const std::byte> file) {
  Visitor walked(file);
  kv_internal::WalkLog(file, kFileId, kPageBytes, walked);
  // Group after group, as recovery reads.
  uint64_t groups = 0;
  uint64_t records = 0;
  uint64_t offset = kPageBytes;
  absl::StatusOr<GroupHeader> group;
  while (true) {
    group = kv_internal::ReadGroup(file, offset, kFileId, "file",
                                   [&](const LogRecord& record) {
                                     walked.CheckWithin(record);
                                     ++records;
                                   });
    if (!group.ok()) break;
    ++groups;
    offset += group->length;
    QUIRE_CHECK(offset <= file.size());
  }
  QUIRE_CHECK(absl::IsOutOfRange(group.status()) == (offset == file.size()));
  QUIRE_CHECK(walked.groups() >= groups && walked.records() >= records);
  // The other way round there is a difference: a walk doesn't mind what stands
  // behind a value, nor where a record begins.
  if (offset == file.size()) {
    QUIRE_CHECK(walked.damages() == 0 && walked.groups() == groups &&
                walked.records() == records);
  }
  uint64_t headers = 0;
  kv_internal::ScanForGroups(file, kPageBytes, kFileId,
                             [&](uint64_t, const GroupHeader&) { ++headers; });
  QUIRE_CHECK(headers >= groups);
  kv_internal::FindLogId(file);
}

}  // namespace
}  // namespace quire::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using quire::kv_internal::kPageBytes;
  // Exactly as long as the file, so that a sanitizer sees a read beyond it.
  std::vector<std::byte> file(kPageBytes + size);
  if (size > 0) std::memcpy(file.data() + kPageBytes, data, size);
  quire::testing::Run(file);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t max_size, unsigned int seed) {
  using quire::kv_internal::kPageBytes;
  size = LLVMFuzzerMutate(data, size, max_size);
  if (seed % 8 == 0) return size;
  std::vector<std::byte> file(kPageBytes + size);
  std::memcpy(file.data() + kPageBytes, data, size);
  quire::testing::RepairGroups(file, quire::testing::kFileId, kPageBytes);
  std::memcpy(data, file.data() + kPageBytes, size);
  return size;
}
