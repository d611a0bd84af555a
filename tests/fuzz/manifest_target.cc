// Manifest and CURRENT: what their readers make of any bytes.
//
// The input's first byte says whether CURRENT calls the database closed (bit 0)
// and how much of the manifest it says is durable; what follows stands behind
// the manifest's header page. The same bytes are also read as a CURRENT.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "kv/internal/checksum.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_state.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/manifest_edit.h"
#include "kv/internal/manifest_reader.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/repair_checks.h"

namespace quire::testing {
namespace {

using kv_internal::CurrentFile;
using kv_internal::DatabaseState;
using kv_internal::kPageBytes;
using kv_internal::ManifestEdit;

constexpr uint64_t kFileId = 0x5175697265466d61;
constexpr uint64_t kNumber = 3;

std::vector<std::byte> MakeManifest(std::span<const uint8_t> groups) {
  std::vector<std::byte> file(kPageBytes + groups.size());
  kv_internal::FileHeader header;
  header.type = kv_internal::FileType::kManifest;
  header.file_id = kFileId;
  header.file_number = kNumber;
  kv_internal::EncodeFileHeader(header, file.data());
  if (!groups.empty()) {
    std::memcpy(file.data() + kPageBytes, groups.data(), groups.size());
  }
  return file;
}

void ReadManifest(uint8_t how, std::span<const std::byte> file) {
  CurrentFile current;
  current.manifest_number = kNumber;
  current.manifest_id = kFileId;
  current.closed = how % 2 != 0;
  current.manifest_length =
      current.closed ? file.size() : file.size() * (how / 2) / 127;
  current.manifest_digest =
      kv_internal::Checksum(file.first(current.manifest_length));
  DatabaseState state;
  const auto extent = kv_internal::WalkManifest(
      file, "manifest", current,
      [&](uint64_t offset, const ManifestEdit& edit) {
        QUIRE_CHECK(offset >= kPageBytes && offset < file.size());
        for (const auto& change : edit.changes()) {
          QUIRE_CHECK(!kv_internal::ToString(change).empty());
        }
        return state.Apply(edit);
      });
  if (!extent.ok()) return;
  QUIRE_CHECK(extent->length <= file.size());
  QUIRE_CHECK(extent->torn_bytes <= file.size() - extent->length);
  // What was read can be written, and says the same.
  DatabaseState again;
  QUIRE_CHECK(again.Apply(state.Snapshot()).ok());
  QUIRE_CHECK(again == state);
}

void ReadCurrent(std::span<const std::byte> bytes) {
  const auto current = kv_internal::DecodeCurrentFile(bytes, "CURRENT");
  if (!current.ok()) return;
  const std::vector<std::byte> encoded =
      kv_internal::EncodeCurrentFile(*current);
  QUIRE_CHECK(std::memcmp(encoded.data(), bytes.data(), encoded.size()) == 0);
}

}  // namespace
}  // namespace quire::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::vector<std::byte> file =
      quire::testing::MakeManifest({data + 1, size - 1});
  quire::testing::ReadManifest(data[0], file);
  std::vector<std::byte> current(size - 1);
  if (size > 1) std::memcpy(current.data(), data + 1, size - 1);
  quire::testing::ReadCurrent(current);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t max_size, unsigned int seed) {
  using quire::kv_internal::kPageBytes;
  size = LLVMFuzzerMutate(data, size, max_size);
  if (size < 2 || seed % 8 == 0) return size;
  if (seed % 8 == 1) {
    // As a CURRENT.
    std::vector<std::byte> current(size - 1);
    std::memcpy(current.data(), data + 1, size - 1);
    quire::testing::RepairCurrent(current, {}, 0);
    std::memcpy(data + 1, current.data(), size - 1);
    return size;
  }
  std::vector<std::byte> file =
      quire::testing::MakeManifest({data + 1, size - 1});
  quire::testing::RepairGroups(file, quire::testing::kFileId, kPageBytes);
  std::memcpy(data + 1, file.data() + kPageBytes, size - 1);
  return size;
}
