// What programmes have in common that harm a database while a process writes to
// it, and judge what is there afterwards.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_JUDGED_LIFE_H_
#define QUIRE_TESTS_TORTURE_MEDIA_JUDGED_LIFE_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "kv/options.h"
#include "tests/testing/shared_memory.h"
#include "tests/torture/media/child_process.h"
#include "tests/torture/media/oracle.h"
#include "tests/torture/media/writing_life.h"
#include "tests/torture/programme.h"

namespace quire::torture {

// One seed: a database that is written, harmed and judged, round after round.
// Not thread-safe.
class JudgedLife {
 public:
  // `stream` numbers the random numbers that are this kind of life's: the next
  // kStreams of the seed's streams.
  JudgedLife(std::string programme, uint64_t seed, uint64_t stream,
             Outcome& outcome);
  JudgedLife(const JudgedLife&) = delete;
  JudgedLife& operator=(const JudgedLife&) = delete;
  virtual ~JudgedLife() = default;

  static constexpr uint64_t kStreams = 2 << 20;

  // Runs all rounds, or up to the first in which something is wrong.
  void Run();

 protected:
  static constexpr std::chrono::minutes kPatience{2};

  // Why the medium can't be used (any more); empty if it can.
  virtual std::string MediumFailure() const = 0;
  // Whether what is done to the medium may end it; else that is a failure.
  virtual bool MediumMayEnd() const = 0;
  // Where the database may be.
  virtual std::string Directory() const = 0;
  // Writes, harms and judges once. What is wrong, or nothing.
  virtual std::string RunRound() = 0;

  // How many writes of each thread were acknowledged as durable.
  using Counts = std::array<uint64_t, kWriters>;
  Counts Durable() const;
  void SetDurable(const Counts& counts);

  // The options of one of the judges of this round.
  Options JudgesOptions(uint64_t judge) const;

  // Opens and reads the database in a process of its own, which has to end.
  // What it saw is there for good from then on.
  Verdict Judge(uint64_t judge, Crash crash);

  const std::string programme_;
  std::mt19937_64 random_;
  Outcome& outcome_;
  std::string path_;
  Round round_;
  const testing::SharedMemory<Progress> progress_;
  Oracle oracle_{*progress_};

 private:
  const uint64_t stream_;
};

// A programme of such lives, whose bar is a count of its own name.
Programme NewLifeProgramme(
    const std::string& name, const std::string& description, uint64_t bar,
    std::function<std::unique_ptr<JudgedLife>(uint64_t seed, Outcome&)> make);

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_JUDGED_LIFE_H_
