#include "tests/torture/media/oracle.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "kv/db.h"

namespace quire::torture {
namespace {

// The child's exit codes.
constexpr int kRight = 0;
constexpr int kWrong = 1;
constexpr int kUnreadable = 2;
constexpr int kUnclosed = 3;

std::string Describe(const std::map<std::string, std::string>& state,
                     const std::string& key) {
  const auto found = state.find(key);
  if (found == state.end()) return "absent";
  return absl::StrCat(found->second.substr(0, 12), " (", found->second.size(),
                      " bytes)");
}

// The first key on which the two differ, and how; nothing if they don't.
std::string Difference(const std::map<std::string, std::string>& expected,
                       const std::map<std::string, std::string>& found) {
  for (const auto* side : {&expected, &found}) {
    for (const auto& [key, value] : *side) {
      const std::string should = Describe(expected, key);
      const std::string is = Describe(found, key);
      const auto it = (side == &expected ? found : expected).find(key);
      if (it != found.end() && it != expected.end() && it->second == value) {
        continue;
      }
      return absl::StrCat(key, " should be ", should, " and is ", is);
    }
  }
  return "";
}

// All that is in the database, by iterator and by Get.
absl::StatusOr<std::map<std::string, std::string>> ReadAll(DB& db) {
  std::map<std::string, std::string> state;
  const std::unique_ptr<Iterator> it = db.NewIterator({});
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const absl::StatusOr<std::string_view> value = it->value();
    if (!value.ok()) return value.status();
    state.emplace(it->key(), *value);
  }
  if (!it->status().ok()) return it->status();
  std::string value;
  for (const auto& [key, expected] : state) {
    const absl::Status status = db.Get({}, key, &value);
    if (!status.ok()) return status;
    if (value != expected) {
      return absl::InternalError(absl::StrCat(key, ": Get and scan differ"));
    }
  }
  return state;
}

}  // namespace

Oracle::State Oracle::StateAfter(const Round& round, size_t writer,
                                 uint64_t count) const {
  State state = bases_[writer];
  for (uint64_t i = 0; i < count; ++i) {
    for (auto& [key, value] : MakeBatch(round, writer, i).changes) {
      if (value.has_value()) {
        state[key] = *std::move(value);
      } else {
        state.erase(key);
      }
    }
  }
  return state;
}

std::string Oracle::CheckWriter(const Round& round, Crash crash, size_t writer,
                                const State& found) const {
  const Progress::Writer& told = progress_.writers[writer];
  const uint64_t least =
      crash == Crash::kProcess ? told.acknowledged : told.durable;
  const auto last = found.find(LastKey(writer));
  const std::string prefix = absl::StrCat(round.number, ":");
  uint64_t count = 0;
  if (last != found.end() && last->second.starts_with(prefix)) {
    if (!absl::SimpleAtoi(last->second.substr(prefix.size()), &count)) {
      return absl::StrCat("no state of the thread: ", last->second);
    }
    ++count;
  }
  if (count < least || count > told.begun) {
    return absl::StrCat("thread ", writer, " was promised ", least,
                        " writes, began ", told.begun.load(), ", and ", count,
                        " are there");
  }
  const std::string difference =
      Difference(StateAfter(round, writer, count), found);
  if (!difference.empty()) {
    return absl::StrCat("thread ", writer, ", ", count,
                        " writes: ", difference);
  }
  progress_.recovered[writer] = count;
  return "";
}

int Oracle::Judge(const std::string& path, const Round& round, Crash crash,
                  const Options& options) const {
  progress_.complaint = {};
  absl::StatusOr<std::unique_ptr<DB>> db = DB::Open(options, path);
  if (!db.ok()) {
    progress_.Complain(absl::StrCat("opening: ", db.status().ToString()));
    return kUnreadable;
  }
  const absl::StatusOr<State> all = ReadAll(**db);
  if (!all.ok()) {
    progress_.Complain(absl::StrCat("reading: ", all.status().ToString()));
    return absl::IsInternal(all.status()) ? kWrong : kUnreadable;
  }
  std::array<State, kWriters> states;
  for (const auto& [key, value] : *all) {
    size_t writer = 0;
    while (writer < kWriters && !key.starts_with(KeyPrefix(writer))) ++writer;
    if (writer == kWriters) {
      progress_.Complain("a key that nobody wrote: " + key);
      return kWrong;
    }
    states[writer].emplace(key, value);
  }
  for (size_t i = 0; i < kWriters; ++i) {
    const std::string wrong = CheckWriter(round, crash, i, states[i]);
    if (wrong.empty()) continue;
    progress_.Complain(wrong);
    return kWrong;
  }
  const absl::Status closed = (*db)->Close();
  if (closed.ok()) return kRight;
  progress_.Complain(absl::StrCat("closing: ", closed.ToString()));
  return kUnclosed;
}

Verdict Oracle::VerdictOf(const ChildProcess& judge) const {
  switch (judge.exit_code()) {
    case kRight:
      return {.judged = true};
    case kWrong:
      return {.wrong = progress_.Complaint()};
    case kUnreadable:
      return {.failure = progress_.Complaint()};
    case kUnclosed:
      return {.failure = progress_.Complaint(), .judged = true};
    default:
      if (judge.WasKilled()) return {};
      return {.wrong = "opening and reading: " + judge.HowItFailed()};
  }
}

void Oracle::HoldFast() {
  for (size_t i = 0; i < kWriters; ++i) {
    Progress::Writer& writer = progress_.writers[i];
    writer.acknowledged = progress_.recovered[i].load();
    writer.durable = progress_.recovered[i].load();
    writer.begun = progress_.recovered[i].load();
  }
}

void Oracle::NextRound(const Round& round) {
  for (size_t i = 0; i < kWriters; ++i) {
    bases_[i] = StateAfter(round, i, progress_.recovered[i]);
  }
  progress_.Reset();
}

}  // namespace quire::torture
