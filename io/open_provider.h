// Opens the page provider for a read mode and says honestly what it got.
#ifndef QUIRE_IO_OPEN_PROVIDER_H_
#define QUIRE_IO_OPEN_PROVIDER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "io/file_system.h"
#include "io/page_provider.h"

namespace quire::io {

// How a database reads its files. The bytes on disk never depend on it.
enum class ReadMode : uint8_t {
  kPread,     // the kernel caches and copies; one system call a read
  kBuffered,  // pieces read through the page cache into a user-space cache
  kMmap,  // files mapped; copies under a guard that turns SIGBUS into a Status
  kDirect,  // O_DIRECT into a user-space cache
};

// What to do where the machine refuses what was asked for.
enum class ProviderPolicy : uint8_t {
  kRequire,  // fail, naming what was refused and why
  kPrefer,  // fall back (direct -> buffered, mmap -> pread, io_uring -> preadv)
            // and say so in OpenedProvider
};

// How batches of reads reach the kernel.
enum class IoEngine : uint8_t {
  kIoUring,
  kPreadv,
};

struct ProviderOptions {
  ReadMode read_mode = ReadMode::kMmap;
  ProviderPolicy read_mode_policy = ProviderPolicy::kPrefer;
  IoEngine io_engine = IoEngine::kIoUring;
  ProviderPolicy io_engine_policy = ProviderPolicy::kPrefer;
  // Memory for cached pages (buffered, direct), in bytes; rounded up to whole 2
  // MiB. At least one piece.
  uint64_t cache_bytes = 64 << 20;
  // What one miss reads under kBuffered, in bytes: a power of two from 4096 to
  // 1 MiB.
  uint32_t buffered_piece_bytes = 64 << 10;
};

struct OpenedProvider {
  std::unique_ptr<PageProvider> provider;
  ReadMode effective_mode;
  IoEngine effective_engine;  // meaningless under kMmap
  std::string mode_reason;    // why effective_mode is not what was asked for;
                              // empty if it is
  std::string engine_reason;  // likewise
};

// Probes `directory` (a file is created, read under the asked mode and removed,
// unless the directory holds a sealed file to probe with or is read-only) and
// builds the provider. `file_system` must outlive it. Errors: InvalidArgument
// for options out of range; FailedPrecondition naming what was refused, under
// kRequire.
absl::StatusOr<OpenedProvider> OpenProvider(const ProviderOptions& options,
                                            FileSystem& file_system,
                                            const std::string& directory);

// "pread", "buffered", "mmap", "direct"; "io_uring", "preadv".
const char* ReadModeName(ReadMode mode);
const char* IoEngineName(IoEngine engine);

}  // namespace quire::io

#endif  // QUIRE_IO_OPEN_PROVIDER_H_
