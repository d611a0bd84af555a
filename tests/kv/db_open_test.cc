// Every way in which an open can be refused: a clear error naming the thing,
// and nothing changed.

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "io/posix_file_system.h"
#include "kv/db.h"
#include "kv/internal/checksum.h"
#include "kv/read_session.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_directory.h"

namespace quire {
namespace {

using ::quire::testing::ReadFile;
using ::quire::testing::StatusIs;
using ::quire::testing::WriteFile;
using ::testing::HasSubstr;

Options Creating() {
  Options options;
  options.create_if_missing = true;
  return options;
}

void MakeDatabase(const std::string& path) {
  auto db = DB::Open(Creating(), path);
  ASSERT_OK(db.status());
  ASSERT_OK((*db)->Put({}, "key", "value"));
  ASSERT_OK((*db)->Close());
}

// Content of every file but LOCK, by name.
std::map<std::string, std::string> Contents(const std::string& path) {
  std::map<std::string, std::string> contents;
  if (!std::filesystem::is_directory(path)) return contents;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    if (name != "LOCK") contents[name] = ReadFile(entry.path());
  }
  return contents;
}

struct Refusal {
  std::string name;
  std::function<void(const std::string& path)> prepare;
  Options options;
  absl::StatusCode code;
  std::string message;
};

void PatchFile(const std::string& path, size_t at, const std::string& bytes) {
  std::string content = ReadFile(path);
  content.replace(at, bytes.size(), bytes);
  WriteFile(path, content);
}

std::vector<Refusal> Refusals() {
  std::vector<Refusal> all;
  const auto nothing = [](const std::string&) {};
  all.push_back({"MissingDirectory", nothing, Options(),
                 absl::StatusCode::kNotFound, "there is no database"});
  all.push_back({"MissingParent",
                 [](const std::string& path) {
                   std::filesystem::remove_all(
                       std::filesystem::path(path).parent_path());
                 },
                 Creating(), absl::StatusCode::kNotFound, "db"});
  all.push_back(
      {"EmptyDirectory",
       [](const std::string& path) { std::filesystem::create_directory(path); },
       Options(), absl::StatusCode::kNotFound, "create_if_missing"});
  all.push_back({"PathIsAFile",
                 [](const std::string& path) { WriteFile(path, "text"); },
                 Creating(), absl::StatusCode::kInvalidArgument, "db"});
  all.push_back({"ForeignFile",
                 [](const std::string& path) {
                   std::filesystem::create_directory(path);
                   WriteFile(path + "/photo.jpg", "not ours");
                 },
                 Creating(), absl::StatusCode::kFailedPrecondition,
                 "photo.jpg"});
  Options exists = Creating();
  exists.error_if_exists = true;
  all.push_back({"Exists", MakeDatabase, exists,
                 absl::StatusCode::kAlreadyExists, "error_if_exists"});
  all.push_back({"ForeignCurrent",
                 [](const std::string& path) {
                   std::filesystem::create_directory(path);
                   WriteFile(path + "/CURRENT", "MANIFEST-000001\n");
                 },
                 Creating(), absl::StatusCode::kFailedPrecondition, "CURRENT"});
  all.push_back({"NewerFormat",
                 [](const std::string& path) {
                   MakeDatabase(path);
                   PatchFile(path + "/CURRENT", 8, std::string("\2\0\0\0", 4));
                   const std::string current = ReadFile(path + "/CURRENT");
                   const uint64_t check = kv_internal::Checksum(
                       std::string_view(current).substr(0, 64));
                   PatchFile(path + "/CURRENT", 64,
                             {reinterpret_cast<const char*>(&check), 8});
                 },
                 Creating(), absl::StatusCode::kFailedPrecondition, "version"});
  all.push_back({"DamagedCurrent",
                 [](const std::string& path) {
                   MakeDatabase(path);
                   PatchFile(path + "/CURRENT", 20, "x");
                 },
                 Creating(), absl::StatusCode::kDataLoss, "CURRENT"});
  all.push_back({"MissingCurrent",
                 [](const std::string& path) {
                   MakeDatabase(path);
                   std::filesystem::remove(path + "/CURRENT");
                 },
                 Creating(), absl::StatusCode::kDataLoss, "CURRENT"});
  Options tiny = Creating();
  tiny.memtable_bytes = 1;
  all.push_back({"OptionOutOfRange", nothing, tiny,
                 absl::StatusCode::kInvalidArgument, "memtable_bytes"});
  return all;
}

class DbOpenRefusalTest : public ::testing::TestWithParam<Refusal> {};

TEST_P(DbOpenRefusalTest, NamesTheThingAndChangesNothing) {
  testing::TempDirectory dir;
  std::filesystem::create_directory(dir.File("parent"));
  const std::string path = dir.File("parent/db");
  GetParam().prepare(path);
  const auto before = Contents(path);
  EXPECT_THAT(DB::Open(GetParam().options, path).status(),
              StatusIs(GetParam().code,
                       ::testing::AllOf(HasSubstr(GetParam().message),
                                        GetParam().name == "OptionOutOfRange"
                                            ? HasSubstr("")
                                            : HasSubstr(path))));
  EXPECT_EQ(Contents(path), before);
}

INSTANTIATE_TEST_SUITE_P(All, DbOpenRefusalTest,
                         ::testing::ValuesIn(Refusals()),
                         [](const auto& info) { return info.param.name; });

TEST(DbOpenTest, SecondOpenerInThisProcessIsRefused) {
  testing::TempDirectory dir;
  auto first = DB::Open(Creating(), dir.File("db"));
  ASSERT_OK(first.status());
  EXPECT_THAT(
      DB::Open(Creating(), dir.File("db")).status(),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("held by")));
  ASSERT_OK((*first)->Close());
  EXPECT_OK(DB::Open(Creating(), dir.File("db")).status());
}

