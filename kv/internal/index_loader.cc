#include "kv/internal/index_loader.h"

#include <new>

namespace quire::kv_internal {

IndexLoader::IndexLoader(DatabaseCore& core)
    : core_(core), thread_([this] {
        try {
          Load();
        } catch (const std::bad_alloc&) {
          // Probes go on through the provider.
        }
      }) {}

IndexLoader::~IndexLoader() {
  stop_.store(true, std::memory_order_relaxed);
  thread_.join();
}

void IndexLoader::Load() {
  const HeldView view = core_.views.Hold();
  for (const auto& run : view->runs) {
    if (stop_.load(std::memory_order_relaxed)) return;
    TableReader& table = run->table();
    if (core_.IndexBudgetLeft() <
        static_cast<int64_t>(table.hash_section_bytes())) {
      continue;
    }
    table.LoadHashSection().IgnoreError();
  }
}

}  // namespace quire::kv_internal
