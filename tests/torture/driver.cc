#include "tests/torture/driver.h"

#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "nlohmann/json.hpp"

namespace quire::torture {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr uint64_t kNoSeed = UINT64_MAX;
constexpr int kJobsMax = 64;

// What the processes share. Each number stands for itself alone: relaxed.
struct Shared {
  std::atomic<uint64_t> next_seed{0};
  // Of each job: the seed at work, and when it began (Clock, in ms).
  std::atomic<uint64_t> seeds[kJobsMax];
  std::atomic<uint64_t> starts[kJobsMax];
};

uint64_t NowMs() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(
          Clock::now().time_since_epoch())
          .count());
}

std::string ToLine(uint64_t seed, const Outcome& outcome) {
  return Json{{"seed", seed},
              {"counts", outcome.counts},
              {"failures", outcome.failures},
              {"skipped", outcome.skipped}}
             .dump(-1, ' ', true, Json::error_handler_t::replace) +
         "\n";
}

void WriteAll(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(fd, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) _exit(3);  // the driver is gone
    done += static_cast<size_t>(written);
  }
}

// One child and the pipe from it, on which it writes a line a seed.
struct Job {
  pid_t pid = -1;
  int fd = -1;
  std::string text;  // read and not yet taken
  Clock::time_point began;
  bool hung = false;
};

class Driver {
 public:
  Driver(const Programme& programme, const SeedSet& done,
         Clock::time_point deadline, int jobs)
      : programme_(programme), done_(done), deadline_(deadline), jobs_(jobs) {
    QUIRE_CHECK(jobs >= 1 && jobs <= kJobsMax);
    void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    QUIRE_CHECK(memory != MAP_FAILED);
    shared_ = new (memory) Shared;
  }
  ~Driver() { munmap(shared_, sizeof(Shared)); }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  RunResult Run() {
    for (size_t i = 0; i < jobs_.size(); ++i) Start(i);
    while (Poll()) {
    }
    return std::move(result_);
  }

 private:
  bool MayGoOn() const {
    return Clock::now() < deadline_ && result_.outcome.skipped.empty();
  }

  // A seed that nobody took; kNoSeed if there are none.
  uint64_t TakeSeed() {
    for (;;) {
      const uint64_t seed =
          shared_->next_seed.fetch_add(1, std::memory_order_relaxed);
      if (programme_.seed_count != 0 && seed >= programme_.seed_count) {
        return kNoSeed;
      }
      if (!done_.Contains(seed)) return seed;
    }
  }

  void Start(size_t index) {
    int ends[2];
    QUIRE_CHECK(pipe(ends) == 0);
    Job& job = jobs_[index];
    shared_->seeds[index].store(kNoSeed, std::memory_order_relaxed);
    std::fflush(stdout);
    job = Job();
    job.began = Clock::now();
    job.pid = fork();
    QUIRE_CHECK(job.pid >= 0);
    if (job.pid == 0) {
      close(ends[0]);
      Work(index, ends[1]);
      std::fflush(stdout);
      _exit(0);
    }
    close(ends[1]);
    job.fd = ends[0];
  }

  // What a child does.
  void Work(size_t index, int fd) {
    signal(SIGPIPE, SIG_IGN);
    while (Clock::now() < deadline_) {
      const uint64_t seed = TakeSeed();
      if (seed == kNoSeed) return;
      shared_->starts[index].store(NowMs(), std::memory_order_relaxed);
      shared_->seeds[index].store(seed, std::memory_order_relaxed);
      Outcome outcome;
      programme_.run(seed, outcome);
      WriteAll(fd, ToLine(seed, outcome));
      shared_->seeds[index].store(kNoSeed, std::memory_order_relaxed);
      if (!outcome.skipped.empty()) return;
    }
  }

  // Waits for something to happen; false once no job is left.
  bool Poll() {
    std::vector<pollfd> fds;
    std::vector<size_t> indices;
    for (size_t i = 0; i < jobs_.size(); ++i) {
      if (jobs_[i].fd < 0) continue;
      fds.push_back({.fd = jobs_[i].fd, .events = POLLIN, .revents = 0});
      indices.push_back(i);
    }
    if (fds.empty()) return false;
    poll(fds.data(), fds.size(), 1000);
    for (size_t i = 0; i < fds.size(); ++i) {
      if (fds[i].revents != 0) {
        Receive(indices[i]);
      } else {
        KillIfHung(indices[i]);
      }
    }
    return true;
  }

  void KillIfHung(size_t index) {
    const uint64_t seed = shared_->seeds[index].load(std::memory_order_relaxed);
    const uint64_t start =
        shared_->starts[index].load(std::memory_order_relaxed);
    if (seed == kNoSeed || NowMs() < start + 1000 * programme_.seconds_max) {
      return;
    }
    jobs_[index].hung = true;
    kill(jobs_[index].pid, SIGKILL);
  }

  void Receive(size_t index) {
    Job& job = jobs_[index];
    char buffer[65536];
    const ssize_t got = read(job.fd, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) return;
    if (got > 0) {
      job.text.append(buffer, static_cast<size_t>(got));
      for (size_t end; (end = job.text.find('\n')) != std::string::npos;) {
        Take(Json::parse(job.text.substr(0, end)));
        job.text.erase(0, end + 1);
      }
      return;
    }
    End(index);
  }

  void Take(const Json& line) {
    Outcome outcome;
    outcome.counts = line.at("counts").get<std::map<std::string, uint64_t>>();
    outcome.failures = line.at("failures").get<std::vector<std::string>>();
    outcome.skipped = line.at("skipped").get<std::string>();
    const uint64_t seed = line.at("seed");
    if (outcome.skipped.empty()) result_.seeds.Add(seed, seed + 1);
    for (const std::string& failure : outcome.failures) {
      std::printf("%s: FAILED %s\n", programme_.name.c_str(), failure.c_str());
    }
    result_.outcome.Add(outcome);
  }

  // The child has closed its pipe.
  void End(size_t index) {
    Job& job = jobs_[index];
    close(job.fd);
    job.fd = -1;
    int status = 0;
    while (waitpid(job.pid, &status, 0) < 0 && errno == EINTR) {
    }
    result_.seconds +=
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                  Clock::now() - job.began)
                                  .count());
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    const uint64_t seed = shared_->seeds[index].load(std::memory_order_relaxed);
    const std::string how =
        job.hung ? absl::StrCat("hung for ", programme_.seconds_max, " s")
        : WIFSIGNALED(status)
            ? absl::StrCat("killed by ", strsignal(WTERMSIG(status)))
            : absl::StrCat("ended with ", WEXITSTATUS(status));
    Outcome outcome;
    outcome.failures.push_back(absl::StrCat("--programme=", programme_.name,
                                            " --seeds=", seed,
                                            ": the process was ", how));
    std::printf("%s: FAILED %s\n", programme_.name.c_str(),
                outcome.failures.front().c_str());
    result_.outcome.Add(outcome);
    if (seed != kNoSeed) result_.seeds.Add(seed, seed + 1);
    if (MayGoOn()) Start(index);
  }

  const Programme& programme_;
  const SeedSet& done_;
  const Clock::time_point deadline_;
  std::vector<Job> jobs_;
  Shared* shared_ = nullptr;
  RunResult result_;
};

}  // namespace

RunResult RunProgramme(const Programme& programme, const SeedSet& done,
                       std::chrono::steady_clock::time_point deadline,
                       int jobs) {
  return Driver(programme, done, deadline, jobs).Run();
}

}  // namespace quire::torture
