#include "tests/torture/media/platter.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace quire::torture {
namespace {

// The block at `index`, for writing; its content of before is kept until the
// next sync.
Platter::Block& Change(Platter::Node& node, uint64_t index) {
  if (node.blocks.size() <= index) node.blocks.resize(index + 1);
  std::unique_ptr<Platter::Block>& block = node.blocks[index];
  const auto [old, first] = node.before.try_emplace(index);
  if (first && block != nullptr) {
    old->second = std::make_unique<Platter::Block>(*block);
  }
  if (block == nullptr) block = std::make_unique<Platter::Block>();
  return *block;
}

// Calls visit(block index, offset in it, length) for each piece of a range.
template <typename Visit>
void ForEachPiece(uint64_t offset, uint64_t length, Visit visit) {
  const uint64_t end = offset + length;
  while (offset < end) {
    const uint64_t within = offset % Platter::kBlockBytes;
    const uint64_t piece =
        std::min(end - offset, Platter::kBlockBytes - within);
    visit(offset / Platter::kBlockBytes, within, piece);
    offset += piece;
  }
}

bool Keeps(const PowerCut& cut, std::mt19937_64& random) {
  return random() % 100 < cut.keep_percent;
}

}  // namespace

Platter::Platter(Naming naming)
    : naming_(naming), root_(NewNode(S_IFDIR | 0755)) {}

Platter::NodePtr Platter::NewNode(mode_t mode) {
  auto node = std::make_shared<Node>();
  node->number = next_number_++;
  node->mode = mode;
  return node;
}

// --- Names -------------------------------------------------------------------

