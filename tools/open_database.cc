#include "tools/open_database.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace quire::tools {

void ProviderFlags::Define(FlagSet& flags) {
  flags.AddChoice<ReadMode>("read-mode",
                            "How stored bytes are read; they are the same "
                            "under each mode. Default: mmap.",
                            {{"pread", ReadMode::kPread},
                             {"buffered", ReadMode::kBuffered},
                             {"mmap", ReadMode::kMmap},
                             {"direct", ReadMode::kDirect}},
                            &options_.read_mode);
  flags.AddChoice<IoEngine>(
      "io-engine",
      "How batches of reads reach the kernel, where the "
      "read mode makes any. Default: io_uring.",
      {{"io_uring", IoEngine::kIoUring}, {"preadv", IoEngine::kPreadv}},
      &io_engine_);
  flags.AddSize("cache-size",
                "Memory for cached pages under buffered and direct. Default: "
                "64M.",
                &options_.cache_bytes);
  flags.AddSwitch("require",
                  "Fail where the machine refuses the read mode, or the I/O "
                  "engine if it was given, instead of falling back ('quire "
                  "stat' shows which are in use).",
                  &require_);
}

io::ProviderOptions ProviderFlags::options() const {
  io::ProviderOptions options = options_;
  if (require_) options.read_mode_policy = ProviderPolicy::kRequire;
  if (io_engine_) {
    options.io_engine = *io_engine_;
    if (require_) options.io_engine_policy = ProviderPolicy::kRequire;
  }
  return options;
}

DatabaseFlags::DatabaseFlags(Access access) : access_(access) {
  options_.read_only = access == Access::kRead;
}

void DatabaseFlags::Define(FlagSet& flags) {
  provider_.Define(flags);
  if (access_ == Access::kRead) return;
  flags.AddSize("memtable-size",
                "Bytes written before a run is made of them. Default: 64M.",
                &options_.memtable_bytes);
  if (access_ != Access::kCreate) return;
  flags.AddSwitch("existing",
                  "Fail if there is no database instead of making one.",
                  &existing_);
}

std::unique_ptr<DB> DatabaseFlags::Open(const std::string& path,
                                        Console& console, ExitCode* code) {
  options_.provider = provider_.options();
  options_.create_if_missing = access_ == Access::kCreate && !existing_;
  if (const absl::Status status = options_.Validate(); !status.ok()) {
    console.Error("options", status);
    *code = ExitCode::kUsage;
    return nullptr;
  }
  absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options_, path);
  if (!db.ok()) {
    console.Error("cannot open " + path, db.status());
    *code = ExitCode::kOpen;
    return nullptr;
  }
  return *std::move(db);
}

ExitCode CloseDatabase(DB& db, ExitCode code, Console& console) {
  const absl::Status status = db.Close();
  if (status.ok()) return code;
  console.Error("close", status);
  return code == ExitCode::kOk || code == ExitCode::kNo ? ExitCode::kData
                                                        : code;
}

}  // namespace quire::tools
