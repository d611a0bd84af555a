// Files that the durable manifest no longer names.
#ifndef QUIRE_KV_INTERNAL_OBSOLETE_FILES_H_
#define QUIRE_KV_INTERNAL_OBSOLETE_FILES_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "io/file_system.h"

namespace quire::kv_internal {

// Files are queued by whoever lets go of them last, which may be a reader, and
// removed by the housekeeper, and by merges, which must not outrun that. What
// is not removed before the process ends, the next open for writing removes.
// Thread-safe.
class ObsoleteFiles {
 public:
  // While one exists, no file is removed: take it before the list of files is
  // read, and every file in the list stays. Destroyed before the ObsoleteFiles.
  class Hold {
   public:
    explicit Hold(ObsoleteFiles& files);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    ObsoleteFiles& files_;
  };

  // Queues the file at `path`. REQUIRES: no durable manifest names it, and
  // nothing reads it any more.
  void Add(std::string path);

  // Removes what is queued, unless there is a Hold. A file that can't be
  // removed is forgotten.
  void RemoveQueued(io::FileSystem& file_system);

 private:
  // Held while files are removed, so that a new Hold waits for that, but
  // whoever adds a file doesn't. Taken before mu_.
  base::Mutex removing_;
  base::Mutex mu_;
  int holds_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::string> queued_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_OBSOLETE_FILES_H_
