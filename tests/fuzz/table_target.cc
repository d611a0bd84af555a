// The table reader: header, footer, list of segments, hash section, sorted
// section of any bytes, read through three kinds of providers, which must
// agree.
//
// The input is a table file.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/check.h"
#include "cache/epoch.h"
#include "kv/internal/entry_cursor.h"
#include "kv/internal/file_header.h"
#include "kv/internal/format.h"
#include "kv/internal/hash_cursor.h"
#include "kv/internal/sorted_cursor.h"
#include "kv/internal/table_reader.h"
#include "tests/fuzz/bytes_provider.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/repair_checks.h"

namespace quire::testing {
namespace {

using kv_internal::EntryCursor;
using kv_internal::HashCursor;
using kv_internal::TableReader;

using Entry = std::tuple<std::string, uint64_t, bool, uint64_t, uint64_t>;

// A few hashes whose lines lie all over a section.
constexpr uint64_t kHashes[] = {0, 0x3fffffffffffffff, 0x8000000000000001,
                                0xc123456789abcdef, ~uint64_t{0}};

Entry EntryOf(const EntryCursor& cursor) {
  return {std::string(cursor.key()), cursor.sequence(), cursor.tombstone(),
          cursor.place().address, cursor.place().record_bytes};
}

// Everything that can be read of a table, as text.
struct Contents {
  absl::StatusCode opened = absl::StatusCode::kOk;
  std::vector<Entry> forwards;
  absl::StatusCode forwards_end = absl::StatusCode::kOk;
  std::vector<Entry> backwards;
  absl::StatusCode backwards_end = absl::StatusCode::kOk;
  std::vector<std::pair<uint64_t, uint64_t>> candidates;
  friend bool operator==(const Contents&, const Contents&) = default;
};

// More than any file that a fuzzer makes can hold.
constexpr size_t kMostEntries = 100'000;

void Scan(const TableReader& table, Contents& contents) {
  const auto cursor =
      kv_internal::NewSortedCursor(table, io::CachePolicy::kScan);
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    contents.forwards.push_back(EntryOf(*cursor));
    QUIRE_CHECK(contents.forwards.size() < kMostEntries);
  }
  contents.forwards_end = cursor->status().code();
  for (cursor->SeekToLast(); cursor->Valid(); cursor->Prev()) {
    contents.backwards.push_back(EntryOf(*cursor));
    QUIRE_CHECK(contents.backwards.size() < kMostEntries);
  }
  contents.backwards_end = cursor->status().code();
  for (size_t i = 0; i < contents.forwards.size(); i += 7) {
    cursor->Seek(std::get<0>(contents.forwards[i]));
    cursor->SeekForPrev(std::get<0>(contents.forwards[i]));
    cursor->SeekVersion(std::get<0>(contents.forwards[i]), 5);
  }
}

// All candidates of a probe. Pages that aren't there are read, once.
void Probe(const TableReader& table, uint64_t hash, Contents& contents) {
  HashCursor cursor;
  cursor.Start(table, hash, /*may_fault=*/true);
  kv_internal::HashCandidate candidate;
  while (true) {
    HashCursor::Step step;
    {
      cache::EpochGuard guard;
      step = cursor.Next(&candidate);
    }
    if (step == HashCursor::Step::kCandidate) {
      contents.candidates.emplace_back(candidate.address, candidate.size_class);
      QUIRE_CHECK(contents.candidates.size() < kMostEntries);
      continue;
    }
    if (step == HashCursor::Step::kEnd) return;
    io::ReadRequest request;
    request.extent = cursor.missing_page();
    table.provider().Read({&request, 1}, io::CachePolicy::kPoint);
    if (!request.status.ok() || !cursor.Supply(std::move(request.pin)).ok()) {
      contents.candidates.emplace_back(0, 0);
      return;
    }
  }
}

Contents ReadAll(BytesProvider& provider,
                 const kv_internal::TableIdentity& identity, bool resident) {
  Contents contents;
  const auto table = TableReader::Open(provider, identity);
  contents.opened = table.status().code();
  if (!table.ok()) return contents;
  // Where one page is damaged, all probes go to the file.
  if (resident) (*table)->LoadHashSection().IgnoreError();
  Scan(**table, contents);
  for (const uint64_t hash : kHashes) Probe(**table, hash, contents);
  return contents;
}

void Run(std::span<const std::byte> file) {
  kv_internal::TableIdentity identity = {"table", file.size(), 0, 0};
  const auto header = kv_internal::DecodeFileHeader(
      file, kv_internal::FileType::kTable, "table");
  if (header.ok()) {
    identity.file_number = header->file_number;
    identity.file_id = header->file_id;
  }
  BytesProvider reads(file, BytesProvider::Peeking::kNothing);
  BytesProvider peeks(file, BytesProvider::Peeking::kAll);
  BytesProvider faults(file, BytesProvider::Peeking::kMayFault);
  const Contents contents = ReadAll(reads, identity, /*resident=*/false);
  QUIRE_CHECK(ReadAll(peeks, identity, false) == contents);
  QUIRE_CHECK(ReadAll(faults, identity, true) == contents);
}

}  // namespace
}  // namespace quire::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::byte> file(size);
  if (size > 0) std::memcpy(file.data(), data, size);
  quire::testing::Run(file);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t max_size, unsigned int seed) {
  size = quire::testing::MutateUsedBytes(data, size, max_size, seed);
  if (seed % 8 == 0) return size;
  quire::testing::RepairTable({reinterpret_cast<std::byte*>(data), size});
  return size;
}
