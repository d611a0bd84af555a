#include "kv/internal/manifest_edit.h"

#include <cstddef>
#include <cstring>
#include <iterator>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kv/internal/little_endian.h"

namespace quire::kv_internal {
namespace {

// The fields of each change, in their order on disk: the one place that knows
// them. `visit` is called with a name and a reference to each.

template <typename Visitor>
void Fields(DatabaseCreated& change, Visitor& visit) {
  visit("database_id", change.database_id);
  visit("hash_seed", change.hash_seed);
  visit("last_log_number", change.last_log_number);
  visit("last_log_id", change.last_log_id);
}

template <typename Visitor>
void Fields(NextFileNumber& change, Visitor& visit) {
  visit("number", change.number);
}

template <typename Visitor>
void Fields(LastSequence& change, Visitor& visit) {
  visit("sequence", change.sequence);
}

template <typename Visitor>
void Fields(SegmentCreated& change, Visitor& visit) {
  visit("number", change.number);
  visit("id", change.id);
  visit("previous_number", change.previous_number);
  visit("previous_id", change.previous_id);
  visit("first_sequence", change.first_sequence);
  visit("previous_length", change.previous_length);
  visit("origin", change.origin);
}

template <typename Visitor>
void Fields(SegmentSealed& change, Visitor& visit) {
  visit("number", change.number);
  visit("length", change.length);
  visit("last_sequence", change.last_sequence);
  visit("digest", change.digest);
  visit("garbage_bytes", change.garbage_bytes);
  visit("garbage_records", change.garbage_records);
}

template <typename Visitor>
void Fields(SegmentDropped& change, Visitor& visit) {
  visit("number", change.number);
}

template <typename Visitor>
void Fields(GarbageCounted& change, Visitor& visit) {
  visit("number", change.number);
  visit("bytes", change.bytes);
  visit("records", change.records);
}

template <typename Visitor>
void Fields(RunAdded& change, Visitor& visit) {
  visit("table_number", change.run.table_number);
  visit("table_id", change.run.table_id);
  visit("table_length", change.run.table_length);
  visit("table_digest", change.run.table_digest);
  visit("entry_count", change.run.entry_count);
  visit("max_sequence", change.run.max_sequence);
  visit("segments", change.run.segments);
}

template <typename Visitor>
void Fields(RunDropped& change, Visitor& visit) {
  visit("table_number", change.table_number);
}

// Tags are the places of the alternatives in ManifestChange, from 1. Numbers
// never change: new kinds of changes go to the end.
template <typename Change, size_t kIndex = 0>
constexpr uint8_t TagOf() {
  if constexpr (std::is_same_v<Change, std::variant_alternative_t<
                                           kIndex, ManifestChange>>) {
    return kIndex + 1;
  } else {
    return TagOf<Change, kIndex + 1>();
  }
}
static_assert(TagOf<DatabaseCreated>() == 1 && TagOf<RunDropped>() == 9 &&
              std::variant_size_v<ManifestChange> == 9);

// Appends fields to a record's value.
class FieldWriter {
 public:
  explicit FieldWriter(std::string& out) : out_(out) {}

  void operator()(const char*, uint64_t number) {
    std::byte bytes[sizeof(number)];
    StoreLittleEndian(number, bytes);
    out_.append(reinterpret_cast<const char*>(bytes), sizeof(bytes));
  }
  void operator()(const char* name, SegmentOrigin origin) {
    (*this)(name, static_cast<uint64_t>(origin));
  }
  void operator()(const char*, const DatabaseId& id) {
    out_.append(reinterpret_cast<const char*>(id.data()), id.size());
  }
  void operator()(const char* name, const std::vector<uint64_t>& list) {
    (*this)(name, uint64_t{list.size()});
    for (const uint64_t element : list) (*this)(name, element);
  }

 private:
  std::string& out_;
};

// Takes fields from a record's value. Once it is bad it stays so, and fields
// get zeros.
class FieldReader {
 public:
  explicit FieldReader(std::string_view value) : value_(value) {}

  void operator()(const char*, uint64_t& number) {
    number = 0;
    Take(&number, sizeof(number));
  }
  void operator()(const char* name, SegmentOrigin& origin) {
    uint64_t number = 0;
    (*this)(name, number);
    bad_ |= number != static_cast<uint64_t>(SegmentOrigin::kLog) &&
            number != static_cast<uint64_t>(SegmentOrigin::kRewrite);
    if (!bad_) origin = static_cast<SegmentOrigin>(number);
  }
  void operator()(const char*, DatabaseId& id) { Take(id.data(), id.size()); }
  void operator()(const char* name, std::vector<uint64_t>& list) {
    uint64_t size = 0;
    (*this)(name, size);
    // Believed only as far as there are bytes for it.
    bad_ |= size > value_.size() / sizeof(uint64_t);
    if (bad_) return;
    list.resize(size);
    for (uint64_t& element : list) (*this)(name, element);
  }

