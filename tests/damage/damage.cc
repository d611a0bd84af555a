#include "tests/damage/damage.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace quire::testing {
namespace {

constexpr std::array<uint64_t, 2> kSectorBytes = {512, 4096};
constexpr uint64_t kExtensions = 4;

// "000012.seg" and "MANIFEST-000007" by what they are.
std::string TypeOf(const std::string& name) {
  const size_t dot = name.find('.');
  if (dot != std::string::npos) return name.substr(dot);
  return name.substr(0, name.find('-'));
}

}  // namespace

const char* DamageKindName(DamageKind kind) {
  switch (kind) {
    case DamageKind::kFlip:
      return "flip";
    case DamageKind::kTruncate:
      return "truncate";
    case DamageKind::kExtend:
      return "extend";
    case DamageKind::kZero:
      return "zero";
    case DamageKind::kDuplicate:
      return "duplicate";
    case DamageKind::kSwap:
      return "swap";
    case DamageKind::kStale:
      return "stale";
  }
  return "";
}

DamageList::DamageList(const SmallDatabase& database, DamageKind kind)
    : database_(database), kind_(kind) {
  uint64_t bytes = 0;
  for (const auto& [name, content] : database_.files) bytes += content.size();
  switch (kind_) {
    case DamageKind::kFlip:
      size_ = 8 * bytes;
      return;
    case DamageKind::kTruncate:
      size_ = bytes;
      return;
    case DamageKind::kExtend:
      size_ = kExtensions * database_.files.size();
      return;
    case DamageKind::kStale:
      AddStale();
      break;
    default:
      for (const uint64_t sector : kSectorBytes) AddSectors(sector);
  }
  size_ = sectors_.size();
}

void DamageList::AddSectors(uint64_t sector_bytes) {
  std::vector<Place> places;
  for (const auto& [name, content] : database_.files) {
    for (uint64_t at = 0; at < content.size(); at += sector_bytes) {
      places.push_back(
          {&name, &content, at, std::min(sector_bytes, content.size() - at)});
    }
  }
  for (size_t a = 0; a < places.size(); ++a) {
    if (kind_ == DamageKind::kZero) {
      sectors_.push_back({places[a], {}});
      continue;
    }
    for (size_t b = 0; b < places.size(); ++b) {
      if (kind_ == DamageKind::kSwap ? a < b : a != b) {
        sectors_.push_back({places[a], places[b]});
      }
    }
  }
}

void DamageList::AddStale() {
  for (const auto& [name, content] : database_.files) {
    for (const auto& state : database_.earlier) {
      for (const auto& [old_name, old_content] : state) {
        if (TypeOf(old_name) != TypeOf(name)) continue;
        const uint64_t shared = std::min(content.size(), old_content.size());
        for (const uint64_t sector : kSectorBytes) {
          for (uint64_t at = 0; at < shared; at += sector) {
            sectors_.push_back({{&name, &content, at, sector},
                                {&old_name, &old_content, at, sector}});
          }
        }
        sectors_.push_back({{&name, &content, 0, content.size()},
                            {&old_name, &old_content, 0, old_content.size()},
                            true});
      }
    }
  }
}

Damage DamageList::At(uint64_t i) const {
  QUIRE_CHECK(i < size_);
  switch (kind_) {
    case DamageKind::kFlip:
      return FlipAt(i);
    case DamageKind::kTruncate:
      return TruncateAt(i);
    case DamageKind::kExtend:
      return ExtendAt(i);
    default:
      return SectorsAt(i);
  }
}

Damage DamageList::FlipAt(uint64_t i) const {
  for (const auto& [name, content] : database_.files) {
    if (i < 8 * content.size()) {
      const auto byte = static_cast<unsigned char>(content[i / 8]);
      const auto flipped = static_cast<char>(byte ^ (1U << (i % 8)));
      return {absl::StrCat(name, ": bit ", i % 8, " at ", i / 8, " flipped"),
              {{name, i / 8, std::string(1, flipped), false}}};
    }
    i -= 8 * content.size();
  }
  return {};
}

Damage DamageList::TruncateAt(uint64_t i) const {
  for (const auto& [name, content] : database_.files) {
    if (i < content.size()) {
      return {absl::StrCat(name, ": cut to ", i, " bytes"),
              {{name, i, "", true}}};
    }
    i -= content.size();
  }
  return {};
}

Damage DamageList::ExtendAt(uint64_t i) const {
  auto it = database_.files.begin();
  std::advance(it, i / kExtensions);
  const std::string more(i % 2 == 0 ? 1 : 4096, i / 2 % 2 == 0 ? '\0' : '\xff');
  return {absl::StrCat(it->first, ": ", more.size(), " bytes more"),
          {{it->first, it->second.size(), more, false}}};
}

Damage DamageList::SectorsAt(uint64_t i) const {
  const auto& [to, from, whole_file] = sectors_[i];
  if (whole_file) {
    Damage damage = {absl::StrCat(*to.file, " as ", *from.file, " was earlier"),
                     {}};
    if (*to.content == *from.content) return damage;
    damage.edits = {{*to.file, from.size, "", true},
                    {*to.file, 0, *from.content, false}};
    return damage;
  }
  const auto text = [](const Place& place) {
    return absl::StrCat(*place.file, ": ", place.size, " bytes at ",
                        place.offset);
  };
  Damage damage;
  // As far as both reach.
  const auto replace = [&](const Place& place, const std::string& bytes) {
    const std::string now = place.Bytes();
    const size_t size = std::min(now.size(), bytes.size());
    if (now.compare(0, size, bytes, 0, size) == 0) return;
    damage.edits.push_back(
        {*place.file, place.offset, bytes.substr(0, size), false});
  };
  if (kind_ == DamageKind::kZero) {
    damage.what = absl::StrCat(text(to), " zeroed");
    replace(to, std::string(to.size, '\0'));
    return damage;
  }
  damage.what = absl::StrCat(text(to),
                             kind_ == DamageKind::kSwap    ? " swapped with "
                             : kind_ == DamageKind::kStale ? " as earlier in "
                                                           : " as ",
                             text(from));
  replace(to, from.Bytes());
  if (kind_ == DamageKind::kSwap) replace(from, to.Bytes());
  return damage;
}

}  // namespace quire::testing
