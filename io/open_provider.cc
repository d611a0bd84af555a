#include "io/open_provider.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "io/aligned_buffer.h"
#include "io/cached_page_provider.h"
#include "io/mmap_page_provider.h"
#include "io/pread_page_provider.h"
#include "io/preadv_engine.h"
#include "io/read_engine.h"
#include "io/uring_engine.h"

namespace quire::io {
namespace {

constexpr uint64_t kProbeBytes = 4096;
constexpr uint32_t kPieceMin = 4096;
constexpr uint32_t kPieceMax = 1 << 20;

absl::Status CheckOptions(const ProviderOptions& options) {
  const uint32_t piece = options.buffered_piece_bytes;
  if (!std::has_single_bit(piece) || piece < kPieceMin || piece > kPieceMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "buffered_piece_bytes is ", piece, ": must be a power of two from ",
        kPieceMin, " to ", kPieceMax));
  }
  const bool cached = options.read_mode == ReadMode::kBuffered ||
                      options.read_mode == ReadMode::kDirect;
  if (cached && options.cache_bytes < piece) {
    return absl::InvalidArgumentError(
        absl::StrCat("cache_bytes is ", options.cache_bytes,
                     ": must hold one piece of ", piece, " bytes"));
  }
  return absl::OkStatus();
}

// A file that the mode can be tried on.
struct ProbeFile {
  std::string path;
  uint64_t size_bytes;
};

// A file in `directory` that isn't empty, if there is one.
absl::StatusOr<ProbeFile> FindProbeFile(FileSystem& file_system,
                                        const std::string& directory) {
  QUIRE_ASSIGN_OR_RETURN(std::vector<std::string> names,
                         file_system.ListDirectory(directory));
  std::sort(names.begin(), names.end());  // the same one each time
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(directory, "/", name);
    const absl::StatusOr<uint64_t> size_bytes = file_system.FileSize(path);
    if (size_bytes.ok() && *size_bytes > 0) return ProbeFile{path, *size_bytes};
  }
  return ProbeFile{"", 0};
}

absl::Status MakeProbeFile(FileSystem& file_system, const std::string& path) {
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file,
                         file_system.CreateFile(path));
  const std::vector<std::byte> bytes(kProbeBytes, std::byte{'Q'});
  QUIRE_RETURN_IF_ERROR(file->WriteAt(0, bytes));
  return file->Close();
}

absl::Status TryDirect(FileSystem& file_system, const ProbeFile& probe) {
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<ReadableFile> file,
                         file_system.OpenFile(probe.path, OpenMode::kDirect));
  if (file->direct_alignment() > AlignedBuffer::kAlignment) {
    return absl::FailedPreconditionError(
        absl::StrCat("O_DIRECT on ", probe.path, " needs an alignment of ",
                     file->direct_alignment(), " bytes; at most ",
                     size_t{AlignedBuffer::kAlignment}, " is supported"));
  }
  // One unit is all that a file of any size has in full or as its end.
  QUIRE_ASSIGN_OR_RETURN(const AlignedBuffer buffer,
                         AlignedBuffer::Create(file->direct_alignment()));
  return file->ReadAt(0, {buffer.data(), file->direct_alignment()});
}

absl::Status TryMmap(FileSystem& file_system, const ProbeFile& probe) {
  const std::unique_ptr<PageProvider> provider =
      NewMmapPageProvider({}, file_system);
  QUIRE_ASSIGN_OR_RETURN(std::unique_ptr<AttachedFile> file,
                         provider->Attach(probe.path, probe.size_bytes));
  ReadRequest request{
      .extent = {file.get(), 0, std::min(probe.size_bytes, kProbeBytes)},
      .status = absl::OkStatus(),
      .pin = {}};
  provider->Read({&request, 1}, CachePolicy::kPoint);
  request.pin.Reset();
  provider->Detach(std::move(file));
  return request.status;
}

// Whether `status` says something of the mode. A bad place, a file that
// somebody cuts, removes or keeps for themselves says something of that file.
bool IsRefusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) ||
         absl::IsInvalidArgument(status) || absl::IsResourceExhausted(status);
}

// What trying a mode came to. An error: the directory can't be used at all.
struct Verdict {
  absl::Status refusal;  // OK: the mode works, as far as could be seen
  std::string untried;   // why it could not be tried; empty if it was
};

absl::StatusOr<Verdict> TryMode(ReadMode mode, FileSystem& file_system,
                                const std::string& directory) {
  // The others need nothing that a file system might refuse.
  if (mode != ReadMode::kDirect && mode != ReadMode::kMmap) return Verdict{};
  QUIRE_ASSIGN_OR_RETURN(ProbeFile probe,
                         FindProbeFile(file_system, directory));
  const bool make = probe.path.empty();
  if (make) {
    static std::atomic<uint64_t> next_probe = 0;
    probe = {absl::StrCat(directory, "/quire-probe-", getpid(), "-",
                          // Relaxed: only distinct numbers are needed.
                          next_probe.fetch_add(1, std::memory_order_relaxed)),
             kProbeBytes};
  }
  absl::Cleanup remove = [&] {
    // The mode's verdict stands even if the file stays.
    if (make) file_system.RemoveFile(probe.path).IgnoreError();
  };
  if (make) {
    const absl::Status made = MakeProbeFile(file_system, probe.path);
    if (!made.ok()) {
      return Verdict{.refusal = absl::OkStatus(),
                     .untried = absl::StrCat("not tried: ", made.message())};
    }
  }
  absl::Status status = mode == ReadMode::kDirect
                            ? TryDirect(file_system, probe)
                            : TryMmap(file_system, probe);
  if (status.ok() || IsRefusal(status)) {
    return Verdict{.refusal = std::move(status), .untried = ""};
  }
  return Verdict{.refusal = absl::OkStatus(),
                 .untried = absl::StrCat("not tried: ", status.message())};
}

