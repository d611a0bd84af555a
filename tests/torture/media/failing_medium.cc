#include "tests/torture/media/failing_medium.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdint>

#include "base/check.h"
#include "tests/testing/temp_directory.h"
#include "tests/torture/media/disk_fault.h"
#include "tests/torture/media/fuse_disk.h"

namespace quire::torture {
namespace {

// Faults of a FUSE disk that the database itself lies on.
class FailingDisk : public FailingMedium {
 public:
  std::string failure() const override { return disk_.failure(); }
  std::string directory() const override { return disk_.path(); }
  bool GivesUp() const override { return false; }
  bool WasMet() override { return disk_.Counts().injected > before_; }
  void EndFault() override { disk_.ClearFaults(); }

  void Inject(std::mt19937_64& random) override {
    before_ = disk_.Counts().injected;
    InjectOn(disk_, random);
  }

  void DropCaches(std::mt19937_64& random) override {
    disk_.PowerOff(0);
    disk_.Cut({.seed = random(), .keep_percent = 0});
  }

 private:
  virtual void InjectOn(FuseDisk& disk, std::mt19937_64& random) = 0;

  const testing::TempDirectory directory_;
  FuseDisk disk_{directory_.path(), Naming::kStrict};
  uint64_t before_ = 0;
};

class FailingSyncs final : public FailingDisk {
 public:
  bool KeepsPages() const override { return !lose_; }
  bool IsError() const override { return true; }
  bool MayRefuse() const override { return true; }

 private:
  void InjectOn(FuseDisk& disk, std::mt19937_64& random) override {
    const bool directory = random() % 5 == 0;
    lose_ = !directory && random() % 2 == 0;
    disk.Inject({.op = directory ? DiskOp::kSyncDirectory : DiskOp::kSync,
                 .nth = 1 + random() % (directory ? 10 : 60),
                 .count = 1,
                 .lose = lose_});
  }

  bool lose_ = false;
};

class FailingWrites final : public FailingDisk {
 public:
  bool KeepsPages() const override { return true; }
  bool IsError() const override { return kind_ != Kind::kShort; }
  bool MayRefuse() const override {
    return kind_ == Kind::kError || kind_ == Kind::kTorn;
  }

 private:
  enum class Kind : uint8_t { kError, kTorn, kNoSpace, kShort };

  void InjectOn(FuseDisk& disk, std::mt19937_64& random) override {
    kind_ = static_cast<Kind>(random() % 4);
    DiskFault fault = {
        .op = DiskOp::kWrite, .nth = 1 + random() % 300, .count = 1};
    // Less than any write of a database, so that each is cut.
    const auto part = static_cast<int64_t>(1 + random() % 64);
    const uint64_t count = 1 + random() % 3;
    switch (kind_) {
      case Kind::kError:
        break;
      case Kind::kTorn:
        disk.Inject({.op = DiskOp::kWrite,
                     .nth = fault.nth,
                     .count = 1,
                     .short_bytes = part});
        ++fault.nth;  // most often the rest of it
        break;
      case Kind::kNoSpace:
        fault.error = ENOSPC;
        fault.count = count;
        break;
      case Kind::kShort:
        fault.short_bytes = part;
        fault.count = count;
        break;
    }
    disk.Inject(fault);
  }

  Kind kind_ = Kind::kError;
};

class FailingBlocks final : public FailingMedium {
 public:
  explicit FailingBlocks(DiskFormat format) {
    QUIRE_CHECK(mkdir(directory_.File("disk").c_str(), 0700) == 0);
    QUIRE_CHECK(mkdir(directory_.File("mount").c_str(), 0700) == 0);
    disk_ =
        std::make_unique<FuseDisk>(directory_.File("disk"), Naming::kJournal);
    if (!disk_->failure().empty()) return;
    mount_ = std::make_unique<LoopMount>(disk_->path() + "/image",
                                         directory_.File("mount"), format);
  }

  std::string failure() const override {
    return mount_ == nullptr ? disk_->failure() : mount_->failure();
  }
  std::string directory() const override { return mount_->path(); }
  bool GivesUp() const override { return true; }
  bool KeepsPages() const override { return false; }
  bool IsError() const override { return true; }
  bool MayRefuse() const override { return true; }

  void Inject(std::mt19937_64& random) override {
    before_ = disk_->Counts().injected;
    disk_->Inject({.op = DiskOp::kWrite,
                   .nth = 1 + random() % 200,
                   .count = 1 + random() % 3});
  }

  bool WasMet() override { return disk_->Counts().injected > before_; }
  void EndFault() override { disk_->ClearFaults(); }

  void DropCaches(std::mt19937_64&) override { mount_->Remount(); }

 private:
  const testing::TempDirectory directory_;
  std::unique_ptr<FuseDisk> disk_;
  std::unique_ptr<LoopMount> mount_;
  uint64_t before_ = 0;
};

}  // namespace

std::unique_ptr<FailingMedium> NewFailingSyncs() {
  return std::make_unique<FailingSyncs>();
}

std::unique_ptr<FailingMedium> NewFailingWrites() {
  return std::make_unique<FailingWrites>();
}

std::unique_ptr<FailingMedium> NewFailingBlocks(DiskFormat format) {
  return std::make_unique<FailingBlocks>(format);
}

}  // namespace quire::torture