TEST(DbOpenTest, SecondOpenerInAnotherProcessIsToldWhoHoldsIt) {
  testing::TempDirectory dir;
  const std::string path = dir.File("db");
  int ready[2];
  int done[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(done), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto db = DB::Open(Creating(), path);
    char byte = db.ok() ? 1 : 0;
    if (write(ready[1], &byte, 1) != 1) _exit(2);
    if (read(done[0], &byte, 1) != 1) _exit(3);
    _exit(db.ok() && (*db)->Close().ok() ? 0 : 4);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, 1);
  EXPECT_THAT(DB::Open(Creating(), path).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("held by pid " + std::to_string(child))));
  Options read_only;
  read_only.read_only = true;
  EXPECT_OK(DB::Open(read_only, path).status());
  ASSERT_EQ(write(done[1], &byte, 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// The number of a call that a child made by fork isn't refused, or 0.
int FirstNotRefused(DB& db) {
  std::string value;
  const std::string_view key = "key";
  PinnedValue pinned;
  absl::Status multi_get;
  db.MultiGet({}, {&key, 1}, {&pinned, 1}, {&multi_get, 1});
  const absl::Status refusals[] = {db.Get({}, key, &value),
                                   db.Put({}, key, "other"),
                                   db.Delete({}, key),
                                   multi_get,
                                   db.Sync(),
                                   db.FlushMemtables(),
                                   db.CompactRange({}),
                                   db.WaitForMerges(),
                                   db.Refresh(),
                                   db.Checkpoint("/none"),
                                   db.NewIterator({})->status(),
                                   ReadSession::Open(db, {}).status(),
                                   db.Close()};
  int call = 1;
  for (const absl::Status& refusal : refusals) {
    if (!absl::IsFailedPrecondition(refusal)) return call;
    ++call;
  }
  const bool none = db.GetSnapshot() == nullptr &&
                    db.GetStats().last_sequence == 0 &&
                    db.GetProperty("quire.outstanding") == std::nullopt;
  return none ? 0 : call;
}

TEST(DbOpenTest, UseAfterForkIsRefused) {
  testing::TempDirectory dir;
  auto db = DB::Open(Creating(), dir.File("db"));
  ASSERT_OK(db.status());
  ASSERT_OK((*db)->Put({}, "key", "value"));
  const pid_t child = fork();
  if (child == 0) _exit(FirstNotRefused(**db));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "call " << WEXITSTATUS(status);
  std::string value;
  EXPECT_OK((*db)->Get({}, "key", &value));
}

TEST(DbOpenTest, AForkedChildOpensAgainOnceTheParentHasClosed) {
  testing::TempDirectory dir;
  const std::string path = dir.File("db");
  auto db = DB::Open(Creating(), path);
  ASSERT_OK(db.status());
  ASSERT_OK((*db)->Put({}, "key", "value"));
  int refused[2];
  int closed[2];
  ASSERT_EQ(pipe(refused), 0);
  ASSERT_EQ(pipe(closed), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(closed[1]);
    const std::string holder = "held by pid " + std::to_string(getppid());
    db->reset();
    const absl::Status held = DB::Open(Creating(), path).status();
    if (held.message().find(holder) == std::string_view::npos) _exit(1);
    char byte = 0;
    if (write(refused[1], &byte, 1) != 1) _exit(2);
    if (read(closed[0], &byte, 1) != 1) _exit(3);
    const auto again = DB::Open(Creating(), path);
    std::string value;
    _exit(again.ok() && (*again)->Get({}, "key", &value).ok() ? 0 : 4);
  }
  close(refused[1]);
  char byte;
  EXPECT_EQ(read(refused[0], &byte, 1), 1);
  EXPECT_OK((*db)->Close());
  ASSERT_EQ(write(closed[1], &byte, 1), 1);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// The second removed what the first had left, and a power loss undid that.
TEST(DbOpenTest, InterruptedCreationsDontStandInTheWay) {
  testing::TempDirectory dir;
  const std::string path = dir.File("db");
  std::filesystem::create_directory(path);
  WriteFile(path + "/MANIFEST-000001", "torn");
  WriteFile(path + "/MANIFEST-000002", "");
  WriteFile(path + "/CURRENT.new", "");
  EXPECT_THAT(DB::Open(Options(), path).status(),
              StatusIs(absl::StatusCode::kNotFound));
  MakeDatabase(path);
  EXPECT_THAT(
      Contents(path),
      ::testing::Not(::testing::Contains(::testing::Key("MANIFEST-000001"))));
}

TEST(DbOpenTest, ReadOnlyWritesNothingAndRefusesWrites) {
  testing::TempDirectory dir;
  const std::string path = dir.File("db");
  MakeDatabase(path);
  const auto before = Contents(path);
  Options options;
  options.read_only = true;
  auto db = DB::Open(options, path);
  ASSERT_OK(db.status());
  std::string value;
  EXPECT_OK((*db)->Get({}, "key", &value));
  EXPECT_THAT(
      (*db)->Put({}, "a", "b"),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("read-only")));
  ASSERT_OK((*db)->Close());
  EXPECT_EQ(Contents(path), before);
}

TEST(DbOpenTest, OpenThatWritesNothingChangesNoFile) {
  testing::TempDirectory dir;
  const std::string path = dir.File("db");
  MakeDatabase(path);
  const auto before = Contents(path);
  auto db = DB::Open(Options(), path);
  ASSERT_OK(db.status());
  ASSERT_OK((*db)->Close());
  EXPECT_EQ(Contents(path), before);
}

TEST(DbOpenTest, ReadOnlySeesTheTailOfALiveWriter) {
  testing::TempDirectory dir;
  const std::string path = dir.File("db");
  auto writer = DB::Open(Creating(), path);
  ASSERT_OK(writer.status());
  ASSERT_OK((*writer)->Put({}, "in a run", "1"));
  ASSERT_OK((*writer)->FlushMemtables());
  ASSERT_OK((*writer)->Put({}, "in the log", "2"));
  Options options;
  options.read_only = true;
  auto reader = DB::Open(options, path);
  ASSERT_OK(reader.status());
  std::string value;
  EXPECT_OK((*reader)->Get({}, "in a run", &value));
  EXPECT_OK((*reader)->Get({}, "in the log", &value));
  EXPECT_EQ(value, "2");
}

// Whoever made the directory may not have synced its name.
TEST(DbOpenTest, TheNameOfANewDatabaseIsDurableWhoeverMadeTheDirectory) {
  testing::TempDirectory dir;
  testing::FaultyFileSystem faulty(io::PosixFileSystem());
  Options options = Creating();
  options.file_system = &faulty;
  const std::string path = dir.File("db");
  for (const bool is_there : {false, true}) {
    if (is_there) std::filesystem::create_directory(path);
    // The first directory to be synced is the parent. What a failed sync has
    // lost no later one makes durable, so what the open has made goes again.
    faulty.Inject({.op = testing::FileOp::kSyncDirectory, .error = EIO});
    const absl::Status status = DB::Open(options, path).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable,
                                 HasSubstr(dir.path())));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr(path)));
    EXPECT_EQ(std::filesystem::is_directory(path), is_there);
  }
  EXPECT_EQ(faulty.injected_count(), 2u);
  EXPECT_OK(DB::Open(options, path).status());
}

