#include "kv/read_session.h"

#include "kv/internal/db_impl.h"

namespace quire {

absl::StatusOr<std::unique_ptr<ReadSession>> ReadSession::Open(
    DB& db, const ReadSessionOptions& options) {
  auto* const impl = dynamic_cast<kv_internal::DbImpl*>(&db);
  if (impl == nullptr) {
    return absl::InvalidArgumentError(
        "read sessions are for databases that DB::Open has opened");
  }
  return impl->NewReadSession(options);
}

}  // namespace quire
