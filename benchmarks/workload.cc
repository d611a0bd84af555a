#include "benchmarks/workload.h"

namespace quire::benchmarks {
namespace {

constexpr size_t kLargeValueBytes = 100'000;

constexpr std::string_view kNoCompression =
    "Quire stores values as they are: there is no compression to measure";

constexpr Workload kWorkloads[] = {
    {.name = "open",
     .meaning = "close and open the database, N/10000 times",
     .run = OpenRepeatedly,
     .num_divisor = 10000,
     .single_threaded = true},
    {.name = "fillseq",
     .meaning = "write N values in key order into a new database",
     .run = WriteSequential,
     .fresh_database = true},
    {.name = "fillbatch",
     .meaning = "as fillseq, in batches of 1000",
     .run = WriteSequential,
     .fresh_database = true,
     .entries_per_batch = 1000},
    {.name = "fillrandom",
     .meaning = "write N values in random order into a new database",
     .run = WriteRandom,
     .fresh_database = true},
    {.name = "overwrite",
     .meaning = "write N values in random order",
     .run = WriteRandom},
    {.name = "fillsync",
     .meaning = "write N/1000 values in random order into a new database, "
                "waiting for the device each time",
     .run = WriteRandom,
     .fresh_database = true,
     .num_divisor = 1000,
     .synced = true},
    {.name = "fill100K",
     .meaning = "write N/1000 values of 100,000 bytes in random order into a "
                "new database",
     .run = WriteRandom,
     .fresh_database = true,
     .num_divisor = 1000,
     .value_size = kLargeValueBytes},
    {.name = "readseq",
     .meaning = "iterate over N entries forward",
     .run = ReadSequential},
    {.name = "readreverse",
     .meaning = "iterate over N entries backward",
     .run = ReadReverse},
    {.name = "readrandom", .meaning = "get N random keys", .run = ReadRandom},
    {.name = "readmissing",
     .meaning = "get N random keys that are absent: a digit is cut off",
     .run = ReadMissing},
    {.name = "seekrandom",
     .meaning = "seek to N random keys, with a new iterator each",
     .run = SeekRandom},
    {.name = "seekordered",
     .meaning = "seek forward by small steps, with one iterator",
     .run = SeekOrdered},
    {.name = "readhot",
     .meaning = "get N random keys out of the first hundredth of all",
     .run = ReadHot},
    {.name = "readrandomsmall",
     .meaning = "get N/1000 random keys",
     .run = ReadRandom,
     .reads_divisor = 1000},
    {.name = "deleteseq",
     .meaning = "delete N keys in order",
     .run = DeleteSequential},
    {.name = "deleterandom",
     .meaning = "delete N random keys",
     .run = DeleteRandom},
    {.name = "readwhilewriting",
     .meaning = "readrandom, with one more thread that writes",
     .run = ReadWhileWriting,
     .writer_beside = true},
    {.name = "compact",
     .meaning = "merge everything into one run, values in key order",
     .run = Compact,
     .single_threaded = true},
    {.name = "crc32c",
     .meaning = "Quire's checksums are XXH3: ask for xxh3",
     .run = nullptr},
    {.name = "snappycomp", .meaning = kNoCompression, .run = nullptr},
    {.name = "snappyuncomp", .meaning = kNoCompression, .run = nullptr},
    {.name = "zstdcomp", .meaning = kNoCompression, .run = nullptr},
    {.name = "zstduncomp", .meaning = kNoCompression, .run = nullptr},
    {.name = "heapprofile",
     .meaning = "no heap profiler is built in",
     .run = nullptr},
    {.name = "stats",
     .meaning = "print the statistics of the database",
     .run = PrintStats,
     .single_threaded = true,
     .prints = true},
    {.name = "sstables",
     .meaning = "print the runs of the database",
     .run = PrintRuns,
     .single_threaded = true,
     .prints = true},
    // Not in LevelDB.
    {.name = "multireadrandom",
     .meaning = "get N random keys by MultiGet, --batch_size at a time",
     .run = MultiReadRandom},
    {.name = "devicesync",
     .meaning = "append what fillsync does to a file beside the database, "
                "syncing it each time: what no store can beat",
     .run = SyncDevice,
     .num_divisor = 1000,
     .single_threaded = true},
    {.name = "xxh3",
     .meaning = "checksum 500 MB, 4096 bytes at a time",
     .run = ChecksumXxh3},
};

}  // namespace

std::span<const Workload> Workloads() { return kWorkloads; }

const Workload* FindWorkload(std::string_view name) {
  for (const Workload& workload : kWorkloads) {
    if (workload.name == name) return &workload;
  }
  return nullptr;
}

}  // namespace quire::benchmarks
