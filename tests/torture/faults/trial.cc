#include "tests/torture/faults/trial.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/check.h"
#include "tests/torture/media/child_process.h"

namespace quire::torture {
namespace {

constexpr std::chrono::minutes kPatience{1};

std::string Key(uint64_t number) {
  return "key" + std::to_string(100000 + number);
}

std::string Value(uint64_t number) {
  return std::to_string(number) +
         std::string(100, static_cast<char>('a' + number % 26));
}

}  // namespace

Trial::Trial(const Subject& subject, uint64_t seed, Naming naming)
    : subject_(subject),
      random_(seed),
      disk_(directory_.path(), naming),
      path_(directory_.path() + "/db") {
  QUIRE_CHECK(disk_.failure().empty());
  QUIRE_CHECK(mkdir(path_.c_str(), 0700) == 0);
  // That there is a directory is no part of what is tried.
  const int root = open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY);
  QUIRE_CHECK(root >= 0 && fsync(root) == 0);
  close(root);
}

int Trial::Write(After after, uint64_t begin, uint64_t end,
                 const std::function<void()>& before) const {
  std::string error;
  const std::unique_ptr<Store> store = subject_.open(path_, &error);
  if (store == nullptr) return 1;
  if (before != nullptr) before();
  uint64_t writes = (end - begin) / kEntriesPerWrite;
  for (uint64_t number = begin; writes > 0; --writes) {
    Entries entries;
    for (uint64_t i = 0; i < kEntriesPerWrite; ++i) {
      entries.emplace_back(Key(number + i), Value(number + i));
    }
    error = store->Write(entries);
    std::array<char, 200>& answer =
        told_->answers[std::min<uint64_t>(told_->writes++, kAnswersMax - 1)];
    std::memcpy(answer.data(), error.data(),
                std::min(error.size(), answer.size() - 1));
    if (error.empty()) {
      number += kEntriesPerWrite;
      told_->acknowledged = number;
    } else if (before == nullptr) {
      return 1;
    }
  }
  if (after == After::kDeath) _exit(0);  // nothing is closed
  return store->Settle().empty() ? 0 : 1;
}

void Trial::Fill(After after) {
  ChildProcess writer([&] { return Write(after, 0, kEntries, nullptr); });
  QUIRE_CHECK(writer.WaitFor(kPatience));
}

void Trial::FillAndSee(uint64_t end, const std::function<void()>& before,
                       std::vector<std::string>* answers) {
  const uint64_t begin = told_->acknowledged;
  told_->writes = 0;
  told_->answers = {};
  ChildProcess writer([&] { return Write(After::kDeath, begin, end, before); });
  QUIRE_CHECK(writer.WaitFor(kPatience));
  for (uint64_t i = 0; i < told_->writes; ++i) {
    answers->emplace_back(told_->answers[i].data());
  }
}

int Trial::ReadAll(const std::function<void()>& between, uint64_t step) const {
  std::string error;
  std::unique_ptr<Store> store = subject_.open(path_, &error);
  if (store == nullptr) return 0;
  reading_->opened = true;
  if (between != nullptr) between();
  std::string value;
  for (uint64_t i = 0; i < told_->acknowledged; i += step) {
    switch (store->Get(Key(i), &value)) {
      case Found::kValue:
        ++(value == Value(i) ? reading_->right : reading_->wrong);
        break;
      case Found::kAbsent:
        ++reading_->missing;
        break;
      case Found::kError:
        ++reading_->errors;
        break;
    }
  }
  _exit(0);  // closing is no part of what is tried
}

std::string Trial::Read(const std::function<void()>& between, uint64_t step) {
  *reading_ = {};
  ChildProcess reader([&] { return ReadAll(between, step); });
  if (!reader.WaitFor(kPatience)) return "hangs";
  const std::string death = reader.HowItFailed();
  if (!death.empty()) return death;
  if (!reading_->opened) return "refused";
  if (reading_->wrong > 0) return "wrong";
  if (reading_->missing > 0) return "missing";
  return reading_->errors > 0 ? "error" : "right";
}

std::string Trial::FileEnding(const std::string& end) const {
  std::string largest;
  uintmax_t most = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    const std::string name = entry.path();
    if (!name.ends_with(end) || entry.file_size() <= most) continue;
    most = entry.file_size();
    largest = name;
  }
  return largest;
}

void Trial::FlipABit(const std::string& file) {
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
  QUIRE_CHECK(fd >= 0);
  const off_t size = lseek(fd, 0, SEEK_END);
  const off_t at =
      size / 10 +
      static_cast<off_t>(random_() % static_cast<uint64_t>(size * 8 / 10));
  char byte = 0;
  QUIRE_CHECK(pread(fd, &byte, 1, at) == 1);
  byte = static_cast<char>(byte ^ (1 << random_() % 8));
  QUIRE_CHECK(pwrite(fd, &byte, 1, at) == 1);
  close(fd);
}

void Trial::CutInHalf(const std::string& file) {
  struct stat status;
  QUIRE_CHECK(stat(file.c_str(), &status) == 0);
  QUIRE_CHECK(truncate(file.c_str(), status.st_size / 2) == 0);
}

void Trial::FailReads(const std::string& end) {
  DiskFault fault = {.op = DiskOp::kRead, .at_end = true};
  fault.set_path_contains(end);
  disk_.Inject(fault);
}

}  // namespace quire::torture
