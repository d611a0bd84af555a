#include "tests/torture/media/sync_programmes.h"

#include <sys/stat.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "tests/testing/temp_directory.h"
#include "tests/torture/media/child_process.h"
#include "tests/torture/media/fuse_disk.h"
#include "tests/torture/media/judged_life.h"
#include "tests/torture/media/loop_mount.h"
#include "tests/torture/media/oracle.h"
#include "tests/torture/media/writing_life.h"

namespace quire::torture {
namespace {

constexpr uint64_t kStream = 3 << 20;

// Where syncs fail.
class FailingMedium {
 public:
  virtual ~FailingMedium() = default;
  virtual std::string failure() const = 0;
  virtual std::string directory() const = 0;
  virtual void Inject(std::mt19937_64& random) = 0;
  // Whether the fault of the last Inject was met yet.
  virtual bool WasMet() = 0;
  virtual void EndFault() = 0;
  // Whether the file system may give up, until it is mounted again. An open
  // right after the failure may fail then; and a sync that is under way when it
  // gives up may return 0 for what it has just dropped.
  virtual bool GivesUp() const = 0;
  // What the page cache had is gone.
  virtual void DropCaches(std::mt19937_64& random) = 0;
};

// A sync of a file or a directory fails, once. What was to be synced is lost,
// or not durable yet.
class FuseSyncs final : public FailingMedium {
 public:
  std::string failure() const override { return disk_.failure(); }
  std::string directory() const override { return disk_.path(); }
  bool GivesUp() const override { return false; }

  void Inject(std::mt19937_64& random) override {
    before_ = disk_.Counts().injected;
    const bool directory = random() % 5 == 0;
    disk_.Inject({.op = directory ? DiskOp::kSyncDirectory : DiskOp::kSync,
                  .nth = 1 + random() % (directory ? 10 : 60),
                  .count = 1,
                  .lose = !directory && random() % 2 == 0});
  }

  bool WasMet() override { return disk_.Counts().injected > before_; }
  void EndFault() override { disk_.ClearFaults(); }

  void DropCaches(std::mt19937_64& random) override {
    disk_.PowerOff(0);
    disk_.Cut({.seed = random(), .keep_percent = 0});
  }

 private:
  const testing::TempDirectory directory_;
  FuseDisk disk_{directory_.path(), Naming::kStrict};
  uint64_t before_ = 0;
};

// Some writes of blocks fail beneath a real file system.
class BlockFailures final : public FailingMedium {
 public:
  explicit BlockFailures(DiskFormat format) {
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

using MakeMedium = std::function<std::unique_ptr<FailingMedium>()>;

class FailingLife final : public JudgedLife {
 public:
  FailingLife(std::string programme, uint64_t seed, const MakeMedium& make,
              Outcome& outcome)
      : JudgedLife(std::move(programme), seed, kStream, outcome),
        medium_(make()) {}

 private:
  std::string MediumFailure() const override { return medium_->failure(); }
  // The file system itself may not come back from what is done to it.
  bool MediumMayEnd() const override { return true; }
  std::string Directory() const override { return medium_->directory(); }

  std::string RunRound() override {
    std::string wrong = WriteAndFail();
    // At once, with all that the page cache shows.
    if (wrong.empty()) {
      const Verdict verdict = Judge(0, Crash::kPower);
      wrong = medium_->GivesUp() ? verdict.wrong : verdict.AnythingWrong();
    }
    if (!wrong.empty()) return wrong;
    medium_->DropCaches(random_);
    if (!medium_->failure().empty()) return "";
    wrong = Judge(1, Crash::kPower).AnythingWrong();
    if (wrong.empty()) oracle_.NextRound(round_);
    return wrong;
  }

  std::string WriteAndFail() {
    medium_->Inject(random_);
    ChildProcess writer([this] {
      const absl::Status status = WriteAway(
          path_, round_,
          {.stop_at_error = false, .reads_may_fail = medium_->GivesUp()},
          *progress_);
      return status.ok() ? 0 : 1;
    });
    const std::optional<Counts> before = WaitFor(writer);
    if (!before.has_value()) return "writing hangs";
    const bool met = medium_->WasMet();
    medium_->EndFault();
    outcome_.counts[met ? programme_ : "rounds without a failure"] += 1;
    const std::string complaint = progress_->Complaint();
    if (!complaint.empty()) return complaint;
    if (writer.exit_code() == 0) {
      if (met) outcome_.counts["failures that no writer saw"] += 1;
      return "";
    }
    if (writer.exit_code() != 1) return "writing: " + writer.HowItFailed();
    if (!met) return "writing failed without a cause";
    if (medium_->GivesUp()) SetDurable(*before);
    for (const uint64_t count : Durable()) {
      outcome_.counts["writes acknowledged as durable"] += count;
    }
    return "";
  }

  // Waits until the writer has ended. What it had been promised as durable at
  // the last look before the fault was met; nothing if it doesn't end.
  std::optional<Counts> WaitFor(ChildProcess& writer) {
    constexpr std::chrono::milliseconds kBetweenLooks{1};
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    Counts before = Durable();
    while (!writer.WaitFor(kBetweenLooks)) {
      if (std::chrono::steady_clock::now() > deadline) return std::nullopt;
      const Counts now = Durable();
      // In this order: what was promised by then, was before the fault.
      if (!medium_->WasMet()) before = now;
    }
    return before;
  }

  const std::unique_ptr<FailingMedium> medium_;
};

Programme NewProgramme(const std::string& name, const std::string& description,
                       uint64_t bar, const MakeMedium& make) {
  return NewLifeProgramme(
      name, description, bar, [name, make](uint64_t seed, Outcome& outcome) {
        return std::make_unique<FailingLife>(name, seed, make, outcome);
      });
}

}  // namespace

std::vector<Programme> SyncProgrammes() {
  return {
      NewProgramme("failed_syncs", "a sync fails once, on a FUSE disk", 1000,
                   [] { return std::make_unique<FuseSyncs>(); }),
      NewProgramme(
          "ext4_block_failures",
          "writes of blocks fail beneath ext4 (root only)", 300,
          [] { return std::make_unique<BlockFailures>(DiskFormat::kExt4); }),
      NewProgramme(
          "xfs_block_failures", "writes of blocks fail beneath xfs (root only)",
          100,
          [] { return std::make_unique<BlockFailures>(DiskFormat::kXfs); }),
  };
}

}  // namespace quire::torture
