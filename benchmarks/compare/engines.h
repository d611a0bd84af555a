// How each store is opened. Create makes the database in a directory that
// doesn't exist; Open opens one that was settled and closed, for reading.
#ifndef QUIRE_BENCHMARKS_COMPARE_ENGINES_H_
#define QUIRE_BENCHMARKS_COMPARE_ENGINES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "benchmarks/compare/engine.h"
#include "io/open_provider.h"

namespace quire::benchmarks {

absl::StatusOr<std::unique_ptr<Engine>> CreateQuire(const EngineOptions&);
absl::StatusOr<std::unique_ptr<Engine>> OpenQuire(const EngineOptions&,
                                                  io::ReadMode mode);

absl::StatusOr<std::unique_ptr<Engine>> CreateLmdb(const EngineOptions&);
absl::StatusOr<std::unique_ptr<Engine>> OpenLmdb(const EngineOptions&);

absl::StatusOr<std::unique_ptr<Engine>> OpenLevelDb(const EngineOptions&);

absl::StatusOr<std::unique_ptr<Engine>> OpenRocksDb(const EngineOptions&);

absl::StatusOr<std::unique_ptr<Engine>> OpenWiredTiger(const EngineOptions&);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_ENGINES_H_
