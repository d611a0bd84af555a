// What a power loss may leave of a disk.
//
// Bytes are durable once their file was synced, names once their directory was.
// Of what is not, any part may be there, by choice: see Tearing.
#ifndef QUIRE_TESTS_TORTURE_CRASH_MODEL_H_
#define QUIRE_TESTS_TORTURE_CRASH_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tests/torture/disk_image.h"

namespace quire::torture {

// When names become durable.
enum class Naming : uint8_t {
  // As POSIX has it: by the sync of their directory only. Of the changes that
  // are not yet, each is there or isn't, whatever came before it.
  kStrict,
  // As ext4 and xfs do it: changes are in the order in which they were made, so
  // that some first part of them is there. The sync of any directory makes all
  // durable, that of a file all up to its creation.
  kJournal,
};

// Which of the bytes that aren't durable are there, in granules, aligned pieces
// of so many bytes that are there as they were at some time.
enum class Kept : uint8_t {
  kNone,
  kAll,
  kPrefix,     // in the order of writing, over all files, up to some granule
  kSubset,     // each granule or not, or as it was in between
  kAllButOne,  // granule
  kLastWrite,  // only
  kNotFirst,   // all but the first write
  kSparse,     // as kSubset, but files have their whole size: the rest is zeros
};

enum class KeptNames : uint8_t { kNone, kAll, kSome };

struct Tearing {
  const char* name;
  Kept kept;
  uint64_t granule;
  KeptNames names;
};

// All that is tried at each moment. The first is the death of the process
// alone: everything that was handed to the system is there.
std::span<const Tearing> Tearings();

class CrashModel {
 public:
  // The disk as it was when the tape began, all of it durable.
  CrashModel(const DiskTape& tape, Naming naming);

  // Goes on by one operation.
  void Apply(const DiskOp& op);

  // Whether a power loss can leave different things.
  bool HasChoice() const { return !writes_.empty() || !names_.empty(); }

  // What a power loss leaves now. `seed` decides where a tearing leaves a
  // choice. `*fingerprint` is equal for equal results.
  DiskImage Cut(const Tearing& tearing, uint64_t seed,
                uint64_t* fingerprint) const;

 private:
  struct Content {
    SharedBytes bytes;
    uint64_t hash = 0;
  };
  struct Write {
    uint64_t order = 0;
    uint64_t inode = 0;
    uint64_t offset = 0;
    SharedBytes data;

    uint64_t end() const { return offset + data->size(); }
  };
  struct Names {
    std::vector<DiskOp::NameChange> changes;
    bool stuck = false;  // by a failed sync: no later one helps
  };
  using Directories = std::map<uint64_t, std::map<std::string, uint64_t>>;
  struct Choice;

  static void ApplyNames(const Names& names, Directories& directories);
  // Makes names_[index] durable.
  void Promote(size_t index);
  void SyncFile(const DiskOp& op);
  void SyncDirectory(const DiskOp& op);

  Choice Choose(const Tearing& tearing, uint64_t seed) const;
  static bool Includes(const Choice& choice, const Write& write,
                       uint64_t granule);
  Directories CutNames(KeptNames kept, uint64_t seed) const;
  Content CutContent(uint64_t inode, const Choice& choice) const;

  const Naming naming_;
  uint64_t next_order_ = 0;
  std::map<uint64_t, Content> contents_;  // durable, by inode
  Directories directories_;               // durable, by inode
  // Not durable, in order.
  std::vector<Write> writes_;
  std::vector<Names> names_;
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_CRASH_MODEL_H_
