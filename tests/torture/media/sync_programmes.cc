#include "tests/torture/media/sync_programmes.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/torture/media/child_process.h"
#include "tests/torture/media/failing_medium.h"
#include "tests/torture/media/judged_life.h"
#include "tests/torture/media/loop_mount.h"
#include "tests/torture/media/oracle.h"
#include "tests/torture/media/writing_life.h"

namespace quire::torture {
namespace {

constexpr uint64_t kStream = 3 << 20;

// Of each thread, where not every fault ends the writing; else as many as in
// other lives.
constexpr uint64_t kBatches = 200;

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
      const Verdict verdict =
          Judge(0, medium_->KeepsPages() ? Crash::kProcess : Crash::kPower);
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
      LifeLimits limits = {.stop_at_error = false,
                           .gives_up = medium_->GivesUp()};
      if (!limits.gives_up) limits.batches = kBatches;
      const absl::Status status = WriteAway(path_, round_, limits, *progress_);
      if (!status.ok() && !medium_->IsError()) {
        progress_->Complain("for no reason: " + status.ToString());
      }
      if (!status.ok() && !absl::IsResourceExhausted(status) &&
          !medium_->MayRefuse()) {
        progress_->Complain("refused for good: " + status.ToString());
      }
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
                   NewFailingSyncs),
      NewProgramme("failed_writes",
                   "a write fails, lacks space or is short, on a FUSE disk",
                   1000, NewFailingWrites),
      NewProgramme("ext4_block_failures",
                   "writes of blocks fail beneath ext4 (root only)", 300,
                   [] { return NewFailingBlocks(DiskFormat::kExt4); }),
      NewProgramme("xfs_block_failures",
                   "writes of blocks fail beneath xfs (root only)", 100,
                   [] { return NewFailingBlocks(DiskFormat::kXfs); }),
  };
}

}  // namespace quire::torture