Platter::NodePtr Platter::Find(std::string_view path) const {
  NodePtr node = root_;
  while (node != nullptr && !path.empty()) {
    const size_t slash = std::min(path.find('/'), path.size());
    const std::string name(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (name.empty()) continue;
    const auto found = node->entries.find(name);
    node = found == node->entries.end() ? nullptr : found->second;
  }
  return node;
}

Platter::NodePtr Platter::Parent(std::string_view path,
                                 std::string* name) const {
  const size_t slash = path.rfind('/');
  QUIRE_CHECK(slash != std::string_view::npos);
  *name = path.substr(slash + 1);
  NodePtr parent = Find(path.substr(0, slash));
  return parent != nullptr && S_ISDIR(parent->mode) ? parent : nullptr;
}

int Platter::Add(std::string_view path, mode_t mode) {
  std::string name;
  const NodePtr parent = Parent(path, &name);
  if (parent == nullptr) return -ENOENT;
  if (parent->entries.contains(name)) return -EEXIST;
  Apply({{parent, name, NewNode(mode)}});
  return 0;
}

int Platter::Create(std::string_view path, mode_t mode) {
  return Add(path, S_IFREG | (mode & 0777));
}

int Platter::MakeDirectory(std::string_view path, mode_t mode) {
  return Add(path, S_IFDIR | (mode & 0777));
}

int Platter::Remove(std::string_view path, bool directory) {
  std::string name;
  const NodePtr parent = Parent(path, &name);
  const NodePtr node = Find(path);
  if (parent == nullptr || node == nullptr) return -ENOENT;
  if (S_ISDIR(node->mode) != directory) return directory ? -ENOTDIR : -EISDIR;
  if (!node->entries.empty()) return -ENOTEMPTY;
  Apply({{parent, name, nullptr}});
  return 0;
}

int Platter::RemoveFile(std::string_view path) { return Remove(path, false); }

int Platter::RemoveDirectory(std::string_view path) {
  return Remove(path, true);
}

int Platter::Rename(std::string_view from, std::string_view to) {
  std::string old_name;
  std::string new_name;
  const NodePtr old_parent = Parent(from, &old_name);
  const NodePtr new_parent = Parent(to, &new_name);
  const NodePtr node = Find(from);
  if (old_parent == nullptr || new_parent == nullptr || node == nullptr) {
    return -ENOENT;
  }
  const NodePtr replaced = Find(to);
  if (replaced == node) return 0;
  if (replaced != nullptr && !replaced->entries.empty()) return -ENOTEMPTY;
  Apply({{new_parent, new_name, node}, {old_parent, old_name, nullptr}});
  return 0;
}

int Platter::Link(std::string_view existing, std::string_view link) {
  std::string name;
  const NodePtr parent = Parent(link, &name);
  const NodePtr node = Find(existing);
  if (parent == nullptr || node == nullptr) return -ENOENT;
  if (S_ISDIR(node->mode)) return -EPERM;
  if (parent->entries.contains(name)) return -EEXIST;
  Apply({{parent, name, node}});
  return 0;
}

void Platter::Apply(NameOperation operation) {
  for (const NameChange& change : operation) {
    if (change.node == nullptr) {
      change.directory->entries.erase(change.name);
    } else {
      change.directory->entries[change.name] = change.node;
    }
  }
  pending_.push_back(std::move(operation));
}

void Platter::MakeDurable(const NameOperation& operation) {
  for (const NameChange& change : operation) {
    if (change.node == nullptr) {
      change.directory->durable_entries.erase(change.name);
    } else {
      change.directory->durable_entries[change.name] = change.node;
    }
  }
}

void Platter::MakeAllNamesDurable() {
  for (const NameOperation& operation : pending_) MakeDurable(operation);
  pending_.clear();
}

// --- Bytes -------------------------------------------------------------------

uint64_t Platter::Read(const Node& node, uint64_t offset, std::span<char> out) {
  if (offset >= node.size) return 0;
  const uint64_t length = std::min<uint64_t>(out.size(), node.size - offset);
  uint64_t done = 0;
  ForEachPiece(
      offset, length, [&](uint64_t index, uint64_t within, uint64_t piece) {
        const Block* block =
            index < node.blocks.size() ? node.blocks[index].get() : nullptr;
        if (block == nullptr) {
          std::memset(out.data() + done, 0, piece);
        } else {
          std::memcpy(out.data() + done, block->data() + within, piece);
        }
        done += piece;
      });
  return length;
}

void Platter::Write(Node& node, uint64_t offset, std::span<const char> bytes) {
  uint64_t done = 0;
  ForEachPiece(offset, bytes.size(),
               [&](uint64_t index, uint64_t within, uint64_t piece) {
                 std::memcpy(Change(node, index).data() + within,
                             bytes.data() + done, piece);
                 done += piece;
               });
  node.size = std::max(node.size, offset + bytes.size());
}

void Platter::Zero(Node& node, uint64_t offset, uint64_t length) {
  if (offset >= node.size) return;
  ForEachPiece(offset, std::min(length, node.size - offset),
               [&](uint64_t index, uint64_t within, uint64_t piece) {
                 if (index >= node.blocks.size()) return;
                 if (node.blocks[index] == nullptr) return;
                 std::memset(Change(node, index).data() + within, 0, piece);
               });
}

void Platter::Resize(Node& node, uint64_t size) {
  // What comes back when the file grows again is zeros.
  if (size < node.size) Zero(node, size, node.size - size);
  node.size = size;
}

// --- Durability --------------------------------------------------------------

void Platter::SyncFile(Node& node) {
  node.before.clear();
  node.synced_size = node.size;
  if (naming_ == Naming::kJournal) MakeAllNamesDurable();
}

void Platter::SyncDirectory(Node& node) {
  if (naming_ == Naming::kJournal) {
    MakeAllNamesDurable();
    return;
  }
  std::erase_if(pending_, [&node](const NameOperation& operation) {
    const bool here = std::any_of(operation.begin(), operation.end(),
                                  [&node](const NameChange& change) {
                                    return change.directory.get() == &node;
                                  });
    if (here) MakeDurable(operation);
    return here;
  });
}

void Platter::Lose(Node& node) {
  for (auto& [index, block] : node.before) {
    node.blocks[index] = std::move(block);
  }
  node.before.clear();
  node.size = node.synced_size;
}

void Platter::Cut(const PowerCut& cut) {
  std::mt19937_64 random(cut.seed);
  if (naming_ == Naming::kJournal) {
    pending_.resize(random() % (pending_.size() + 1));
    MakeAllNamesDurable();
  } else {
    for (const NameOperation& operation : pending_) {
      if (Keeps(cut, random)) MakeDurable(operation);
    }
    pending_.clear();
  }
  std::set<Node*> seen;
  Tear(root_, cut, random, seen);
}

void Platter::Tear(const NodePtr& node, const PowerCut& cut,
                   std::mt19937_64& random, std::set<Node*>& seen) {
  if (!seen.insert(node.get()).second) return;  // a second link to it
  if (!S_ISDIR(node->mode)) {
    TearFile(*node, cut, random);
    return;
  }
  node->entries = node->durable_entries;
  for (const auto& [name, entry] : node->entries) {
    Tear(entry, cut, random, seen);
  }
}

void Platter::TearFile(Node& node, const PowerCut& cut,
                       std::mt19937_64& random) {
  for (auto& [index, old] : node.before) {
    if (old == nullptr) old = std::make_unique<Block>();
    for (uint64_t at = 0; at < kBlockBytes; at += cut.granule_bytes) {
      if (Keeps(cut, random)) continue;
      std::memcpy(node.blocks[index]->data() + at, old->data() + at,
                  cut.granule_bytes);
    }
  }
  if (node.size != node.synced_size && !Keeps(cut, random)) {
    Resize(node, node.synced_size);
  }
  node.before.clear();
  node.synced_size = node.size;
}

}  // namespace quire::torture
