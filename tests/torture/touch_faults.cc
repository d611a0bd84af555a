#include "tests/torture/touch_faults.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace quire::torture {
namespace {

constexpr uint64_t kPage = 4096;

}  // namespace

class TouchFaults::Provider final : public io::PageProvider {
 public:
  Provider(TouchFaults& faults, std::unique_ptr<io::PageProvider> base)
      : faults_(faults), base_(std::move(base)) {}

  absl::StatusOr<std::unique_ptr<io::AttachedFile>> Attach(
      const std::string& path, uint64_t size_bytes) override {
    return base_->Attach(path, size_bytes);
  }
  void Detach(std::unique_ptr<io::AttachedFile> file) override {
    base_->Detach(std::move(file));
  }
  io::PeekResult Peek(const io::AttachedFile& file, uint64_t offset,
                      uint64_t length) override {
    const io::Extent extent = {&file, offset, length};
    faults_.Touch({&extent, 1});
    return base_->Peek(file, offset, length);
  }
  void Read(std::span<io::ReadRequest> requests,
            io::CachePolicy policy) override {
    std::vector<io::Extent> extents;
    for (const io::ReadRequest& request : requests) {
      extents.push_back(request.extent);
    }
    faults_.Touch(extents);
    base_->Read(requests, policy);
  }
  void Hint(std::span<const io::Extent> extents,
            io::CachePolicy policy) override {
    base_->Hint(extents, policy);
  }
  io::ProviderStats Stats() const override { return base_->Stats(); }

 private:
  TouchFaults& faults_;
  const std::unique_ptr<io::PageProvider> base_;
};

void TouchFaults::Arm(uint64_t nth, bool sticky) {
  base::MutexLock lock(mu_);
  nth_ = nth;
  sticky_ = sticky;
  seen_ = 0;
  failed_ = 0;
}

uint64_t TouchFaults::Disarm() {
  base::MutexLock lock(mu_);
  nth_ = 0;
  Mend();
  return failed_;
}

void TouchFaults::Mend() {
  for (const auto& [path, size] : cut_) disk_.MendDescriptor(path);
  cut_.clear();
}

void TouchFaults::Touch(std::span<const io::Extent> extents) {
  base::MutexLock lock(mu_);
  if (nth_ == 0) return;
  if (!sticky_) Mend();
  for (const io::Extent& extent : extents) {
    if (extent.length == 0) continue;
    const uint64_t first = extent.offset / kPage;
    const uint64_t last = (extent.offset + extent.length - 1) / kPage;
    const uint64_t before = seen_;
    seen_ += last - first + 1;
    if (seen_ < nth_ || (before >= nth_ && !sticky_)) continue;
    ++failed_;
    Cut(extent.file->path(),
        (first + (before < nth_ ? nth_ - before - 1 : 0)) * kPage);
  }
}

void TouchFaults::Cut(const std::string& path, uint64_t size) {
  // Never longer than it is: what lies between would be zeros.
  const auto [it, added] = cut_.emplace(path, size);
  it->second = std::min(it->second, size);
  disk_.CutDescriptor(path, it->second);
}

std::unique_ptr<io::PageProvider> TouchFaults::Wrap(
    std::unique_ptr<io::PageProvider> base) {
  return std::make_unique<Provider>(*this, std::move(base));
}

}  // namespace quire::torture
