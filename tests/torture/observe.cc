#include "tests/torture/observe.h"

#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace quire::torture {
namespace {

class Observer {
 public:
  Observer(DB& db, const ObserveOptions& options,
           std::vector<std::string>& failures)
      : db_(db), options_(options), failures_(failures) {
    read_.snapshot = options.snapshot;
  }

  Observed Run(const std::set<std::string>& keys) {
    for (const std::string& key : keys) {
      std::string value;
      const absl::Status status = db_.Get(read_, key, &value);
      Take("Get", key, status, value);
    }
    Scan(/*forward=*/true);
    if (options_.thorough) {
      Scan(/*forward=*/false);
      MultiGet(keys);
    }
    return std::move(observed_);
  }

 private:
  // True if the error is one that may be.
  bool Check(const char* how, const absl::Status& status) {
    const bool names_file =
        status.message().find("/db") != absl::string_view::npos ||
        status.message().find("/copy") != absl::string_view::npos;
    if (options_.errors_allowed && names_file && !absl::IsNotFound(status)) {
      return true;
    }
    failures_.push_back(absl::StrCat(how, ": ", status.ToString()));
    return false;
  }

  void Take(const char* how, const std::string& key, const absl::Status& status,
            std::string_view value) {
    if (!status.ok() && !absl::IsNotFound(status)) {
      Check(how, status);
      if (!observed_.values.contains(key)) observed_.unreadable.insert(key);
      return;
    }
    const std::optional<std::string> found =
        status.ok() ? std::optional<std::string>(value) : std::nullopt;
    const auto [it, added] = observed_.values.emplace(key, found);
    observed_.unreadable.erase(key);
    if (!added && it->second != found) {
      failures_.push_back(
          absl::StrCat(how, " differs from Get in '", key, "'"));
    }
  }

  void Scan(bool forward) {
    const char* how = forward ? "scan" : "scan in reverse";
    const std::unique_ptr<Iterator> it = db_.NewIterator(read_);
    std::optional<std::string> previous;
    std::set<std::string> seen;
    forward ? it->SeekToFirst() : it->SeekToLast();
    for (; it->Valid(); forward ? it->Next() : it->Prev()) {
      const std::string key(it->key());
      if (previous.has_value() &&
          (forward ? key <= *previous : key >= *previous)) {
        failures_.push_back(
            absl::StrCat(how, ": '", key, "' behind '", *previous, "'"));
        return;
      }
      previous = key;
      seen.insert(key);
      const absl::StatusOr<std::string_view> value = it->value();
      // Also catches a key that Get doesn't know.
      Take(how, key, value.status(), value.ok() ? *value : "");
    }
    if (!it->status().ok()) {
      Check(how, it->status());
      return;
    }
    for (const auto& [key, value] : observed_.values) {
      if (value.has_value() && !seen.contains(key)) {
        failures_.push_back(absl::StrCat(how, " lacks '", key, "'"));
      }
    }
  }

  void MultiGet(const std::set<std::string>& keys) {
    const std::vector<std::string_view> wanted(keys.begin(), keys.end());
    std::vector<PinnedValue> values(wanted.size());
    std::vector<absl::Status> statuses(wanted.size());
    db_.MultiGet(read_, wanted, values, statuses);
    for (size_t i = 0; i < wanted.size(); ++i) {
      Take("MultiGet", std::string(wanted[i]), statuses[i],
           statuses[i].ok() ? values[i].value() : "");
    }
  }

  DB& db_;
  const ObserveOptions& options_;
  std::vector<std::string>& failures_;
  ReadOptions read_;
  Observed observed_;
};

}  // namespace

Observed Observe(DB& db, const std::set<std::string>& keys,
                 const ObserveOptions& options,
                 std::vector<std::string>& failures) {
  return Observer(db, options, failures).Run(keys);
}

}  // namespace quire::torture
