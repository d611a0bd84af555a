// The stores that Quire is compared with. Create makes a database in a
// directory that doesn't exist; Open opens one that was settled and closed, for
// reading.
#ifndef QUIRE_BENCHMARKS_COMPARE_PEERS_H_
#define QUIRE_BENCHMARKS_COMPARE_PEERS_H_

#include <memory>
#include <span>

#include "absl/status/statusor.h"
#include "benchmarks/compare/engine.h"

namespace quire::benchmarks {

std::span<const Contender> PeerContenders();

absl::StatusOr<std::unique_ptr<Engine>> CreateLmdb(const EngineOptions&);
absl::StatusOr<std::unique_ptr<Engine>> OpenLmdb(const EngineOptions&);

absl::StatusOr<std::unique_ptr<Engine>> OpenLevelDb(const EngineOptions&);

absl::StatusOr<std::unique_ptr<Engine>> OpenRocksDb(const EngineOptions&);
absl::StatusOr<std::unique_ptr<Engine>> OpenRocksDbDirect(const EngineOptions&);

absl::StatusOr<std::unique_ptr<Engine>> OpenWiredTiger(const EngineOptions&);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_PEERS_H_
