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
          {&name, at, std::min<uint64_t>(sector_bytes, content.size() - at)});
    }
  }
  const auto add = [&](const std::string& what,
                       std::vector<Damage::Edit> edits) {
    std::erase_if(edits,
                  [](const Damage::Edit& edit) { return edit.bytes.empty(); });
    if (!edits.empty()) sectors_.push_back({what, std::move(edits)});
  };
  const auto text = [](const Place& place) {
    return absl::StrCat(*place.file, ": ", place.size, " bytes at ",
                        place.offset);
  };
  for (size_t a = 0; a < places.size(); ++a) {
    if (kind_ == DamageKind::kZero) {
      add(absl::StrCat(text(places[a]), " zeroed"),
          {Replace(places[a], std::string(places[a].size, '\0'))});
      continue;
    }
    for (size_t b = 0; b < places.size(); ++b) {
      if (kind_ == DamageKind::kDuplicate && a != b) {
        add(absl::StrCat(text(places[a]), " as ", text(places[b])),
            {Replace(places[a], BytesAt(places[b]))});
      } else if (kind_ == DamageKind::kSwap && a < b) {
        add(absl::StrCat(text(places[a]), " swapped with ", text(places[b])),
            {Replace(places[a], BytesAt(places[b])),
             Replace(places[b], BytesAt(places[a]))});
      }
    }
  }
}

void DamageList::AddStale() {
  for (const auto& [name, content] : database_.files) {
    for (const auto& state : database_.earlier) {
      for (const auto& [old_name, old_content] : state) {
        if (TypeOf(old_name) != TypeOf(name) || old_content == content)
          continue;
        for (const uint64_t sector : kSectorBytes) {
          for (uint64_t at = 0;
               at < std::min(content.size(), old_content.size());
               at += sector) {
            const Place place = {
                &name, at, std::min<uint64_t>(sector, content.size() - at)};
            Damage::Edit edit = Replace(place, old_content.substr(at, sector));
            if (edit.bytes.empty()) continue;
            sectors_.push_back({absl::StrCat(name, ": ", sector, " bytes at ",
                                             at, " as earlier in ", old_name),
                                {std::move(edit)}});
          }
        }
        sectors_.push_back(
            {absl::StrCat(name, " as ", old_name, " was earlier"),
             {{name, old_content.size(), "", true},
              {name, 0, old_content, false}}});
      }
    }
  }
}

std::string DamageList::BytesAt(const Place& place) const {
  return database_.files.at(*place.file).substr(place.offset, place.size);
}

Damage::Edit DamageList::Replace(const Place& place,
                                 const std::string& bytes) const {
  Damage::Edit edit = {*place.file, place.offset, bytes.substr(0, place.size),
                       false};
  if (edit.bytes == BytesAt(place).substr(0, edit.bytes.size()))
    edit.bytes.clear();
  return edit;
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
      return sectors_[i];
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

}  // namespace quire::testing
