// Makes checksums right again in files of a database that something has
// changed, so that what lies behind the checks is reached.
#ifndef QUIRE_TESTS_FUZZ_REPAIR_CHECKS_H_
#define QUIRE_TESTS_FUZZ_REPAIR_CHECKS_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace quire::testing {

// Whatever the bytes are, nothing outside of them is touched; what is too short
// to be the thing stays as it is.

// The check of a header page.
void RepairHeaderPage(std::span<std::byte> file);

// The groups from `offset` on of a log file `file` with the random id
// `file_id`: ids, lengths that reach too far, counts, and all checks of groups
// and records.
void RepairGroups(std::span<std::byte> file, uint64_t file_id, uint64_t offset);

// A segment or a manifest: header page, and groups with its id.
void RepairLog(std::span<std::byte> file);

// A table: header page, footer, and the checks of all parts that the footer
// tells of.
void RepairTable(std::span<std::byte> file);

// CURRENT: its check, and the length and digest of the manifest, of which the
// first `durable_bytes` are said to be durable.
void RepairCurrent(std::span<std::byte> current,
                   std::span<const std::byte> manifest, uint64_t durable_bytes);

}  // namespace quire::testing

#endif  // QUIRE_TESTS_FUZZ_REPAIR_CHECKS_H_
