// A page provider over one file that a fuzzer made up.
#ifndef QUIRE_TESTS_FUZZ_BYTES_PROVIDER_H_
#define QUIRE_TESTS_FUZZ_BYTES_PROVIDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "io/page_provider.h"

namespace quire::testing {

// Whatever path is attached, it is the file of these bytes. One thread.
class BytesProvider final : public io::PageProvider {
 public:
  // What Peek finds.
  enum class Peeking : uint8_t {
    kNothing,   // as under pread
    kAll,       // as under a cache
    kMayFault,  // as under mmap
  };

  // `bytes` must outlive the provider.
  BytesProvider(std::span<const std::byte> bytes, Peeking peeking)
      : bytes_(bytes), peeking_(peeking) {}

  absl::StatusOr<std::unique_ptr<io::AttachedFile>> Attach(
      const std::string& path, uint64_t size_bytes) override;
  void Detach(std::unique_ptr<io::AttachedFile> file) override;
  io::PeekResult Peek(const io::AttachedFile& file, uint64_t offset,
                      uint64_t length) override;
  void Read(std::span<io::ReadRequest> requests,
            io::CachePolicy policy) override;
  void Hint(std::span<const io::Extent>, io::CachePolicy) override {}
  io::ProviderStats Stats() const override { return {}; }

 private:
  const std::span<const std::byte> bytes_;
  const Peeking peeking_;
};

}  // namespace quire::testing

#endif  // QUIRE_TESTS_FUZZ_BYTES_PROVIDER_H_
