// The providers and engines that the conformance tests run over, and what those
// tests share.

#ifndef QUIRE_TESTS_IO_PROVIDER_CASES_H_
#define QUIRE_TESTS_IO_PROVIDER_CASES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "gtest/gtest.h"
#include "io/file_system.h"
#include "io/page_provider.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/temp_directory.h"

namespace quire::io {

// One way to make a provider.
struct ProviderCase {
  std::string name;
  // FailedPrecondition where the machine refuses what it needs.
  std::function<absl::StatusOr<std::unique_ptr<PageProvider>>(FileSystem&)>
      make;
  // Whether files are opened through a FaultyFileSystem that hides descriptors,
  // so that every read is a ReadAt and can be made to fail.
  bool by_read_at = false;
  // What one failed device read may take with it, in bytes: extents farther
  // away from a bad place must be read in any case.
  uint64_t failure_unit = 1;
};

std::ostream& operator<<(std::ostream& out, const ProviderCase& provider_case);

// Every provider with every engine, small caches and decorators among them.
std::vector<ProviderCase> AllProviderCases();

// Those of them that read by ReadAt.
std::vector<ProviderCase> ReadAtProviderCases();

// Those of them that use descriptors.
std::vector<ProviderCase> DescriptorProviderCases();

// For INSTANTIATE_TEST_SUITE_P.
std::string ProviderCaseName(
    const ::testing::TestParamInfo<ProviderCase>& info);

// `size` bytes that differ from place to place and with `seed`.
std::string TestBytes(size_t size, uint64_t seed);

// Extents read as text; each with its own status.
std::vector<absl::StatusOr<std::string>> ReadAll(
    PageProvider& provider, const std::vector<Extent>& extents,
    CachePolicy policy);

// One provider over files of one directory. SetUp skips the test, with the
// reason, where the machine refuses the provider.
class ProviderConformanceTest : public ::testing::TestWithParam<ProviderCase> {
 protected:
  void SetUp() override;
  void TearDown() override;  // detaches what is attached

  // A file with these bytes, attached; stays valid until it is detached.
  const AttachedFile& AttachNew(const std::string& name,
                                std::string_view bytes);

  // Attaches a file that is there. Fails the test if that can't be done.
  const AttachedFile& Attach(const std::string& path, uint64_t size_bytes);

  void Detach(const AttachedFile& file);

  absl::StatusOr<std::string> Read(const AttachedFile& file, uint64_t offset,
                                   uint64_t length,
                                   CachePolicy policy = CachePolicy::kPoint);

  // What Peek finds of a range, copied; empty for a miss.
  std::string Peek(const AttachedFile& file, uint64_t offset, uint64_t length);

  const testing::TempDirectory directory_;
  testing::FaultyFileSystem faulty_;
  FileSystem* file_system_;  // faulty_ or the real one
  std::unique_ptr<PageProvider> provider_;

  ProviderConformanceTest();

 private:
  std::vector<std::unique_ptr<AttachedFile>> attached_;
};

}  // namespace quire::io

#endif  // QUIRE_TESTS_IO_PROVIDER_CASES_H_
