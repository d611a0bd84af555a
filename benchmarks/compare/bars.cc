#include "benchmarks/compare/bars.h"

#include <array>

namespace quire::benchmarks {
namespace {

constexpr char kBoth[] = "quire direct,quire mmap";
constexpr char kAll[] = "quire direct,quire mmap,quire buffered,quire pread";
constexpr char kDirect[] = "quire direct";
constexpr char kFloor[] = "memory floor";
constexpr char kDevice[] = "device (fio)";
constexpr char kQuire[] = "quire";

constexpr Against kPeer = Against::kBestPeer;
constexpr Against kSeries = Against::kSeries;
constexpr Against kNothing = Against::kNothing;

constexpr std::array kBars = {
    Bar{"1", "hot Get, 100 B, one run", "hot-100/get", kBoth, kPeer, "", 3.5},
    Bar{"1", "hot Get, 100 B, one run", "hot-100/get", "quire buffered", kPeer,
        "", 3.5},
    Bar{"1", "hot Get, 100 B, one run", "hot-100/get", "quire pread", kPeer, "",
        1.3},
    Bar{"1", "hot Get, 100 B, full memtable", "hot-100/memtable/get", kBoth,
        kPeer, "", 3},
    Bar{"1", "hot Get, 100 B, four runs", "hot-100/four-runs/get", kBoth, kPeer,
        "", 2.8},
    Bar{"1", "hot Get, 100 B, dependent misses", "hot-100/get", kDirect,
        kSeries, kFloor, 1.3, true},
    Bar{"1", "hot Get, 1 KiB, one run", "hot-1k/get", kBoth, kPeer, "", 3.5},
    Bar{"1", "hot Get, 1 KiB, one run", "hot-1k/get", "quire buffered", kPeer,
        "", 3.5},
    Bar{"1", "hot Get, 1 KiB, one run", "hot-1k/get", "quire pread", kPeer, "",
        1.3},
    Bar{"1", "hot Get, 1 KiB, full memtable", "hot-1k/memtable/get", kBoth,
        kPeer, "", 3},
    Bar{"1", "hot Get, 1 KiB, four runs", "hot-1k/four-runs/get", kBoth, kPeer,
        "", 2.8},
    Bar{"1", "hot Get, 8 KiB, one run", "hot-8k/get", kBoth, kPeer, "", 1.5},
    Bar{"2", "absent key, one run, to LMDB", "hot-100/absent", kBoth, kSeries,
        "lmdb", 8},
    Bar{"2", "absent key, four runs + memtable, to LMDB",
        "hot-100/four-runs-memtable/absent", kBoth, kSeries, "lmdb", 4},
    Bar{"2", "MultiGet(32), 100 B", "hot-100/multiget", kBoth, kPeer, "", 9},
    Bar{"3", "two threads : one, 100 B, random", "hot-100/scaling/uniform",
        kAll, kNothing, "", 1.9},
    Bar{"3", "two threads : one, 100 B, one page", "hot-100/scaling/page", kAll,
        kNothing, "", 1.9},
    Bar{"3", "two threads : one, 100 B, one key", "hot-100/scaling/key", kAll,
        kNothing, "", 1.9},
    Bar{"3", "two threads : one, 1 KiB, random, pinned",
        "hot-1k/scaling/uniform", kAll, kNothing, "", 1.9},
    Bar{"3", "two threads : one, 1 KiB, one page, pinned",
        "hot-1k/scaling/page", kAll, kNothing, "", 1.9},
    Bar{"3", "two threads : one, 1 KiB, one key, pinned", "hot-1k/scaling/key",
        kAll, kNothing, "", 1.9},
    Bar{"3", "two threads : one, 1 KiB, one key, copied",
        "hot-1k/scaling/key-copy", kAll, kNothing, "", 1.9},
    Bar{"4", "cold Get, 100 B, device at depth 1", "cold-100/get-miss", kDirect,
        kSeries, kDevice, 0.9},
    Bar{"4", "cold MultiGet, 100 B, device at depth 32",
        "cold-100/multiget32-miss", kDirect, kSeries, kDevice, 0.85},
    Bar{"4", "cold Gets, 32 under way, 100 B, device at depth 32",
        "cold-100/async32-miss", kDirect, kSeries, kDevice, 0.85},
    Bar{"4", "cold Gets, 32 under way, 100 B", "cold-100/async32", kDirect,
        kPeer, "", 5},
    Bar{"4", "CPU per miss, 32 Gets under way, 100 B, to fio",
        "cold-100/async32-cpu", kDirect, kSeries, kDevice, 1.3, true},
    Bar{"4", "cold MultiGet(32), 100 B", "cold-100/multiget32", kDirect, kPeer,
        "", 5},
    Bar{"4", "device reads per record not cached, 100 B",
        "cold-100/multiget32-miss-reads", kDirect, kNothing, "", 1.05, true},
    Bar{"4", "CPU per miss, Get, 100 B, to fio", "cold-100/get-cpu", kDirect,
        kSeries, kDevice, 1.3, true},
    Bar{"4", "CPU per miss, MultiGet(32), 100 B, to fio",
        "cold-100/multiget32-cpu", kDirect, kSeries, kDevice, 1.3, true},
    Bar{"4", "cold Get, zipf 0.99, 100 B", "cold-100/zipf", kDirect, kPeer, "",
        1.6},
    Bar{"4", "cold Get, 1 KiB, device at depth 1", "cold-1k/get-miss", kDirect,
        kSeries, kDevice, 0.9},
    Bar{"4", "cold MultiGet, 1 KiB, device at depth 32",
        "cold-1k/multiget32-miss", kDirect, kSeries, kDevice, 0.85},
    Bar{"4", "cold Gets, 32 under way, 1 KiB, device at depth 32",
        "cold-1k/async32-miss", kDirect, kSeries, kDevice, 0.85},
    Bar{"4", "cold Gets, 32 under way, 1 KiB", "cold-1k/async32", kDirect,
        kPeer, "", 5},
    Bar{"4", "CPU per miss, 32 Gets under way, 1 KiB, to fio",
        "cold-1k/async32-cpu", kDirect, kSeries, kDevice, 1.3, true},
    Bar{"4", "cold MultiGet(32), 1 KiB", "cold-1k/multiget32", kDirect, kPeer,
        "", 5},
    Bar{"4", "device reads per record not cached, 1 KiB",
        "cold-1k/multiget32-miss-reads", kDirect, kNothing, "", 1.05, true},
    Bar{"4", "CPU per miss, Get, 1 KiB, to fio", "cold-1k/get-cpu", kDirect,
        kSeries, kDevice, 1.3, true},
    Bar{"4", "CPU per miss, MultiGet(32), 1 KiB, to fio",
        "cold-1k/multiget32-cpu", kDirect, kSeries, kDevice, 1.3, true},
    Bar{"4", "cold Get, zipf 0.99, 1 KiB", "cold-1k/zipf", kDirect, kPeer, "",
        1.6},
    Bar{"5", "scan forward, hot, 100 B, compacted", "hot-100/scan-forward",
        kBoth, kPeer, "", 2},
    Bar{"5", "scan in reverse, hot, 100 B, compacted", "hot-100/scan-reverse",
        kBoth, kPeer, "", 1.5},
    Bar{"5", "scan forward, hot, 100 B, as loaded",
        "hot-100/loaded/scan-forward", kAll, kPeer, "", 1},
    Bar{"5", "scan forward, hot, 1 KiB, compacted", "hot-1k/scan-forward",
        kBoth, kPeer, "", 2},
    Bar{"5", "scan in reverse, hot, 1 KiB, compacted", "hot-1k/scan-reverse",
        kBoth, kPeer, "", 1.5},
    Bar{"5", "scan forward, hot, 1 KiB, as loaded",
        "hot-1k/loaded/scan-forward", kAll, kPeer, "", 1},
    Bar{"5", "scan, cold, 100 B, device's sequential rate",
        "cold-100/scan-rate", kDirect, kSeries, kDevice, 0.9},
    Bar{"5", "scan, cold, 1 KiB, device's sequential rate", "cold-1k/scan-rate",
        kDirect, kSeries, kDevice, 0.9},
    Bar{"5", "hits that a scan leaves, 100 B", "cold-100/hits-kept", kDirect,
        kNothing, "", 0.9},
    Bar{"5", "hits that a scan leaves, 1 KiB", "cold-1k/hits-kept", kDirect,
        kNothing, "", 0.9},
    Bar{"6", "fillrandom, batches of 100, to LevelDB", "writes/fillrandom",
        kQuire, kSeries, "leveldb", 4},
    Bar{"6", "fillseq, batches of 100, to LevelDB", "writes/fillseq", kQuire,
        kSeries, "leveldb", 4},
    Bar{"6", "fillsync, to one sync of the device", "writes/fillsync", kQuire,
        kSeries, kDevice, 1.1, true},
    Bar{"6", "sustained writes, longest call, ms", "writes/longest-call",
        kQuire, kNothing, "", 100, true},
};

}  // namespace

std::span<const Bar> Bars() { return kBars; }

}  // namespace quire::benchmarks
