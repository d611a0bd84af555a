// Quire under comparison.
#ifndef QUIRE_BENCHMARKS_COMPARE_QUIRE_ENGINE_H_
#define QUIRE_BENCHMARKS_COMPARE_QUIRE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "benchmarks/compare/engine.h"
#include "kv/db.h"
#include "kv/options.h"

namespace quire::benchmarks {

// One for each read mode.
std::span<const Contender> QuireContenders();

// A database open for writing, for what only Quire is asked for.
class QuireEngine : public Engine {
 public:
  explicit QuireEngine(std::unique_ptr<DB> db);

  absl::Status Write(std::span<const Entry> entries) override;
  absl::Status WriteSynced(std::span<const Entry> entries) override;
  absl::Status Finish() override;
  absl::Status Settle() override;
  absl::StatusOr<std::unique_ptr<Reader>> NewReader() override;
  std::optional<uint64_t> RecordsRead() override;

  DB& db() { return *db_; }

 private:
  const std::unique_ptr<DB> db_;
};

// Opens the database in `directory`, or creates it there, for writing. No run
// is merged with another, and a memtable becomes a run only when it is asked
// for, or at a gigabyte.
absl::StatusOr<std::unique_ptr<QuireEngine>> OpenQuireUnmerged(
    const EngineOptions& options);

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_QUIRE_ENGINE_H_