// What may be behind a refusal of io_uring, for the message.
std::string UringHint() {
  std::ifstream sysctl("/proc/sys/kernel/io_uring_disabled");
  std::string value;
  if (sysctl >> value && value != "0") {
    return absl::StrCat("the sysctl kernel.io_uring_disabled is ", value);
  }
  return "a seccomp filter, as containers have, or a limit may be the reason";
}

struct OpenedEngine {
  std::unique_ptr<ReadEngine> engine;
  IoEngine kind;
  std::string reason;
};

absl::StatusOr<OpenedEngine> OpenEngine(const ProviderOptions& options) {
  std::string reason;
  if (options.io_engine == IoEngine::kIoUring) {
    absl::StatusOr<std::unique_ptr<ReadEngine>> engine = MakeUringEngine();
    if (engine.ok()) {
      return OpenedEngine{*std::move(engine), IoEngine::kIoUring, ""};
    }
    reason = absl::StrCat("io_uring refused: ", engine.status().message(), "; ",
                          UringHint());
    if (options.io_engine_policy == ProviderPolicy::kRequire) {
      return absl::FailedPreconditionError(reason);
    }
  }
  return OpenedEngine{MakePreadvEngine(), IoEngine::kPreadv, std::move(reason)};
}

// Builds the provider for opened.effective_mode and fills the rest in.
absl::Status Build(const ProviderOptions& options, FileSystem& file_system,
                   OpenedProvider& opened) {
  QUIRE_ASSIGN_OR_RETURN(OpenedEngine engine, OpenEngine(options));
  opened.effective_engine = engine.kind;
  opened.engine_reason = std::move(engine.reason);
  const ReadEngine& made = *engine.engine;  // the provider will own it
  if (opened.effective_mode == ReadMode::kMmap) {
    opened.provider =
        NewMmapPageProvider({.max_open_files = options.max_open_files},
                            file_system, std::move(engine.engine));
  } else if (opened.effective_mode == ReadMode::kPread) {
    opened.provider = NewPreadPageProvider(
        file_system, std::move(engine.engine), options.max_open_files);
  } else {
    const CachedProviderOptions cached{
        .open_mode = opened.effective_mode == ReadMode::kDirect
                         ? OpenMode::kDirect
                         : OpenMode::kBuffered,
        .cache_bytes = options.cache_bytes,
        .piece_bytes = options.buffered_piece_bytes,
        .max_open_files = options.max_open_files};
    QUIRE_ASSIGN_OR_RETURN(
        opened.provider,
        NewCachedPageProvider(cached, file_system, std::move(engine.engine)));
  }
  // Now that it knows the provider's memory.
  opened.engine_description = made.Description();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<OpenedProvider> OpenProvider(const ProviderOptions& options,
                                            FileSystem& file_system,
                                            const std::string& directory) {
  QUIRE_RETURN_IF_ERROR(CheckOptions(options));
  QUIRE_ASSIGN_OR_RETURN(Verdict verdict,
                         TryMode(options.read_mode, file_system, directory));
  OpenedProvider opened{.provider = nullptr,
                        .effective_mode = options.read_mode,
                        .effective_engine = options.io_engine,
                        .mode_reason = std::move(verdict.untried),
                        .engine_reason = "",
                        .engine_description = ""};
  if (!verdict.refusal.ok()) {
    opened.mode_reason = absl::StrCat(ReadModeName(options.read_mode),
                                      " refused: ", verdict.refusal.message());
    if (options.read_mode_policy == ProviderPolicy::kRequire) {
      return absl::FailedPreconditionError(opened.mode_reason);
    }
    opened.effective_mode = options.read_mode == ReadMode::kDirect
                                ? ReadMode::kBuffered
                                : ReadMode::kPread;
  }
  QUIRE_RETURN_IF_ERROR(Build(options, file_system, opened));
  return opened;
}

const char* ReadModeName(ReadMode mode) {
  switch (mode) {
    case ReadMode::kPread:
      return "pread";
    case ReadMode::kBuffered:
      return "buffered";
    case ReadMode::kMmap:
      return "mmap";
    case ReadMode::kDirect:
      return "direct";
  }
  return "unknown";
}

const char* IoEngineName(IoEngine engine) {
  switch (engine) {
    case IoEngine::kIoUring:
      return "io_uring";
    case IoEngine::kPreadv:
      return "preadv";
  }
  return "unknown";
}

}  // namespace quire::io
