#include "tests/torture/planted_pages.h"

#include <unistd.h>

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/mutex.h"
#include "io/mmap_page_provider.h"
#include "io/page_provider.h"
#include "tests/torture/dice.h"
#include "tests/torture/memory_disk.h"
#include "tests/torture/session.h"

namespace quire::torture {
namespace {

// Changes one byte of what the nth touch (a Peek, or an extent of a Read) since
// Arm is of. Thread-safe.
class Change {
 public:
  Change(MemoryDisk& disk, uint64_t seed) : disk_(disk), dice_(seed) {}

  void Arm(uint64_t nth) {
    base::MutexLock lock(mu_);
    left_ = nth;
  }
  // Whether there was such a touch.
  bool Disarm() {
    base::MutexLock lock(mu_);
    return std::exchange(left_, 0) == 0;
  }

  void Touch(const io::Extent& extent) {
    base::MutexLock lock(mu_);
    if (left_ == 0 || --left_ > 0) return;
    const auto file =
        disk_.OpenFile(extent.file->path(), io::OpenMode::kBuffered);
    QUIRE_CHECK(file.ok());
    const int memfd = (*file)->descriptor();
    const auto at =
        static_cast<off_t>(extent.offset + dice_.Below(extent.length));
    char byte = 0;
    QUIRE_CHECK(pread(memfd, &byte, 1, at) == 1);
    byte = static_cast<char>(byte ^ (1 + dice_.Below(255)));
    QUIRE_CHECK(pwrite(memfd, &byte, 1, at) == 1);
  }

 private:
  MemoryDisk& disk_;
  base::Mutex mu_;
  Dice dice_ ABSL_GUARDED_BY(mu_);
  uint64_t left_ ABSL_GUARDED_BY(mu_) = 0;
};

class ChangingProvider final : public io::PageProvider {
 public:
  ChangingProvider(Change& change, std::unique_ptr<io::PageProvider> base)
      : change_(change), base_(std::move(base)) {}

  absl::StatusOr<std::unique_ptr<io::AttachedFile>> Attach(
      const std::string& path, uint64_t size_bytes) override {
    return base_->Attach(path, size_bytes);
  }
  void Detach(std::unique_ptr<io::AttachedFile> file) override {
    base_->Detach(std::move(file));
  }
  io::PeekResult Peek(const io::AttachedFile& file, uint64_t offset,
                      uint64_t length) override {
    change_.Touch({&file, offset, length});
    return base_->Peek(file, offset, length);
  }
  void Read(std::span<io::ReadRequest> requests,
            io::CachePolicy policy) override {
    for (const io::ReadRequest& request : requests) {
      change_.Touch(request.extent);
    }
    base_->Read(requests, policy);
  }
  void Hint(std::span<const io::Extent> extents,
            io::CachePolicy policy) override {
    base_->Hint(extents, policy);
  }
  io::ProviderStats Stats() const override { return base_->Stats(); }

 private:
  Change& change_;
  const std::unique_ptr<io::PageProvider> base_;
};

// False if there were fewer touches.
bool ReadWithChange(uint64_t seed, uint64_t nth, Outcome& outcome) {
  MemoryDisk disk;
  disk.expose_descriptors(true);
  Change change(disk, MixBits(seed * 1'000'003 + nth));
  SessionOptions options = {.read_mode = io::ReadMode::kMmap, .seed = seed};
  options.provider_factory = [&](io::FileSystem& file_system,
                                 const std::string&)
      -> absl::StatusOr<std::unique_ptr<io::PageProvider>> {
    return std::make_unique<ChangingProvider>(
        change, io::NewMmapPageProvider({}, file_system));
  };
  Session session(disk, options, [] { return size_t{0}; });
  for (const Step step :
       {Step::kBatch, Step::kLarge, Step::kPut, Step::kFlush, Step::kBatch,
        Step::kPut, Step::kDelete, Step::kFlush}) {
    session.Do(step);
  }
  change.Arm(nth);
  session.set_errors_allowed(true);
  session.Do(Step::kRead);
  const bool changed = change.Disarm();
  session.Drop();
  for (const std::string& failure : session.failures()) {
    outcome.failures.push_back(
        absl::StrCat("--programme=changing_pages --seeds=", seed, ": touch ",
                     nth, ": ", failure));
  }
  return changed;
}

void RunSeed(uint64_t seed, Outcome& outcome) {
  for (uint64_t nth = 1; ReadWithChange(seed, nth, outcome); ++nth) {
    ++outcome.counts["bytes changed"];
    if (outcome.failures.size() >= 5) return;
  }
}

}  // namespace

Programme ChangingPages() {
  return {.name = "changing_pages",
          .description =
              "a byte changes in front of the nth touch of a mapped page",
          .run = RunSeed};
}

}  // namespace quire::torture
