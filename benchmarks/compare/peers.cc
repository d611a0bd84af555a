#include "benchmarks/compare/peers.h"

#include <array>

namespace quire::benchmarks {
namespace {

constexpr std::array kContenders = {
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

std::span<const Contender> PeerContenders() { return kContenders; }

}  // namespace quire::benchmarks
