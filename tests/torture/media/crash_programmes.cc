#include "tests/torture/media/crash_programmes.h"

#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/torture/media/child_process.h"
#include "tests/torture/media/judged_life.h"
#include "tests/torture/media/medium.h"
#include "tests/torture/media/oracle.h"
#include "tests/torture/media/writing_life.h"

namespace quire::torture {
namespace {

// Crashes during the recovery from a crash, at most.
constexpr uint64_t kDepth = 3;

constexpr uint64_t kStream = 1 << 20;

// A count: the process had ended by itself.
constexpr const char* kTooLate = "crashes that came too late";

using MakeMedium = std::function<std::unique_ptr<Medium>(std::mt19937_64&)>;

class CrashedLife final : public JudgedLife {
 public:
  CrashedLife(std::string programme, uint64_t seed, const MakeMedium& make,
              Outcome& outcome)
      : JudgedLife(std::move(programme), seed, kStream, outcome),
        medium_(make(random_)) {}

 private:
  std::string MediumFailure() const override { return medium_->failure(); }
  bool MediumMayEnd() const override { return false; }
  std::string Directory() const override { return medium_->directory(); }

  std::string RunRound() override {
    std::string wrong = WriteAndCrash();
    const uint64_t depth = random_() % 2 == 0 ? 0 : random_() % (kDepth + 1);
    for (uint64_t i = 0; i < depth && wrong.empty(); ++i) {
      wrong = RecoverAndCrash(i);
    }
    if (wrong.empty()) wrong = Recover();
    if (wrong.empty() && random_() % 4 == 0) {
      // All that was shown stays, whatever happens next.
      wrong = RecoverAndCrash(kDepth);
      if (wrong.empty()) wrong = Recover();
    }
    if (!wrong.empty()) return wrong;
    for (const Progress::Writer& writer : progress_->writers) {
      outcome_.counts["writes kept"] += writer.acknowledged;
    }
    oracle_.NextRound(round_);
    return "";
  }

  std::string WriteAndCrash() {
    medium_->Arm(random_);
    ChildProcess writer([this] {
      const absl::Status status = WriteAway(path_, round_, {}, *progress_);
      if (status.ok()) return 0;
      if (progress_->Complaint().empty()) {
        progress_->Complain("writing: " + status.ToString());
        return 1;
      }
      return 2;
    });
    Counts acknowledged;
    Counts durable;
    const Blow blow = medium_->Strike(writer, random_, [&] {
      durable = Durable();
      for (size_t i = 0; i < kWriters; ++i) {
        acknowledged[i] = progress_->writers[i].acknowledged;
      }
    });
    SetDurable(durable);
    for (size_t i = 0; i < kWriters; ++i) {
      progress_->writers[i].acknowledged = acknowledged[i];
    }
    if (blow == Blow::kHung) return "writing hangs";
    outcome_.counts[blow == Blow::kHit ? programme_ : kTooLate] += 1;
    CountPromises();
    if (!medium_->failure().empty()) return medium_->failure();
    const std::string complaint = progress_->Complaint();
    if (writer.exit_code() == 1) return blow == Blow::kHit ? "" : complaint;
    if (!complaint.empty()) return complaint;
    return writer.WasKilled() ? "" : writer.HowItFailed();
  }

  void CountPromises() {
    for (const Progress::Writer& writer : progress_->writers) {
      outcome_.counts["writes begun"] += writer.begun;
      outcome_.counts["writes acknowledged"] += writer.acknowledged;
      outcome_.counts["writes acknowledged as durable"] += writer.durable;
    }
  }

  std::string RecoverAndCrash(uint64_t stream) {
    medium_->Arm(random_);
    const Options options = JudgesOptions(stream);
    ChildProcess judge([&] {
      return oracle_.Judge(path_, round_, medium_->crash(), options);
    });
    bool ended = false;
    const Blow blow = medium_->Strike(judge, random_, [&] {
      ended = judge.WaitFor(std::chrono::milliseconds(0));
    });
    if (blow == Blow::kHung) return "opening and reading hang";
    outcome_
        .counts[blow == Blow::kHit ? "crashes during recovery" : kTooLate] += 1;
    if (!medium_->failure().empty()) return medium_->failure();
    const Verdict verdict = oracle_.VerdictOf(judge);
    if (verdict.judged && ended) oracle_.HoldFast();
    return blow == Blow::kHit ? verdict.wrong : verdict.AnythingWrong();
  }

  std::string Recover() {
    return Judge(kDepth + 1, medium_->crash()).AnythingWrong();
  }

  const std::unique_ptr<Medium> medium_;
};

Programme NewProgramme(const std::string& name, const std::string& description,
                       uint64_t bar, const MakeMedium& make) {
  return NewLifeProgramme(
      name, description, bar, [name, make](uint64_t seed, Outcome& outcome) {
        return std::make_unique<CrashedLife>(name, seed, make, outcome);
      });
}

}  // namespace

std::vector<Programme> CrashProgrammes() {
  return {
      NewProgramme("fuse_cuts",
                   "power cuts of a FUSE disk under a writing process", 5000,
                   NewFuseMedium),
      NewProgramme("kills", "a writing process is killed", 5000,
                   [](std::mt19937_64&) { return NewKillMedium(); }),
      NewProgramme(
          "ext4_cuts", "ext4 is shut down under a writing process (root only)",
          1000,
          [](std::mt19937_64&) { return NewLoopMedium(DiskFormat::kExt4); }),
      NewProgramme(
          "xfs_cuts", "xfs is shut down under a writing process (root only)",
          300,
          [](std::mt19937_64&) { return NewLoopMedium(DiskFormat::kXfs); }),
  };
}

}  // namespace quire::torture
