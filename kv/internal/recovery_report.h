// What opening a database had to drop or rebuild, for people.
#ifndef QUIRE_KV_INTERNAL_RECOVERY_REPORT_H_
#define QUIRE_KV_INTERNAL_RECOVERY_REPORT_H_

#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace quire::kv_internal {

// Lines of text; empty if there was nothing. Thread-safe.
class RecoveryReport {
 public:
  void Append(std::string_view lines) {
    base::MutexLock lock(mu_);
    text_ += lines;
  }

  void Replace(std::string text) {
    base::MutexLock lock(mu_);
    text_ = std::move(text);
  }

  std::string text() const {
    base::MutexLock lock(mu_);
    return text_;
  }

 private:
  mutable base::Mutex mu_;
  std::string text_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_RECOVERY_REPORT_H_
