#include "tests/torture/crash_model.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "tests/torture/dice.h"
#include "xxhash.h"

namespace quire::torture {
namespace {

constexpr Tearing kTearings[] = {
    {"process death", Kept::kAll, 1, KeptNames::kAll},
    {"nothing", Kept::kNone, 1, KeptNames::kNone},
    {"names only", Kept::kNone, 1, KeptNames::kAll},
    {"bytes only", Kept::kAll, 1, KeptNames::kNone},
    {"prefix of bytes", Kept::kPrefix, 1, KeptNames::kAll},
    {"prefix of 512", Kept::kPrefix, 512, KeptNames::kSome},
    {"prefix of 4096", Kept::kPrefix, 4096, KeptNames::kSome},
    {"subset of 512", Kept::kSubset, 512, KeptNames::kSome},
    {"subset of 4096", Kept::kSubset, 4096, KeptNames::kSome},
    {"all but one 512", Kept::kAllButOne, 512, KeptNames::kAll},
    {"last write", Kept::kLastWrite, 512, KeptNames::kAll},
    {"all but first write", Kept::kNotFirst, 512, KeptNames::kSome},
    {"sparse 4096", Kept::kSparse, 4096, KeptNames::kAll},
};

uint64_t Hash(const Bytes& bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

void Overwrite(Bytes& bytes, uint64_t offset, std::span<const std::byte> data) {
  if (bytes.size() < offset + data.size()) bytes.resize(offset + data.size());
  std::copy(data.begin(), data.end(),
            bytes.begin() + static_cast<ptrdiff_t>(offset));
}

}  // namespace

std::span<const Tearing> Tearings() { return kTearings; }

// A tearing with its choices made.
struct CrashModel::Choice {
  Kept kept = Kept::kNone;
  uint64_t granule = 1;
  uint64_t seed = 0;
  // Of all writes.
  uint64_t first_order = 0;
  uint64_t last_order = 0;
  // kPrefix: writes before this one, and this one's granules below.
  uint64_t cut_order = 0;
  uint64_t cut_granule = 0;
  // A range of granules of a file.
  uint64_t inode = 0;
  uint64_t first_granule = 0;
  uint64_t last_granule = 0;

