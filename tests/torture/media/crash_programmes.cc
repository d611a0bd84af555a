#include "tests/torture/media/crash_programmes.h"

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/shared_memory.h"
#include "tests/torture/media/child_process.h"
#include "tests/torture/media/medium.h"
#include "tests/torture/media/oracle.h"
#include "tests/torture/media/writing_life.h"

namespace quire::torture {
namespace {

// Crashes of one database before another seed's begins.
constexpr uint64_t kRounds = 10;

// Crashes during the recovery from a crash, at most.
constexpr uint64_t kDepth = 3;

constexpr std::chrono::minutes kPatience{2};

// How many numbers of this seed's streams of random numbers are whose.
constexpr uint64_t kCrashStream = 1 << 20;
constexpr uint64_t kJudgeStream = 2 << 20;

using MakeMedium = std::function<std::unique_ptr<Medium>(std::mt19937_64&)>;

// One seed: a database that is written, crashed and judged, round after round.
class CrashedLife {
 public:
  CrashedLife(std::string programme, uint64_t seed, const MakeMedium& make,
              Outcome& outcome)
      : programme_(std::move(programme)),
        seed_(seed),
        random_(SeededRandom({.seed = seed}, kCrashStream)),
        medium_(make(random_)),
        outcome_(outcome) {}

  void Run() {
    if (!medium_->failure().empty()) {
      outcome_.skipped = medium_->failure();
      return;
    }
    path_ = medium_->directory() + "/db";
    for (uint64_t i = 0; i < kRounds; ++i) {
      round_ = {.seed = seed_, .number = i};
      const std::string wrong = RunRound();
      if (wrong.empty()) continue;
      outcome_.failures.push_back(absl::StrCat("--programme=", programme_,
                                               " --seeds=", seed_, ": round ",
                                               i, ": ", wrong));
      return;
    }
  }

 private:
  // What is wrong, or nothing.
  std::string RunRound() {
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
    std::array<uint64_t, kWriters> acknowledged;
    std::array<uint64_t, kWriters> durable;
    const bool may_fail = medium_->Strike(writer, random_, [&] {
      for (size_t i = 0; i < kWriters; ++i) {
        durable[i] = progress_->writers[i].durable;
        acknowledged[i] = progress_->writers[i].acknowledged;
      }
    });
    for (size_t i = 0; i < kWriters; ++i) {
      progress_->writers[i].durable = durable[i];
      progress_->writers[i].acknowledged = acknowledged[i];
    }
    outcome_.counts[programme_] += 1;
    CountPromises();
    if (!medium_->failure().empty()) return medium_->failure();
    const std::string complaint = progress_->Complaint();
    if (writer.exit_code() == 1) return may_fail ? "" : complaint;
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

  Options JudgesOptions(uint64_t stream) const {
    Options options = RandomOptions(round_, kJudgeStream + stream);
    options.create_if_missing = true;
    return options;
  }

  std::string RecoverAndCrash(uint64_t stream) {
    medium_->Arm(random_);
    const Options options = JudgesOptions(stream);
    ChildProcess judge([&] {
      return oracle_.Judge(path_, round_, medium_->crash(), options);
    });
    bool ended = false;
    const bool may_fail = medium_->Strike(judge, random_, [&] {
      ended = judge.WaitFor(std::chrono::milliseconds(0));
    });
    outcome_.counts["crashes during recovery"] += 1;
    if (!medium_->failure().empty()) return medium_->failure();
    const Verdict verdict = oracle_.VerdictOf(judge);
    if (verdict.judged && ended) oracle_.HoldFast();
    return may_fail ? verdict.wrong : verdict.AnythingWrong();
  }

  std::string Recover() {
    const Options options = JudgesOptions(kDepth + 1);
    ChildProcess judge([&] {
      return oracle_.Judge(path_, round_, medium_->crash(), options);
    });
    if (!judge.WaitFor(kPatience)) return "opening and reading hang";
    const Verdict verdict = oracle_.VerdictOf(judge);
    if (verdict.judged) oracle_.HoldFast();
    return verdict.AnythingWrong();
  }

  const std::string programme_;
  const uint64_t seed_;
  std::mt19937_64 random_;
  const std::unique_ptr<Medium> medium_;
  Outcome& outcome_;
  std::string path_;
  Round round_;
  const testing::SharedMemory<Progress> progress_;
  Oracle oracle_{*progress_};
};

Programme NewProgramme(const std::string& name, const std::string& description,
                       uint64_t bar, const MakeMedium& make) {
  Programme programme;
  programme.name = name;
  programme.description = description;
  programme.bars = {{name, bar}};
  programme.run = [name, make](uint64_t seed, Outcome& outcome) {
    CrashedLife(name, seed, make, outcome).Run();
  };
  return programme;
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
