// A page provider that holds whole files in memory: the smallest one that keeps
// all promises of io/page_provider.h but those of the device, as a user might
// write one of their own. It can find pages at once or after a read only, and
// damage and errors can be put into it.

#ifndef QUIRE_TESTS_TESTING_MEMORY_PAGE_PROVIDER_H_
#define QUIRE_TESTS_TESTING_MEMORY_PAGE_PROVIDER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "io/page_provider.h"

namespace quire::testing {

// Each file is read once, at its first Attach, whatever becomes of it later: it
// is sealed. Thread-safe. Must outlive its files and pins.
class MemoryPageProvider final : public io::PageProvider {
 public:
  // What Peek finds.
  enum class Peeking : uint8_t {
    kNothing,   // as under pread
    kAll,       // every page, without marks
    kMayFault,  // every page, which is said to fault (as under mmap)
    kRead,      // pages read with kPoint, with marks (as under a cache)
  };

  explicit MemoryPageProvider(Peeking peeking) : peeking_(peeking) {}

  // Changes this bit, and no other, in memory of every file attached from now
  // on; nothing if the file is shorter.
  void FlipBit(uint64_t offset, int bit);

  // Reads that touch the byte at `offset` fail with Unavailable, the next
  // `count` times.
  void FailReads(uint64_t offset, int count);

  // Reads that touch the byte at `offset` deliver it changed, the next `count`
  // times.
  void GarbleReads(uint64_t offset, int count);

  // Extents asked of Read so far.
  uint64_t extents_read() const {
    return extents_read_.load(std::memory_order_relaxed);  // a statistic
  }
  // Read calls so far.
  uint64_t batches_read() const {
    return batches_read_.load(std::memory_order_relaxed);  // a statistic
  }

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
  io::ProviderStats Stats() const override;

 private:
  class File;

  // The contents of the file at `path`.
  absl::StatusOr<std::span<const std::byte>> Contents(const std::string& path)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReadOne(io::ReadRequest& request, io::CachePolicy policy);

  // The next reads of one byte that go wrong.
  struct Trap {
    uint64_t offset = 0;
    int count = 0;
    bool Springs(const io::Extent& extent);
  };

  const Peeking peeking_;
  std::atomic<uint64_t> extents_read_{0};
  std::atomic<uint64_t> batches_read_{0};

  base::Mutex mu_;
  std::map<std::string, std::vector<std::byte>> contents_
      ABSL_GUARDED_BY(mu_);  // by path
  uint64_t flip_offset_ ABSL_GUARDED_BY(mu_) = 0;
  std::byte flip_mask_ ABSL_GUARDED_BY(mu_){0};
  Trap fail_ ABSL_GUARDED_BY(mu_);
  Trap garble_ ABSL_GUARDED_BY(mu_);
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_TESTING_MEMORY_PAGE_PROVIDER_H_