  bool Names(uint64_t of_inode, uint64_t index) const {
    return of_inode == inode && index >= first_granule && index <= last_granule;
  }
};

CrashModel::CrashModel(const DiskTape& tape, Naming naming) : naming_(naming) {
  for (const auto& [inode, node] : tape.nodes) {
    if (node.is_directory) {
      directories_[inode] = node.entries;
    } else {
      contents_[inode] = {node.bytes, Hash(*node.bytes)};
    }
  }
}

void CrashModel::Apply(const DiskOp& op) {
  ++next_order_;
  switch (op.kind) {
    case DiskOp::Kind::kWrite:
      writes_.push_back({next_order_, op.inode, op.offset, op.data});
      break;
    case DiskOp::Kind::kSync:
      SyncFile(op);
      break;
    case DiskOp::Kind::kNames:
      for (const DiskOp::NameChange& change : op.changes) {
        if (op.is_directory && change.inode != 0) directories_[change.inode];
      }
      names_.push_back({op.changes, false});
      break;
    case DiskOp::Kind::kSyncDirectory:
      SyncDirectory(op);
      break;
  }
}

void CrashModel::SyncFile(const DiskOp& op) {
  if (!op.failed) {
    Content& content = contents_[op.inode];
    std::shared_ptr<Bytes> bytes;
    for (const Write& write : writes_) {
      if (write.inode != op.inode) continue;
      if (bytes == nullptr) {
        bytes = content.bytes == nullptr
                    ? std::make_shared<Bytes>()
                    : std::make_shared<Bytes>(*content.bytes);
      }
      Overwrite(*bytes, write.offset, *write.data);
    }
    if (bytes != nullptr) content = {bytes, Hash(*bytes)};
  }
  std::erase_if(writes_,
                [&](const Write& write) { return write.inode == op.inode; });
  if (op.failed || naming_ == Naming::kStrict) return;
  for (size_t i = names_.size(); i > 0; --i) {
    const auto& changes = names_[i - 1].changes;
    if (std::none_of(changes.begin(), changes.end(), [&](const auto& change) {
          return change.inode == op.inode;
        })) {
      continue;
    }
    for (size_t promoted = 0; promoted < i; ++promoted) Promote(0);
    break;
  }
}

void CrashModel::SyncDirectory(const DiskOp& op) {
  for (size_t i = 0; i < names_.size();) {
    const bool mine = naming_ == Naming::kJournal ||
                      names_[i].changes.front().directory == op.inode;
    if (!mine || names_[i].stuck || op.failed) {
      if (mine && naming_ == Naming::kStrict) names_[i].stuck = true;
      ++i;
    } else {
      Promote(i);
      i = 0;  // others may have gone with it
    }
  }
}

void CrashModel::ApplyNames(const Names& names, Directories& directories) {
  for (const DiskOp::NameChange& change : names.changes) {
    auto& entries = directories[change.directory];
    if (change.inode == 0) {
      entries.erase(change.name);
    } else {
      entries[change.name] = change.inode;
    }
  }
}

void CrashModel::Promote(size_t index) {
  const Names names = std::move(names_[index]);
  names_.erase(names_.begin() + static_cast<ptrdiff_t>(index));
  ApplyNames(names, directories_);
  // What came before and is undecided has been overtaken.
  for (size_t i = 0; i < index; ++i) {
    std::erase_if(names_[i].changes, [&](const auto& older) {
      return std::any_of(names.changes.begin(), names.changes.end(),
                         [&](const auto& change) {
                           return older.directory == change.directory &&
                                  older.name == change.name;
                         });
    });
  }
  std::erase_if(names_, [](const Names& left) { return left.changes.empty(); });
}

CrashModel::Choice CrashModel::Choose(const Tearing& tearing,
                                      uint64_t seed) const {
  Choice choice = {
      .kept = tearing.kept, .granule = tearing.granule, .seed = seed};
  if (writes_.empty()) return choice;
  choice.first_order = writes_.front().order;
  choice.last_order = writes_.back().order;
  Dice dice(MixBits(seed));
  const auto name_all = [&](const Write& write) {
    choice.inode = write.inode;
    choice.first_granule = write.offset / choice.granule;
    choice.last_granule = (write.end() - 1) / choice.granule;
  };
  const Write& some = writes_[dice.Below(writes_.size())];
  const uint64_t first = some.offset / choice.granule;
  const uint64_t granules = (some.end() - 1) / choice.granule - first + 1;
  switch (choice.kept) {
    case Kept::kPrefix:
      choice.cut_order = some.order;
      choice.cut_granule = first + dice.Below(granules);
      break;
    case Kept::kAllButOne:
      choice.inode = some.inode;
      choice.first_granule = first + dice.Below(granules);
      choice.last_granule = choice.first_granule;
      break;
    case Kept::kLastWrite:
      name_all(writes_.back());
      break;
    case Kept::kNotFirst:
      name_all(writes_.front());
      break;
    default:
      break;
  }
  return choice;
}

bool CrashModel::Includes(const Choice& choice, const Write& write,
                          uint64_t granule) {
  switch (choice.kept) {
    case Kept::kNone:
      return false;
    case Kept::kAll:
      return true;
    case Kept::kPrefix:
      return write.order < choice.cut_order ||
             (write.order == choice.cut_order && granule < choice.cut_granule);
    case Kept::kSubset:
    case Kept::kSparse: {
      // A granule is there as it was at one time.
      const uint64_t hash =
          MixBits(choice.seed ^ MixBits(write.inode ^ MixBits(granule)));
      if ((hash & 3) != 3) return (hash & 3) != 0;
      return write.order <=
             choice.first_order +
                 (hash >> 8) % (choice.last_order + 1 - choice.first_order);
    }
    case Kept::kAllButOne:
    case Kept::kNotFirst:
      return !choice.Names(write.inode, granule);
    case Kept::kLastWrite:
      return choice.Names(write.inode, granule);
  }
  return false;
}

CrashModel::Directories CrashModel::CutNames(KeptNames kept,
                                             uint64_t seed) const {
  Directories directories = directories_;
  Dice dice(MixBits(seed + 1));
  size_t count = names_.size();
  if (kept == KeptNames::kNone) count = 0;
  if (kept == KeptNames::kSome && naming_ == Naming::kJournal) {
    count = dice.Below(names_.size() + 1);
  }
  for (size_t i = 0; i < count; ++i) {
    if (kept == KeptNames::kSome && naming_ == Naming::kStrict &&
        dice.OneIn(2)) {
      continue;
    }
    ApplyNames(names_[i], directories);
  }
  return directories;
}

CrashModel::Content CrashModel::CutContent(uint64_t inode,
                                           const Choice& choice) const {
  Content content;
  if (const auto it = contents_.find(inode); it != contents_.end()) {
    content = it->second;
  }
  std::shared_ptr<Bytes> bytes;
  const auto change = [&]() -> Bytes& {
    if (bytes == nullptr) {
      bytes = content.bytes == nullptr
                  ? std::make_shared<Bytes>()
                  : std::make_shared<Bytes>(*content.bytes);
    }
    return *bytes;
  };
  for (const Write& write : writes_) {
    if (write.inode != inode) continue;
    const std::span<const std::byte> data = *write.data;
    if (choice.kept == Kept::kSparse) {
      Bytes& target = change();
      target.resize(std::max<size_t>(target.size(), write.end()));
    }
    for (uint64_t at = write.offset; at < write.end();) {
      // Granules of the same fate at once.
      const uint64_t index = at / choice.granule;
      const bool included = Includes(choice, write, index);
      uint64_t end = std::min((index + 1) * choice.granule, write.end());
      if (choice.kept == Kept::kAll || choice.kept == Kept::kNone) {
        end = write.end();
      } else if (choice.kept == Kept::kPrefix) {
        const uint64_t cut = choice.cut_granule * choice.granule;
        end = included && write.order == choice.cut_order
                  ? std::min(cut, write.end())
                  : write.end();
      }
      if (included) {
        Overwrite(change(), at, data.subspan(at - write.offset, end - at));
      }
      at = end;
    }
  }
  if (bytes != nullptr) return {bytes, Hash(*bytes)};
  if (content.bytes == nullptr) {
    static const auto* const empty = new SharedBytes(std::make_shared<Bytes>());
    content.bytes = *empty;
  }
  return content;
}

DiskImage CrashModel::Cut(const Tearing& tearing, uint64_t seed,
                          uint64_t* fingerprint) const {
  const Choice choice = Choose(tearing, seed);
  const Directories directories = CutNames(tearing.names, seed);
  DiskImage image;
  uint64_t mixed = 0;
  std::vector<std::pair<std::string, uint64_t>> left = {{"", DiskTape::kRoot}};
  while (!left.empty()) {
    const auto [path, inode] = left.back();
    left.pop_back();
    const auto directory = directories.find(inode);
    if (directory == directories.end()) continue;
    for (const auto& [name, entry] : directory->second) {
      std::string entry_path = path + "/" + name;
      mixed =
          MixBits(mixed ^ XXH3_64bits(entry_path.data(), entry_path.size()));
      image.inodes[entry_path] = entry;
      if (directories.contains(entry)) {
        image.directories.push_back(entry_path);
        left.emplace_back(std::move(entry_path), entry);
      } else {
        const Content content = CutContent(entry, choice);
        mixed = MixBits(mixed ^ content.hash);
        image.files[std::move(entry_path)] = content.bytes;
      }
    }
  }
  *fingerprint = mixed;
  return image;
}

}  // namespace quire::torture