// The sync behind CURRENT failed: every reader sees a database that a power
// loss takes away.
TEST(DbOpenTest, ACreationThatWasNotSyncedIsCommittedByTheNextOpen) {
  testing::TempDirectory dir;
  testing::FaultyFileSystem faulty(io::PosixFileSystem());
  Options options = Creating();
  options.file_system = &faulty;
  const std::string path = dir.File("db");
  faulty.Inject({.op = testing::FileOp::kSyncDirectory,
                 .path_contains = "/db",
                 .nth = 2,
                 .error = ENOSPC});
  EXPECT_FALSE(DB::Open(options, path).ok());
  EXPECT_EQ(faulty.injected_count(), 1u);
  EXPECT_TRUE(std::filesystem::exists(path + "/CURRENT"));
  const uint64_t before = faulty.count(testing::FileOp::kRename);
  EXPECT_OK(DB::Open(options, path).status());
  EXPECT_GT(faulty.count(testing::FileOp::kRename), before);
}

TEST(DbOpenTest, AnEmptyDatabaseIsOpenedAnyNumberOfTimes) {
  testing::TempDirectory dir;
  testing::FaultyFileSystem faulty(io::PosixFileSystem());
  Options options = Creating();
  options.file_system = &faulty;
  const std::string path = dir.File("db");
  for (int i = 0; i < 20; ++i) ASSERT_OK(DB::Open(options, path).status());
  int manifests = 0;
  for (const auto& [name, content] : Contents(path)) {
    manifests += name.starts_with("MANIFEST");
  }
  EXPECT_EQ(manifests, 1);
  // Without space it can't be, and is as it was.
  faulty.Inject(
      {.op = testing::FileOp::kCreate, .sticky = true, .error = ENOSPC});
  EXPECT_THAT(DB::Open(options, path).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  faulty.Clear();
  auto db = DB::Open(options, path);
  ASSERT_OK(db.status());
  EXPECT_OK((*db)->Put({.sync = true}, "key", "value"));
}

// A table that can be made again and one that can't: the first must not have
// been put in its place.
TEST(DbOpenTest, ARefusalLeavesATableThatCouldBeMadeAgainAsItWas) {
  testing::TempDirectory dir;
  const std::string path = dir.File("db");
  std::vector<std::string> tables;
  std::string oldest_segment;
  {
    Options options = Creating();
    options.automatic_merges = false;
    auto db = DB::Open(options, path);
    ASSERT_OK(db.status());
    ASSERT_OK((*db)->Put({}, "old", "1"));
    ASSERT_OK((*db)->FlushMemtables());
    ASSERT_OK((*db)->Put({}, "new", "2"));
    ASSERT_OK((*db)->Close());
  }
  for (const auto& [name, content] : Contents(path)) {
    if (name.ends_with(".tbl")) tables.push_back(path + "/" + name);
    if (name.ends_with(".seg") && oldest_segment.empty()) {
      oldest_segment = path + "/" + name;
    }
  }
  ASSERT_EQ(tables.size(), 2u);
  for (const std::string& table : tables) PatchFile(table, 100, "damage");
  PatchFile(oldest_segment, 4096 + 70, "damage");
  const auto before = Contents(path);
  EXPECT_THAT(
      DB::Open({}, path).status(),
      StatusIs(absl::StatusCode::kDataLoss, HasSubstr("can't be rebuilt")));
  EXPECT_EQ(Contents(path), before);
}

TEST(DbOpenTest, ATableWithADamagedMagicIsMadeAgain) {
  testing::TempDirectory dir;
  const std::string path = dir.File("db");
  MakeDatabase(path);
  std::string table;
  for (const auto& [name, content] : Contents(path)) {
    if (name.ends_with(".tbl")) table = path + "/" + name;
  }
  PatchFile(table, 3, "X");
  auto db = DB::Open({}, path);
  ASSERT_OK(db.status());
  EXPECT_THAT(*(*db)->GetProperty("quire.recovery"),
              HasSubstr("table rebuilt"));
  std::string value;
  EXPECT_OK((*db)->Get({}, "key", &value));
  EXPECT_EQ(value, "value");
  EXPECT_FALSE(std::filesystem::exists(table));
}

TEST(DbDestroyTest, RemovesTheDatabaseAndKeepsForeignFiles) {
  testing::TempDirectory dir;
  const std::string path = dir.File("db");
  EXPECT_OK(DB::Destroy({}, path));
  MakeDatabase(path);
  EXPECT_OK(DB::Destroy({}, path));
  EXPECT_FALSE(std::filesystem::exists(path));
  MakeDatabase(path);
  WriteFile(path + "/photo.jpg", "not ours");
  EXPECT_OK(DB::Destroy({}, path));
  EXPECT_EQ(ReadFile(path + "/photo.jpg"), "not ours");
  EXPECT_THAT(
      DB::Destroy({}, path),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("photo.jpg")));
}

TEST(DbDestroyTest, RefusesAnOpenDatabase) {
  testing::TempDirectory dir;
  auto db = DB::Open(Creating(), dir.File("db"));
  ASSERT_OK(db.status());
  EXPECT_THAT(
      DB::Destroy({}, dir.File("db")),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("held by")));
}

}  // namespace
}  // namespace quire
