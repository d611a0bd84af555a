// What a database lies on while it is crashed.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_MEDIUM_H_
#define QUIRE_TESTS_TORTURE_MEDIA_MEDIUM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "tests/torture/media/child_process.h"
#include "tests/torture/media/loop_mount.h"
#include "tests/torture/media/oracle.h"

namespace quire::torture {

// What a crash came to.
enum class Blow : uint8_t {
  kHit,     // the process was at work, which explains an I/O error of its
  kMissed,  // it had ended by itself
  kHung,    // it did not end by it; it is killed
};

// Not thread-safe.
class Medium {
 public:
  virtual ~Medium() = default;

  // Why it can't be used (any more); empty if it can.
  virtual std::string failure() const = 0;

  // Where databases may be.
  virtual std::string directory() const = 0;

  // What a process is promised that works on it.
  virtual Crash crash() const = 0;

  // Before a process is made that the crash shall hit.
  virtual void Arm(std::mt19937_64&) {}

  // Crashes at some moment of the process, which ends by it or of itself, and
  // makes the medium usable again. Calls `last_look` at the last moment at
  // which what the process was told is what the medium meant: a shut down ext4
  // lets a sync that was under way return 0 for what it has just dropped, which
  // nobody could have seen had the power gone.
  virtual Blow Strike(ChildProcess& process, std::mt19937_64& random,
                      const std::function<void()>& last_look) = 0;
};

// Processes are killed; the file system lives on.
std::unique_ptr<Medium> NewKillMedium();

// The power of a FUSE disk goes with the nth change that reaches it.
std::unique_ptr<Medium> NewFuseMedium(std::mt19937_64& random);

// A file system on a loop device is shut down at a random moment.
std::unique_ptr<Medium> NewLoopMedium(DiskFormat format);

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_MEDIUM_H_
