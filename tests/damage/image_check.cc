#include "tests/damage/image_check.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/string_view.h"
#include "kv/db.h"

namespace quire::testing {
namespace {

constexpr char kNewKey[] = "written after the damage";
constexpr char kNewValue[] = "and kept";

// Judges the answers of one open database.
class Reader {
 public:
  Reader(DB& db, const SmallDatabase& database, const Damage& damage,
         bool has_new_key)
      : db_(db),
        database_(database),
        damage_(damage),
        values_(database.values) {
    if (has_new_key) values_[kNewKey] = kNewValue;
    for (const auto& [key, value] : values_) keys_.push_back(key);
    for (const std::string& key : database_.absent) keys_.push_back(key);
  }

  // What is wrong; empty if nothing is.
  std::string Run() {
    ReadOneByOne();
    if (bad_.empty()) ReadAtOnce();
    if (bad_.empty()) Scan(/*forward=*/true);
    if (bad_.empty()) Scan(/*forward=*/false);
    return bad_;
  }

  uint64_t right() const { return right_; }
  uint64_t errors() const { return errors_; }

 private:
  void Bad(std::string_view read, std::string_view key, std::string_view what) {
    if (bad_.empty()) {
      bad_ = absl::StrCat(std::string(read), " of \"",
                          std::string(key.substr(0, 60)),
                          "\": ", std::string(what));
    }
  }

  // Whether `status` is an error that one may get here.
  void JudgeError(std::string_view read, std::string_view key,
                  const absl::Status& status) {
    const std::string message(base::StdView(status.message()));
    const bool names =
        std::any_of(damage_.edits.begin(), damage_.edits.end(),
                    [&](const Damage::Edit& edit) {
                      return message.find(edit.file) != std::string::npos;
                    });
    if (absl::IsDataLoss(status) && names &&
        message.find("offset") != std::string::npos) {
      ++errors_;
    } else {
      Bad(read, key, status.ToString());
    }
  }

  void Judge(std::string_view read, const std::string& key,
             const absl::Status& status, std::string_view value) {
    const auto expected = values_.find(key);
    if (status.ok()) {
      if (expected == values_.end()) {
        Bad(read, key, "a value, though it is absent");
      } else if (value != expected->second) {
        Bad(read, key, "a wrong value");
      } else {
        ++right_;
      }
    } else if (absl::IsNotFound(status)) {
      if (expected == values_.end()) {
        ++right_;
      } else {
        Bad(read, key, "not found");
      }
    } else {
      JudgeError(read, key, status);
    }
  }

  void ReadOneByOne() {
    std::string value;
    for (const std::string& key : keys_) {
      const absl::Status status = db_.Get({}, key, &value);
      Judge("Get", key, status, value);
    }
  }

  void ReadAtOnce() {
    const std::vector<std::string_view> keys(keys_.begin(), keys_.end());
    std::vector<PinnedValue> values(keys.size());
    std::vector<absl::Status> statuses(keys.size());
    db_.MultiGet({}, keys, values, statuses);
    for (size_t i = 0; i < keys.size(); ++i) {
      Judge("MultiGet", keys_[i], statuses[i],
            statuses[i].ok() ? values[i].value() : std::string_view());
    }
  }

  // Every entry must be the next one of the model; only an error may end the
  // scan early.
  void Scan(bool forward) {
    const std::string_view read = forward ? "scan" : "reverse scan";
    const std::unique_ptr<Iterator> it = db_.NewIterator({});
    auto next = values_.begin();
    auto last = values_.rbegin();
    forward ? it->SeekToFirst() : it->SeekToLast();
    size_t seen = 0;
    for (; it->Valid() && bad_.empty(); forward ? it->Next() : it->Prev()) {
      if (++seen > values_.size()) return Bad(read, it->key(), "too many");
      const auto& [key, value] = forward ? *next++ : *last++;
      if (it->key() != key) return Bad(read, it->key(), "not the next key");
      const absl::StatusOr<std::string_view> found = it->value();
      Judge(read, key, found.status(), found.ok() ? *found : "");
    }
    if (!it->status().ok()) {
      JudgeError(read, "", it->status());
    } else if (seen != values_.size()) {
      Bad(read, "", "ends early");
    }
  }

