#include "kv/internal/obsolete_files.h"

#include <utility>

namespace quire::kv_internal {

ObsoleteFiles::Hold::Hold(ObsoleteFiles& files) : files_(files) {
  base::MutexLock lock(files_.mu_);
  ++files_.holds_;
}

ObsoleteFiles::Hold::~Hold() {
  base::MutexLock lock(files_.mu_);
  --files_.holds_;
}

void ObsoleteFiles::Add(std::string path) {
  base::MutexLock lock(mu_);
  queued_.push_back(std::move(path));
}

void ObsoleteFiles::RemoveQueued(io::FileSystem& file_system) {
  // Under the lock, so that a Hold taken meanwhile waits for the removals.
  base::MutexLock lock(mu_);
  if (holds_ > 0) return;
  for (const std::string& path : queued_) {
    file_system.RemoveFile(path).IgnoreError();
  }
  queued_.clear();
}

}  // namespace quire::kv_internal
