// Makes hash sections resident after an open.
#ifndef QUIRE_KV_INTERNAL_INDEX_LOADER_H_
#define QUIRE_KV_INTERNAL_INDEX_LOADER_H_

#include <atomic>
#include <thread>

#include "kv/internal/database_core.h"

namespace quire::kv_internal {

// One thread that loads the hash sections of the runs that there are at its
// start, newest first, as far as the memory budget goes, and then ends. Reads
// go through the provider until a section is there, and for good where loading
// fails: a damaged section is an error of the reads that need it.
class IndexLoader {
 public:
  explicit IndexLoader(DatabaseCore& core);
  // Waits for the section being loaded, loads no further one.
  ~IndexLoader();

 private:
  void Load();

  DatabaseCore& core_;
  std::atomic<bool> stop_{false};  // relaxed: a request, publishes nothing
  std::thread thread_;             // last: runs Load as soon as it is made
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_INDEX_LOADER_H_
