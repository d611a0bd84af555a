#include "tests/testing/faulty_page_provider.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace quire::testing {
namespace {

bool Matches(const ReadFault& fault, const io::Extent& extent) {
  return extent.file->path().find(fault.path_contains) != std::string::npos &&
         extent.offset < fault.end &&
         (extent.offset >= fault.begin ||
          fault.begin - extent.offset < extent.length);
}

}  // namespace

FaultyPageProvider::FaultyPageProvider(std::unique_ptr<io::PageProvider> base)
    : base_(std::move(base)) {}

void FaultyPageProvider::Inject(ReadFault fault) {
  QUIRE_CHECK(fault.nth > 0 && !fault.status.ok());
  base::MutexLock lock(mu_);
  armed_.push_back({.fault = std::move(fault)});
}

void FaultyPageProvider::Clear() {
  base::MutexLock lock(mu_);
  armed_.clear();
}

uint64_t FaultyPageProvider::injected_count() const {
  base::MutexLock lock(mu_);
  return injected_count_;
}

absl::StatusOr<std::unique_ptr<io::AttachedFile>> FaultyPageProvider::Attach(
    const std::string& path, uint64_t size_bytes) {
  return base_->Attach(path, size_bytes);
}

void FaultyPageProvider::Detach(std::unique_ptr<io::AttachedFile> file) {
  base_->Detach(std::move(file));
}

io::PeekResult FaultyPageProvider::Peek(const io::AttachedFile& file,
                                        uint64_t offset, uint64_t length) {
  {
    base::MutexLock lock(mu_);
    for (const Armed& armed : armed_) {
      if (Matches(armed.fault, {&file, offset, length})) return {};
    }
  }
  return base_->Peek(file, offset, length);
}

std::optional<absl::Status> FaultyPageProvider::Begin(
    const io::Extent& extent) {
  base::MutexLock lock(mu_);
  std::optional<absl::Status> status;
  for (Armed& armed : armed_) {
    const ReadFault& fault = armed.fault;
    if (!Matches(fault, extent)) continue;
    ++armed.seen;
    const bool hit =
        armed.seen == fault.nth || (fault.sticky && armed.seen > fault.nth);
    if (hit && !status) status = fault.status;
  }
  if (status) ++injected_count_;
  return status;
}

void FaultyPageProvider::Read(std::span<io::ReadRequest> requests,
                              io::CachePolicy policy) {
  std::vector<io::ReadRequest*> passed;
  std::vector<io::ReadRequest> rest;
  for (io::ReadRequest& request : requests) {
    if (std::optional<absl::Status> status = Begin(request.extent)) {
      request.pin.Reset();
      request.status = *std::move(status);
    } else {
      passed.push_back(&request);
      rest.push_back(std::move(request));
    }
  }
  base_->Read(rest, policy);
  for (size_t i = 0; i < rest.size(); ++i) *passed[i] = std::move(rest[i]);
}

void FaultyPageProvider::Hint(std::span<const io::Extent> extents,
                              io::CachePolicy policy) {
  base_->Hint(extents, policy);
}

void FaultyPageProvider::Forget(std::span<const io::Extent> extents) {
  base_->Forget(extents);
}

std::string_view FaultyPageProvider::Name() const { return base_->Name(); }

io::ProviderStats FaultyPageProvider::Stats() const { return base_->Stats(); }

}  // namespace quire::testing
