#include "kv/internal/obsolete_files.h"

#include <utility>

namespace quire::kv_internal {

ObsoleteFiles::Hold::Hold(ObsoleteFiles& files) : files_(files) {
  base::MutexLock no_removal(files_.removing_);
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
  base::MutexLock removing(removing_);
  std::vector<std::string> files;
  {
    base::MutexLock lock(mu_);
    if (holds_ > 0) return;
    files.swap(queued_);
  }
  for (const std::string& path : files) {
    file_system.RemoveFile(path).IgnoreError();
  }
}

}  // namespace quire::kv_internal
