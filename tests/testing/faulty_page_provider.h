// A page provider whose reads fail on order.

#ifndef QUIRE_TESTS_TESTING_FAULTY_PAGE_PROVIDER_H_
#define QUIRE_TESTS_TESTING_FAULTY_PAGE_PROVIDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "io/page_provider.h"

namespace quire::testing {

// Which extents shall fail, and how. They are counted from Inject on.
struct ReadFault {
  // Only extents in files whose path contains this, that touch a byte of
  // [begin, end), are counted and fail.
  std::string path_contains = "";
  uint64_t begin = 0;
  uint64_t end = UINT64_MAX;
  // Which of them fails; 1 is the next one.
  uint64_t nth = 1;
  // Whether all after the nth fail too, until Clear.
  bool sticky = false;
  absl::Status status = absl::UnavailableError("injected");
};

// Passes every call on to another provider, except extents that fail. While
// faults are armed, Peek misses the places that they may hit, so that readers
// come to Read for them. Thread-safe.
class FaultyPageProvider final : public io::PageProvider {
 public:
  explicit FaultyPageProvider(std::unique_ptr<io::PageProvider> base);

  // Arms one more fault. Where several hit one extent, the first armed wins.
  void Inject(ReadFault fault);

  // Disarms all faults.
  void Clear();

  // Extents that a fault made fail.
  uint64_t injected_count() const;

  // PageProvider:
  absl::StatusOr<std::unique_ptr<io::AttachedFile>> Attach(
      const std::string& path, uint64_t size_bytes) override;
  void Detach(std::unique_ptr<io::AttachedFile> file) override;
  io::PeekResult Peek(const io::AttachedFile& file, uint64_t offset,
                      uint64_t length) override;
  void Read(std::span<io::ReadRequest> requests,
            io::CachePolicy policy) override;
  void Hint(std::span<const io::Extent> extents,
            io::CachePolicy policy) override;
  void Forget(std::span<const io::Extent> extents) override;
  std::string_view Name() const override;
  io::ProviderStats Stats() const override;

 private:
  struct Armed {
    ReadFault fault;
    uint64_t seen = 0;  // extents that matched
  };

  // Counts an extent; the status that it shall fail with, if any.
  std::optional<absl::Status> Begin(const io::Extent& extent);

  const std::unique_ptr<io::PageProvider> base_;

  mutable base::Mutex mu_;
  std::vector<Armed> armed_ ABSL_GUARDED_BY(mu_);
  uint64_t injected_count_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TESTING_FAULTY_PAGE_PROVIDER_H_
