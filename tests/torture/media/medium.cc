#include "tests/torture/media/medium.h"

#include <sys/stat.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <thread>

#include "base/check.h"
#include "tests/testing/temp_directory.h"
#include "tests/torture/media/fuse_disk.h"

namespace quire::torture {
namespace {

// A process that takes longer to end by itself hangs.
constexpr std::chrono::minutes kPatience{2};

// From 1 to `most`, small numbers more often.
uint64_t SomeSmallNumber(std::mt19937_64& random, double most) {
  const double share = static_cast<double>(random() % 10000) / 10000;
  return static_cast<uint64_t>(std::pow(most, share));
}

void WaitAWhile(std::mt19937_64& random) {
  // Not a wait for anything: the moment to crash at.
  const uint64_t most = uint64_t{5000} << random() % 6;
  std::this_thread::sleep_for(std::chrono::microseconds(random() % most));
}

class KillMedium final : public Medium {
 public:
  std::string failure() const override { return ""; }
  std::string directory() const override { return directory_.path(); }
  Crash crash() const override { return Crash::kProcess; }
  Blow Strike(ChildProcess& process, std::mt19937_64& random,
              const std::function<void()>& last_look) override {
    WaitAWhile(random);
    process.Kill();
    last_look();
    return process.WasKilled() ? Blow::kHit : Blow::kMissed;
  }

 private:
  const testing::TempDirectory directory_;
};

class FuseMedium final : public Medium {
 public:
  explicit FuseMedium(std::mt19937_64& random)
      : disk_(directory_.path(),
              random() % 2 == 0 ? Naming::kStrict : Naming::kJournal) {}

  std::string failure() const override { return disk_.failure(); }
  std::string directory() const override { return disk_.path(); }
  Crash crash() const override { return Crash::kPower; }

  void Arm(std::mt19937_64& random) override {
    disk_.PowerOff(SomeSmallNumber(random, 1500));
  }

  Blow Strike(ChildProcess& process, std::mt19937_64& random,
              const std::function<void()>& last_look) override {
    const bool ended = process.WaitFor(kPatience);
    process.Kill();
    last_look();
    const bool was_off = disk_.Counts().power_is_off;
    disk_.PowerOff(0);
    disk_.Cut({.seed = random(),
               .keep_percent = static_cast<uint32_t>(random() % 5 * 25),
               .granule_bytes = random() % 2 == 0 ? 512u : 4096u});
    if (!ended) return Blow::kHung;
    return was_off ? Blow::kHit : Blow::kMissed;
  }

 private:
  const testing::TempDirectory directory_;
  FuseDisk disk_;
};

class LoopMedium final : public Medium {
 public:
  explicit LoopMedium(DiskFormat format) {
    QUIRE_CHECK(mkdir(directory_.File("mount").c_str(), 0700) == 0);
    mount_ = std::make_unique<LoopMount>(directory_.File("image"),
                                         directory_.File("mount"), format);
  }

  std::string failure() const override { return mount_->failure(); }
  std::string directory() const override { return mount_->path(); }
  Crash crash() const override { return Crash::kPower; }

  Blow Strike(ChildProcess& process, std::mt19937_64& random,
              const std::function<void()>& last_look) override {
    WaitAWhile(random);
    last_look();
    const bool missed = process.WaitFor(std::chrono::milliseconds(0));
    mount_->Shutdown();
    const bool ended = process.WaitFor(kPatience);
    process.Kill();
    mount_->Remount();
    if (!ended) return Blow::kHung;
    return missed ? Blow::kMissed : Blow::kHit;
  }

 private:
  const testing::TempDirectory directory_;
  std::unique_ptr<LoopMount> mount_;
};

}  // namespace

std::unique_ptr<Medium> NewKillMedium() {
  return std::make_unique<KillMedium>();
}

std::unique_ptr<Medium> NewFuseMedium(std::mt19937_64& random) {
  return std::make_unique<FuseMedium>(random);
}

std::unique_ptr<Medium> NewLoopMedium(DiskFormat format) {
  return std::make_unique<LoopMedium>(format);
}

}  // namespace quire::torture
