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
  // The kernel caches and copies; one system call a read.
  kPread,
  // Pieces are read through the page cache into a cache in user space.
  kBuffered,
  // Files are mapped; copies under a guard that turns SIGBUS into a Status.
  kMmap,
  // O_DIRECT into a cache in user space.
  kDirect,
};

// What to do where the machine refuses what was asked for.
enum class ProviderPolicy : uint8_t {
  // Fail, naming what was refused and why.
  kRequire,
  // Fall back (direct to buffered, mmap to pread, io_uring to preadv) and say
  // so
  // in OpenedProvider.
  kPrefer,
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
  // Memory for cached pages (kBuffered, kDirect), in bytes; rounded up as
  // CachedProviderOptions says. At least one piece.
  uint64_t cache_bytes = 64 << 20;
  // What one miss reads under kBuffered, in bytes: a power of two from 4096 to
  // 1 MiB.
  uint32_t buffered_piece_bytes = 64 << 10;
  // Files that stay open at most; others are opened again when they are read.
  // 0: a quarter of what the process may open (RLIMIT_NOFILE), 16 to 4096.
  // While many threads read, some more may be open for a moment.
  uint32_t max_open_files = 0;
};

struct OpenedProvider {
  std::unique_ptr<PageProvider> provider;
  ReadMode effective_mode;
  IoEngine effective_engine;
  // Why effective_mode isn't what was asked for, or why it could not be tried;
  // empty if it is and was.
  std::string mode_reason;
  // Why effective_engine isn't what was asked for; empty if it is.
  std::string engine_reason;
  // The engine and what it got from the kernel (ReadEngine::Description).
  std::string engine_description;
};

// Tries what was asked for and builds the provider. `file_system` must outlive
// it.
//
// kMmap and kDirect are tried on a file in `directory`: one that is there
// already, else one that is made for it ("quire-probe-...") and removed again.
// Where none can be made (a read-only file system, no space) or the one that is
// there can't be read for a reason of its own (a media error) the mode is taken
// untried, and mode_reason says so. io_uring is tried by making a ring.
//
// Errors: InvalidArgument for options out of range; NotFound if there is no
// such directory; under kRequire FailedPrecondition naming what was refused and
// why; ResourceExhausted without memory for the cache.
absl::StatusOr<OpenedProvider> OpenProvider(const ProviderOptions& options,
                                            FileSystem& file_system,
                                            const std::string& directory);

// "pread", "buffered", "mmap", "direct"; "io_uring", "preadv".
const char* ReadModeName(ReadMode mode);
const char* IoEngineName(IoEngine engine);

}  // namespace quire::io

#endif  // QUIRE_IO_OPEN_PROVIDER_H_
