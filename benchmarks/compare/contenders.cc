// What is compared, and how each is configured.
#include <array>

#include "benchmarks/compare/engine.h"
#include "benchmarks/compare/engines.h"

namespace quire::benchmarks {
namespace {

template <io::ReadMode kMode>
absl::StatusOr<std::unique_ptr<Engine>> OpenQuireIn(
    const EngineOptions& options) {
  return OpenQuire(options, kMode);
}

constexpr char kQuireSettings[] =
    "compacted; read-only open; checksums verified; pinned values";

constexpr std::array kContenders = {
    Contender{"quire direct", false, "quire", kQuireSettings, CreateQuire,
              OpenQuireIn<io::ReadMode::kDirect>},
    Contender{"quire mmap", false, "quire", kQuireSettings, CreateQuire,
              OpenQuireIn<io::ReadMode::kMmap>},
    Contender{"quire buffered", false, "quire", kQuireSettings, CreateQuire,
              OpenQuireIn<io::ReadMode::kBuffered>},
    Contender{"quire pread", false, "quire", kQuireSettings, CreateQuire,
              OpenQuireIn<io::ReadMode::kPread>},
    Contender{"lmdb", true, "lmdb",
              "NORDAHEAD, one read transaction a thread, values in the map; "
              "loaded with WRITEMAP and NOSYNC; has no checksums",
              CreateLmdb, OpenLmdb},
    Contender{"leveldb", true, "leveldb",
              "compacted; Bloom 10 bits, no compression, memtable 64 MiB, "
              "checksums verified; values are copies",
              OpenLevelDb, OpenLevelDb},
    Contender{"rocksdb", true, "rocksdb",
              "compacted; HyperClockCache, Bloom 10 bits, 4 KiB blocks, index "
              "and filters in memory, no compression, checksums verified, "
              "PinnableSlice, MultiGet with async_io",
              OpenRocksDb, OpenRocksDb},
    Contender{"wiredtiger", true, "wiredtiger",
              "B-tree, leaf_page_max 8 KiB, no log, checkpointed; one cursor a "
              "thread, values in its cache",
              OpenWiredTiger, OpenWiredTiger},
};

}  // namespace

std::span<const Contender> Contenders() { return kContenders; }

}  // namespace quire::benchmarks
