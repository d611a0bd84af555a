#include "tests/damage/damage_sweep.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "tests/damage/image.h"
#include "tests/testing/shared_memory.h"

namespace quire::testing {
namespace {

constexpr size_t kTextsKept = 8;
constexpr size_t kTextBytes = 400;

// What a child tells, also after its death. Only one process writes at a time:
// the child while it lives, then the parent.
struct Progress {
  std::atomic<uint64_t> current{0};  // the image being checked
  Answers answers;
  size_t texts = 0;
  std::array<std::array<char, kTextBytes>, kTextsKept> text = {};

  void Note(const std::string& line) {
    if (texts == kTextsKept) return;
    std::strncpy(text[texts++].data(), line.c_str(), kTextBytes - 1);
  }
};

// One child after another over the images of one worker.
class Worker {
 public:
  Worker(const SmallDatabase& database, const DamageList& damages,
         const SweepPart& part, uint64_t first, std::string directory)
      : database_(database),
        damages_(damages),
        part_(part),
        step_(part.stride * static_cast<uint64_t>(part.processes)),
        end_(std::min(part.end, damages.size())),
        directory_(std::move(directory)) {
    progress_->current = first;
  }

  // Starts a child where the last one ended; false if nothing is left.
  bool Start() {
    if (progress_->current >= end_) return false;
    child_ = fork();
    QUIRE_CHECK(child_ >= 0);
    if (child_ == 0) {
      Work();
      _exit(0);
    }
    return true;
  }

  // Waits for the child; counts its death, if it was one.
  void Finish() {
    int status = 0;
    QUIRE_CHECK(waitpid(child_, &status, 0) == child_);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    ++deaths_;
    const uint64_t image = progress_->current;
    progress_->Note(absl::StrCat(
        "death (",
        WIFSIGNALED(status) ? absl::StrCat("signal ", WTERMSIG(status))
                            : absl::StrCat("exit ", WEXITSTATUS(status)),
        "): image ", image, ": ", damages_.At(image).what));
    progress_->current = image + step_;
    std::filesystem::remove_all(directory_);
  }

  void AddTo(SweepResult& result) const {
    result.answers.Add(progress_->answers);
    result.deaths += deaths_;
    for (size_t i = 0; i < progress_->texts; ++i) {
      result.failures.emplace_back(progress_->text[i].data());
    }
  }

 private:
  void Work() {
    // Whoever waits for this process may be killed for an image that hangs.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // A huge page takes longer to clear than most images take to check.
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    Image image(database_, directory_);
    for (uint64_t i = progress_->current; i < end_; i += step_) {
      progress_->current = i;
      const Damage damage = damages_.At(i);
      if (damage.edits.empty()) {
        ++progress_->answers.unchanged;
        continue;
      }
      image.Apply(damage);
      const std::string bad =
          CheckImage(database_, image, damage, part_.how, progress_->answers);
      if (!bad.empty()) {
        progress_->Note(
            absl::StrCat("image ", i, ": ", damage.what, ": ", bad));
      }
      if (part_.how.for_writing) {
        image.RestoreAll();
      } else {
        image.Undo(damage);
      }
    }
    progress_->current = end_;
  }

  const SmallDatabase& database_;
  const DamageList& damages_;
  const SweepPart& part_;
  const uint64_t step_;
  const uint64_t end_;
  const std::string directory_;
  const SharedMemory<Progress> progress_;
  pid_t child_ = 0;
  uint64_t deaths_ = 0;
};

}  // namespace

SweepResult RunSweep(const SmallDatabase& database, const SweepPart& part,
                     const std::string& scratch) {
  const DamageList damages(database, part.kind);
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < part.processes; ++i) {
    workers.push_back(std::make_unique<Worker>(
        database, damages, part,
        part.begin + part.stride * static_cast<uint64_t>(i),
        absl::StrCat(scratch, "/image-", i)));
  }
  std::vector<Worker*> running;
  for (const auto& worker : workers) running.push_back(worker.get());
  while (!running.empty()) {
    std::erase_if(running, [](Worker* worker) { return !worker->Start(); });
    for (Worker* worker : running) worker->Finish();
  }
  SweepResult result;
  for (const auto& worker : workers) worker->AddTo(result);
  return result;
}

}  // namespace quire::testing
