// What the device alone can do, by Debian's fio.
#ifndef QUIRE_BENCHMARKS_COMPARE_FIO_H_
#define QUIRE_BENCHMARKS_COMPARE_FIO_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quire::benchmarks {

struct FioResult {
  double ios_per_second = 0;
  double bytes_per_second = 0;
  double cpu_seconds_per_io = 0;
};

// The numbers of the only job in what `fio --output-format=json` printed;
// its reads, or its writes if it read nothing. InvalidArgument for anything
// else.
absl::StatusOr<FioResult> ParseFioOutput(std::string_view output);

// A file that fio reads, beside the stores. Removed with their directory.
class FioFile {
 public:
  // Writes it. FailedPrecondition, saying why, where there is no fio or it
  // fails.
  static absl::StatusOr<FioFile> Create(const std::string& directory,
                                        uint64_t bytes);

  // 4 KiB at random places, O_DIRECT, io_uring, `depth` at a time.
  absl::StatusOr<FioResult> RandomReads(size_t depth, double seconds) const;

  // 1 MiB after the other, O_DIRECT, io_uring, four at a time.
  absl::StatusOr<FioResult> SequentialReads(double seconds) const;

  // 4 KiB written over what is there, and fdatasync after each.
  absl::StatusOr<FioResult> SyncedWrites(double seconds) const;

 private:
  FioFile(std::string path, uint64_t bytes)
      : path_(std::move(path)), bytes_(bytes) {}

  absl::StatusOr<FioResult> Run(const std::string& flags, double seconds) const;

  std::string path_;
  uint64_t bytes_;
};

}  // namespace quire::benchmarks

#endif  // QUIRE_BENCHMARKS_COMPARE_FIO_H_
