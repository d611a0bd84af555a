// Point reads that one thread keeps in flight, many at a time.
//
//   auto session = quire::ReadSession::Open(*db, {});  // StatusOr<unique_ptr>
//   if (!session.ok()) return session.status();
//   (*session)->Submit(keys, tags);
//   std::array<quire::ReadSession::Completion, 32> done;
//   while ((*session)->outstanding() > 0) {
//     const size_t count = (*session)->Poll(/*least=*/1, done);
//     for (size_t i = 0; i < count; ++i) Use(done[i].tag,
//     done[i].value.value());
//     // Submit more, whenever there is more to ask for.
//   }
#ifndef QUIRE_KV_READ_SESSION_H_
#define QUIRE_KV_READ_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kv/db.h"
#include "kv/options.h"
#include "kv/pinned_value.h"

namespace quire {

struct ReadSessionOptions {
  // With a snapshot, every key is read at it, and it must outlive the session;
  // without, at the newest state when it is submitted. `fill_cache` as for Get.
  ReadOptions read;
  // Reads that are in flight at a time, 1 to 4096; further ones wait for their
  // turn. What a device can use differs: 32 to 64 for one thread is much on
  // most.
  uint32_t depth = 64;
};

// Must be gone before the database is closed: Close counts it as outstanding.
// Between Submit and Poll the device works while the thread does something
// else. Where the I/O engine is io_uring nothing else than Poll waits for it;
// elsewhere, and for providers of the user's own, all reads happen in Poll, as
// one batch, and even a Poll for 0 waits for them. Nobody ever waits for what a
// session reads: it may be left alone for as long as one likes, but keeps the
// state that it reads (memory and files) until then. Keys are counted in
// Stats::multiget_keys.
//
// Used by one thread at a time.
class ReadSession {
 public:
  // What came of one key.
  struct Completion {
    // As submitted.
    uint64_t tag = 0;
    // As of DB::Get.
    absl::Status status = absl::OkStatus();
    // The value, if OK; may outlive the session.
    PinnedValue value;
  };

  // Errors: InvalidArgument for a depth out of range; FailedPrecondition if the
  // database is closed, or was opened before a fork.
  static absl::StatusOr<std::unique_ptr<ReadSession>> Open(
      DB& db, const ReadSessionOptions& options);

  // Waits for what the device still does, and drops what wasn't polled.
  virtual ~ReadSession() = default;

  // Asks for keys, each with a number of the caller's choice. Any number of
  // keys, also while others are outstanding; the same key or tag may come more
  // than once. Keys are copied where they are needed later. Doesn't wait for
  // the device (but may have to open a file). REQUIRES: as many tags as keys.
  virtual void Submit(std::span<const std::string_view> keys,
                      std::span<const uint64_t> tags) = 0;

  // Fills completions from the first on with keys that are done, in no order,
  // and returns how many. Waits until there are `least` (0: doesn't wait),
  // completions.size(), or all that are outstanding, whichever is fewest. Each
  // key completes once. Polling for a good part of the depth at a time costs
  // less than for 1.
  virtual size_t Poll(size_t least, std::span<Completion> completions) = 0;

  // Keys that were submitted and that Poll has not given back.
  virtual size_t outstanding() const = 0;
};

}  // namespace quire

#endif  // QUIRE_KV_READ_SESSION_H_
