// Judges what a database holds after a crash by what its writers were told.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_ORACLE_H_
#define QUIRE_TESTS_TORTURE_MEDIA_ORACLE_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "kv/options.h"
#include "tests/torture/media/child_process.h"
#include "tests/torture/media/writing_life.h"

namespace quire::torture {

// What happened between the writes and the check.
enum class Crash : uint8_t {
  kProcess,  // all that was acknowledged must be there
  kPower,    // all that was acknowledged as durable
};

struct Verdict {
  std::string wrong = "";    // a broken promise; empty if there is none
  std::string failure = "";  // of the open, a read or the close: its status
  bool judged = false;       // the whole state was read and compared

  // What there is to say where nothing may fail.
  std::string AnythingWrong() const { return wrong.empty() ? failure : wrong; }
};

// Holds the writes of the rounds before. Not thread-safe.
class Oracle {
 public:
  explicit Oracle(Progress& progress) : progress_(progress) {}

  // For a process of its own: opens the database at `path` with `options`,
  // reads all of it and closes it. For each thread the state must be that after
  // a number of its writes between what was promised and what was begun; the
  // numbers are then in Progress::recovered. Returns an exit code.
  int Judge(const std::string& path, const Round& round, Crash crash,
            const Options& options) const;

  // What the process found that did so and has ended. One that was killed by
  // SIGKILL found nothing.
  Verdict VerdictOf(const ChildProcess& judge) const;

  // From now on no state may be older than what the last Check recovered: what
  // an open has shown is there for good.
  void HoldFast();

  // Takes what the last Check recovered as what the next round begins with, and
  // forgets the counts.
  void NextRound(const Round& round);

 private:
  using State = std::map<std::string, std::string>;

  // The state of a thread's keys after `count` of its writes.
  State StateAfter(const Round& round, size_t writer, uint64_t count) const;

  // What is wrong with the keys of a thread, or nothing.
  std::string CheckWriter(const Round& round, Crash crash, size_t writer,
                          const State& found) const;

  Progress& progress_;
  std::array<State, kWriters> bases_;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_ORACLE_H_
