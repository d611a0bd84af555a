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
              "checksums verified; values are copies; where memory is limited, "
              "the page cache and a block cache of 8 MiB",
              OpenLevelDb, OpenLevelDb, false, true},
    Contender{"rocksdb", true, "rocksdb",
              "compacted; HyperClockCache, Bloom 10 bits, 4 KiB blocks, index "
              "and filters in memory, no compression, checksums verified, "
              "PinnableSlice, MultiGet with async_io; where memory is limited, "
              "the page cache and RocksDB's default block cache",
              OpenRocksDb, OpenRocksDb, false, true},
    Contender{"rocksdb direct", true, "rocksdb",
              "the same with use_direct_reads; where memory is limited, a "
              "cache of all that filters and index leave",
              OpenRocksDbDirect, OpenRocksDbDirect, true},
    Contender{"wiredtiger", true, "wiredtiger",
              "B-tree, leaf_page_max 8 KiB, leaf_value_max 32 KiB, no log, "
              "checkpointed; one cursor a "
              "thread, values in its cache; where memory is limited, direct_io "
              "and a cache of all of it",
              OpenWiredTiger, OpenWiredTiger},
};

}  // namespace

std::span<const Contender> PeerContenders() { return kContenders; }

}  // namespace quire::benchmarks