  DB& db_;
  const SmallDatabase& database_;
  const Damage& damage_;
  std::map<std::string, std::string> values_;
  std::vector<std::string> keys_;
  std::string bad_;
  uint64_t right_ = 0;
  uint64_t errors_ = 0;
};

Options OptionsFor(const HowOpened& how, bool read_only) {
  Options options;
  options.read_only = read_only;
  options.automatic_merges = false;
  options.memtable_bytes = uint64_t{64} << 10;
  options.provider.read_mode = how.mode;
  options.provider.read_mode_policy = ProviderPolicy::kRequire;
  options.provider.io_engine = IoEngine::kPreadv;  // opens faster
  options.provider.cache_bytes = uint64_t{128} << 10;
  options.provider.buffered_piece_bytes = uint32_t{16} << 10;
  if (how.paged_index) options.index_memory_bytes = 0;
  return options;
}

// Whether an open may fail like this. FailedPrecondition: only for a whole
// header page of another kind of file, or for CURRENT.
bool NamesDamage(const absl::Status& status, const Damage& damage) {
  const std::string message(base::StdView(status.message()));
  const bool is_other = message.find("is a Quire ") != std::string::npos;
  return std::any_of(
      damage.edits.begin(), damage.edits.end(), [&](const Damage::Edit& edit) {
        const bool may_be_foreign = is_other || edit.file == "CURRENT";
        return message.find(edit.file) != std::string::npos &&
               (absl::IsDataLoss(status) ||
                (may_be_foreign && absl::IsFailedPrecondition(status)));
      });
}

// Opens, reads, and closes; with `write`, writes one key too.
std::string CheckOpen(const SmallDatabase& database, const Image& image,
                      const Damage& damage, const Options& options,
                      bool has_new_key, bool write, Answers& answers) {
  absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options, image.directory());
  if (!db.ok()) {
    ++answers.refused;
    if (!NamesDamage(db.status(), damage)) {
      return absl::StrCat("open: ", db.status().ToString());
    }
    if (!options.read_only && !has_new_key && !image.IsExactly(damage)) {
      return "a refused open changed the directory";
    }
    return "";
  }
  Reader reader(**db, database, damage, has_new_key);
  std::string bad = reader.Run();
  answers.right += reader.right();
  answers.errors += reader.errors();
  if (reader.errors() > 0) ++answers.failing;
  if (write && bad.empty()) {
    const absl::Status status = (*db)->Put({.sync = true}, kNewKey, kNewValue);
    if (!status.ok()) bad = absl::StrCat("put: ", status.ToString());
  }
  const absl::Status closed = (*db)->Close();
  if (!closed.ok() && bad.empty()) {
    bad = absl::StrCat("close: ", closed.ToString());
  }
  return bad;
}

}  // namespace

void Answers::Add(const Answers& other) {
  images += other.images;
  unchanged += other.unchanged;
  refused += other.refused;
  failing += other.failing;
  right += other.right;
  errors += other.errors;
  bad += other.bad;
}

std::string CheckImage(const SmallDatabase& database, const Image& image,
                       const Damage& damage, const HowOpened& how,
                       Answers& answers) {
  ++answers.images;
  const uint64_t refused_before = answers.refused;
  std::string bad =
      CheckOpen(database, image, damage, OptionsFor(how, !how.for_writing),
                /*has_new_key=*/false, how.for_writing, answers);
  if (how.for_writing && bad.empty() && answers.refused == refused_before) {
    bad = CheckOpen(database, image, damage, OptionsFor(how, true),
                    /*has_new_key=*/true, /*write=*/false, answers);
    if (answers.refused != refused_before) {
      bad = "opened for writing, and refused afterwards: " + bad;
    }
  }
  if (!bad.empty()) ++answers.bad;
  return bad;
}

}  // namespace quire::testing