  // Whether the value was exactly the fields.
  bool Done() const { return !bad_ && value_.empty(); }

 private:
  void Take(void* to, size_t bytes) {
    bad_ |= bytes > value_.size();
    if (bad_) return;
    std::memcpy(to, value_.data(), bytes);
    value_.remove_prefix(bytes);
  }

  std::string_view value_;
  bool bad_ = false;
};

// Appends " name=value" for each field.
class FieldPrinter {
 public:
  explicit FieldPrinter(std::string& out) : out_(out) {}

  void operator()(const char* name, uint64_t number) {
    absl::StrAppend(&out_, " ", name, "=", number);
  }
  void operator()(const char* name, SegmentOrigin origin) {
    absl::StrAppend(&out_, " ", name, "=",
                    origin == SegmentOrigin::kLog ? "log" : "rewrite");
  }
  void operator()(const char* name, const DatabaseId& id) {
    absl::StrAppend(&out_, " ", name, "=");
    for (const std::byte b : id) {
      absl::StrAppend(&out_,
                      absl::Hex(static_cast<uint8_t>(b), absl::kZeroPad2));
    }
  }
  void operator()(const char* name, const std::vector<uint64_t>& list) {
    absl::StrAppend(&out_, " ", name, "=[");
    for (size_t i = 0; i < list.size(); ++i) {
      absl::StrAppend(&out_, i == 0 ? "" : " ", list[i]);
    }
    absl::StrAppend(&out_, "]");
  }

 private:
  std::string& out_;
};

template <typename Change>
constexpr const char* NameOf() {
  constexpr const char* kNames[] = {
      "DatabaseCreated", "NextFileNumber", "LastSequence",
      "SegmentCreated",  "SegmentSealed",  "SegmentDropped",
      "GarbageCounted",  "RunAdded",       "RunDropped"};
  static_assert(std::size(kNames) == std::variant_size_v<ManifestChange>);
  return kNames[TagOf<Change>() - 1];
}

// The record's key and value for a change.
struct EncodedChange {
  std::string key;
  std::string value;
};

EncodedChange Encode(const ManifestChange& change) {
  EncodedChange encoded;
  encoded.key = static_cast<char>(change.index() + 1);
  FieldWriter writer(encoded.value);
  // Fields gives references that could be written to; a copy is cheap.
  std::visit([&](auto copy) { Fields(copy, writer); }, change);
  return encoded;
}

// An empty change of the kind that `tag` names, found by its place.
template <size_t kIndex = 0>
ManifestChange EmptyChange(uint8_t tag) {
  if constexpr (kIndex + 1 < std::variant_size_v<ManifestChange>) {
    if (tag != kIndex + 1) return EmptyChange<kIndex + 1>(tag);
  }
  return ManifestChange(std::in_place_index<kIndex>);
}

}  // namespace

void ManifestEdit::Add(ManifestChange change) {
  changes_.push_back(std::move(change));
}

void ManifestEdit::AddTo(GroupBuilder& group) const {
  for (const ManifestChange& change : changes_) {
    const EncodedChange encoded = Encode(change);
    group.Add(0, RecordKind::kEdit, encoded.key, encoded.value);
  }
}

uint64_t ManifestEdit::Room() const {
  uint64_t room = 0;
  for (const ManifestChange& change : changes_) {
    const EncodedChange encoded = Encode(change);
    room += GroupBuilder::Room(encoded.key.size(), encoded.value.size());
  }
  return room;
}

absl::Status ManifestEdit::AddDecoded(const LogRecord& record) {
  if (record.header.kind != RecordKind::kEdit || record.key.size() != 1) {
    return absl::DataLossError(absl::StrCat("record at offset ", record.offset,
                                            ": not a change of a manifest"));
  }
  const auto tag = static_cast<uint8_t>(record.key[0]);
  if (tag == 0 || tag > std::variant_size_v<ManifestChange>) {
    return absl::FailedPreconditionError(
        absl::StrCat("record at offset ", record.offset, ": unknown change ",
                     tag, "; written by a newer version"));
  }
  ManifestChange change = EmptyChange(tag);
  FieldReader reader(record.value);
  std::visit([&](auto& fields) { Fields(fields, reader); }, change);
  if (!reader.Done()) {
    return absl::DataLossError(
        absl::StrCat("record at offset ", record.offset, ": change ", tag,
                     " with fields that no writer writes"));
  }
  changes_.push_back(std::move(change));
  return absl::OkStatus();
}

std::string ToString(const ManifestChange& change) {
  return std::visit(
      [](auto copy) {
        std::string text = NameOf<decltype(copy)>();
        FieldPrinter printer(text);
        Fields(copy, printer);
        return text;
      },
      change);
}

}  // namespace quire::kv_internal
