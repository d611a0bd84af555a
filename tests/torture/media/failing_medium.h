// What a database lies on while syncs and writes fail.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_FAILING_MEDIUM_H_
#define QUIRE_TESTS_TORTURE_MEDIA_FAILING_MEDIUM_H_

#include <memory>
#include <random>
#include <string>

#include "tests/torture/media/loop_mount.h"

namespace quire::torture {

// Not thread-safe.
class FailingMedium {
 public:
  virtual ~FailingMedium() = default;

  // Why it can't be used (any more); empty if it can.
  virtual std::string failure() const = 0;
  virtual std::string directory() const = 0;

  // Lets something that is to come fail, once or a few times.
  virtual void Inject(std::mt19937_64& random) = 0;
  // Whether the fault of the last Inject was met yet.
  virtual bool WasMet() = 0;
  virtual void EndFault() = 0;

  // Whether the file system may give up, until it is mounted again. An open
  // right after the failure may fail then; and a sync that is under way when it
  // gives up may return 0 for what it has just dropped.
  virtual bool GivesUp() const = 0;
  // Whether what was handed to the system before the fault of the last Inject
  // is still seen after it.
  virtual bool KeepsPages() const = 0;
  // Whether the fault of the last Inject is an error to whoever meets it.
  virtual bool IsError() const = 0;
  // Whether writers may be refused from then on.
  virtual bool MayRefuse() const = 0;

  // What the page cache had is gone.
  virtual void DropCaches(std::mt19937_64& random) = 0;
};

// A sync of a file or a directory fails on a FUSE disk, once. What was to be
// synced is lost, or not durable yet.
std::unique_ptr<FailingMedium> NewFailingSyncs();

// A write fails on a FUSE disk: with EIO, at once or behind a part; for want of
// space, up to three times; or up to three of them are short.
std::unique_ptr<FailingMedium> NewFailingWrites();

// One to three writes of blocks fail beneath a real file system.
std::unique_ptr<FailingMedium> NewFailingBlocks(DiskFormat format);

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_FAILING_MEDIUM_H_
