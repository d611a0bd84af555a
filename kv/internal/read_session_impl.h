// The session behind ReadSession::Open.
#ifndef QUIRE_KV_INTERNAL_READ_SESSION_IMPL_H_
#define QUIRE_KV_INTERNAL_READ_SESSION_IMPL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/striped_counter.h"
#include "io/async_reader.h"
#include "io/page_provider.h"
#include "kv/internal/blocked_search.h"
#include "kv/internal/database_core.h"
#include "kv/internal/point_reader.h"
#include "kv/internal/value_sink.h"
#include "kv/internal/view.h"
#include "kv/read_session.h"

namespace quire::kv_internal {

// Keys are looked up in memory when they are submitted, as by MultiGet; those
// that need reading go through the provider's asynchronous reader, `depth` of
// them at a time, each holding the view of its Submit.
class ReadSessionImpl final : public ReadSession {
 public:
  // The references must outlive the session, which counts itself in `sessions`.
  // REQUIRES: 1 <= depth <= 4096.
  ReadSessionImpl(DatabaseCore& core, PointReader& reader,
                  const PointReader::Options& options, uint32_t depth,
                  base::StripedCounter& sessions);
  ~ReadSessionImpl() override;

  void Submit(std::span<const std::string_view> keys,
              std::span<const uint64_t> tags) override;
  size_t Poll(size_t least, std::span<Completion> completions) override;
  size_t outstanding() const override {
    return completed_.size() + waiting_.size() + in_flight_;
  }

 private:
  using Search = BlockedSearch<PinnedSink>;

  // A key that needs reading. The request is the read that it waits for.
  struct Lookup : io::ReadRequest {
    std::string key;
    SharedView view;
    Completion completion;
    std::optional<Search> search;
  };

  // Looks a few keys up in memory.
  void SubmitSome(std::span<const std::string_view> keys,
                  std::span<const uint64_t> tags);
  Lookup& NewLookup();
  // Goes on with a lookup: it is completed, or wants something read.
  void GoOn(Lookup& lookup);
  // Hands what wants to be read to the reader, as far as there is room. Without
  // memory for it the process ends, as without memory for what was read:
  // nobody knows then what is under way.
  void StartReads() noexcept;
  // Takes what was read, and waits for `least` reads.
  void TakeReads(size_t least) noexcept;
  // Gives completions out; returns how many.
  size_t Give(std::span<Completion> completions);

  DatabaseCore& core_;
  PointReader& point_reader_;
  const PointReader::Options options_;
  const size_t depth_;
  base::StripedCounter& sessions_;

  // All lookups there ever were, and those that can be used again.
  std::deque<Lookup> lookups_;
  std::vector<Lookup*> free_;
  std::deque<Lookup*> waiting_;  // want something read
  size_t in_flight_ = 0;         // are with the reader
  std::deque<Completion> completed_;
  // Scratch.
  std::vector<io::ReadRequest*> starting_;
  std::vector<io::ReadRequest*> taken_;
  // Destroyed first: it waits for reads into what the lookups have.
  std::unique_ptr<io::AsyncReader> reader_;
};

}  // namespace quire::kv_internal

#endif  // QUIRE_KV_INTERNAL_READ_SESSION_IMPL_H_
