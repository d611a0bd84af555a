// A file system in memory that knows which of its bytes and names would survive
// a power cut, and can take the cut.
//
// Nothing in here knows of FUSE: fuse_server.h puts it beneath the kernel.

#ifndef QUIRE_TESTS_TORTURE_MEDIA_PLATTER_H_
#define QUIRE_TESTS_TORTURE_MEDIA_PLATTER_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quire::torture {

// What makes a name durable.
enum class Naming : uint8_t {
  // Only a sync of its directory, as POSIX has it. Changes that were not synced
  // survive a cut or not, each for itself.
  kStrict,
  // Also a sync of any file or directory, as ext4 and xfs have it: names are
  // journalled in order, so a cut leaves a prefix of the changes.
  kJournal,
};

// A power cut. What was not synced is kept or dropped, granule by granule, by
// the seed.
struct PowerCut {
  uint64_t seed = 0;
  uint32_t keep_percent = 50;
  uint32_t granule_bytes = 512;  // 512 or 4096
};

// Calls that can fail return 0 or a negative errno. Not thread-safe.
class Platter {
 public:
  static constexpr uint64_t kBlockBytes = 4096;
  using Block = std::array<char, kBlockBytes>;

  struct Node;
  using NodePtr = std::shared_ptr<Node>;

  // A file or a directory.
  struct Node {
    uint64_t number = 0;
    mode_t mode = 0;
    // Of a file. A block that was never written is null and reads as zeros.
    uint64_t size = 0;
    uint64_t synced_size = 0;
    std::vector<std::unique_ptr<Block>> blocks;
    // What the blocks written since the last sync held then.
    std::map<uint64_t, std::unique_ptr<Block>> before;
    // Of a directory.
    std::map<std::string, NodePtr> entries;
    std::map<std::string, NodePtr> durable_entries;
  };

  explicit Platter(Naming naming);

  // The file or directory at `path` ("/" is the root); null if there is none.
  NodePtr Find(std::string_view path) const;

  int Create(std::string_view path, mode_t mode);
  int MakeDirectory(std::string_view path, mode_t mode);
  int RemoveFile(std::string_view path);
  int RemoveDirectory(std::string_view path);
  int Rename(std::string_view from, std::string_view to);
  int Link(std::string_view existing, std::string_view link);

  // Bytes read; fewer than asked for at the end of the file.
  static uint64_t Read(const Node& node, uint64_t offset, std::span<char> out);
  static void Write(Node& node, uint64_t offset, std::span<const char> bytes);
  static void Resize(Node& node, uint64_t size);
  // Zeros from `offset` on; never makes the file longer.
  static void Zero(Node& node, uint64_t offset, uint64_t length);

  void SyncFile(Node& node);
  void SyncDirectory(Node& node);

  // What was written since the last sync of the file is gone, as after a write
  // to the device that failed.
  static void Lose(Node& node);

  void Cut(const PowerCut& cut);

 private:
  // A name that gets another node; null: none.
  struct NameChange {
    NodePtr directory;
    std::string name;
    NodePtr node;
  };
  // Changes that become durable together.
  using NameOperation = std::vector<NameChange>;

  // The directory that holds `path`, and its last component; null if missing.
  NodePtr Parent(std::string_view path, std::string* name) const;
  NodePtr NewNode(mode_t mode);
  int Add(std::string_view path, mode_t mode);
  int Remove(std::string_view path, bool directory);
  void Apply(NameOperation operation);
  static void MakeDurable(const NameOperation& operation);
  void MakeAllNamesDurable();

  // Keeps or drops what of `node`, and of all below it, wasn't synced.
  static void Tear(const NodePtr& node, const PowerCut& cut,
                   std::mt19937_64& random, std::set<Node*>& seen);
  static void TearFile(Node& node, const PowerCut& cut,
                       std::mt19937_64& random);

  const Naming naming_;
  uint64_t next_number_ = 1;
  NodePtr root_;
  std::vector<NameOperation> pending_;  // not durable, in their order
};

}  // namespace quire::torture

#endif  // QUIRE_TESTS_TORTURE_MEDIA_PLATTER_H_
