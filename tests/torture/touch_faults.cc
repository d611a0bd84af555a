#include "tests/torture/touch_faults.h"

#include <span>
#include <utility>

#include "absl/status/statusor.h"

namespace quire::torture {

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
    faults_.Touch(file, offset);
    return base_->Peek(file, offset, length);
  }
  void Read(std::span<io::ReadRequest> requests,
            io::CachePolicy policy) override {
    for (const io::ReadRequest& request : requests) {
      faults_.Touch(*request.extent.file, request.extent.offset);
    }
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
  for (const std::string& path : cut_) disk_.MendDescriptor(path);
  cut_.clear();
}

void TouchFaults::Touch(const io::AttachedFile& file, uint64_t offset) {
  base::MutexLock lock(mu_);
  if (nth_ == 0) return;
  if (!sticky_) Mend();
  ++seen_;
  if (seen_ < nth_ || (seen_ > nth_ && !sticky_)) return;
  ++failed_;
  cut_.insert(file.path());
  disk_.CutDescriptor(file.path(), offset / 4096 * 4096);
}

std::unique_ptr<io::PageProvider> TouchFaults::Wrap(
    std::unique_ptr<io::PageProvider> base) {
  return std::make_unique<Provider>(*this, std::move(base));
}

}  // namespace quire::torture
