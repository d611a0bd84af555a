#include "tests/torture/media/platter.h"

#include <sys/stat.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace quire::torture {
namespace {

constexpr PowerCut kDropAll = {.seed = 1, .keep_percent = 0};
constexpr PowerCut kKeepAll = {.seed = 1, .keep_percent = 100};

std::string Content(const Platter& platter, std::string_view path) {
  const Platter::NodePtr node = platter.Find(path);
  if (node == nullptr) return "absent";
  std::string bytes(node->size, '?');
  EXPECT_EQ(Platter::Read(*node, 0, {bytes.data(), bytes.size()}),
            bytes.size());
  return bytes;
}

Platter::NodePtr MakeFile(Platter& platter, std::string_view path,
                          std::string_view bytes) {
  EXPECT_EQ(platter.Create(path, 0600), 0);
  const Platter::NodePtr node = platter.Find(path);
  Platter::Write(*node, 0, {bytes.data(), bytes.size()});
  return node;
}

TEST(PlatterTest, ReadsWhatWasWrittenAndZerosInHoles) {
  Platter platter(Naming::kStrict);
  const Platter::NodePtr node = MakeFile(platter, "/file", "begin");
  Platter::Write(*node, 10000, {"end", 3});
  const std::string content = Content(platter, "/file");
  EXPECT_EQ(content.size(), 10003u);
  EXPECT_EQ(content.substr(0, 6), std::string("begin\0", 6));
  EXPECT_EQ(content.substr(9998), std::string("\0\0end", 5));
  Platter::Resize(*node, 2);
  Platter::Resize(*node, 6);
  EXPECT_EQ(Content(platter, "/file"), std::string("be\0\0\0\0", 6));
}

TEST(PlatterTest, CutDropsWhatWasNotSynced) {
  Platter platter(Naming::kStrict);
  const Platter::NodePtr node = MakeFile(platter, "/file", "old");
  platter.SyncFile(*node);
  platter.SyncDirectory(*platter.Find("/"));
  Platter::Write(*node, 0, {"newer", 5});
  platter.Cut(kDropAll);
  EXPECT_EQ(Content(platter, "/file"), "old");
}

TEST(PlatterTest, CutMayKeepWhatWasNotSynced) {
  Platter platter(Naming::kStrict);
  MakeFile(platter, "/file", "new");
  platter.Cut(kKeepAll);
  EXPECT_EQ(Content(platter, "/file"), "new");
}

TEST(PlatterTest, GranulesAreKeptOrDroppedEachForItself) {
  for (const uint32_t granule : {512u, 4096u}) {
    Platter platter(Naming::kJournal);
    const Platter::NodePtr node =
        MakeFile(platter, "/file", std::string(64 * 4096, 'a'));
    platter.SyncFile(*node);
    Platter::Write(*node, 0, std::string(64 * 4096, 'b'));
    platter.Cut({.seed = 5, .keep_percent = 50, .granule_bytes = granule});
    const std::string content = Content(platter, "/file");
    size_t kept = 0;
    for (size_t at = 0; at < content.size(); at += granule) {
      EXPECT_EQ(content.substr(at, granule), std::string(granule, content[at]));
      if (content[at] == 'b') ++kept;
    }
    const size_t granules = content.size() / granule;
    EXPECT_GT(kept, granules / 4);
    EXPECT_LT(kept, granules * 3 / 4);
  }
}

TEST(PlatterTest, StrictNamesNeedTheirDirectorySynced) {
  Platter platter(Naming::kStrict);
  platter.SyncFile(*MakeFile(platter, "/file", "text"));
  platter.Cut(kDropAll);
  EXPECT_EQ(Content(platter, "/file"), "absent");
}

TEST(PlatterTest, JournalledNamesComeWithAnySync) {
  Platter platter(Naming::kJournal);
  MakeFile(platter, "/first", "1");
  platter.SyncFile(*MakeFile(platter, "/second", "2"));
  EXPECT_EQ(platter.RemoveFile("/first"), 0);
  platter.SyncFile(*platter.Find("/second"));
  platter.Cut(kDropAll);
  EXPECT_EQ(Content(platter, "/first"), "absent");
  EXPECT_EQ(Content(platter, "/second"), "2");
}

TEST(PlatterTest, RenamesAreWholeAndDurableAfterASyncOfTheDirectory) {
  for (const bool synced : {false, true}) {
    Platter platter(Naming::kStrict);
    platter.SyncFile(*MakeFile(platter, "/to", "old"));
    platter.SyncFile(*MakeFile(platter, "/from", "new"));
    platter.SyncDirectory(*platter.Find("/"));
    EXPECT_EQ(platter.Rename("/from", "/to"), 0);
    EXPECT_EQ(Content(platter, "/to"), "new");
    if (synced) platter.SyncDirectory(*platter.Find("/"));
    platter.Cut(kDropAll);
    EXPECT_EQ(Content(platter, "/to"), synced ? "new" : "old");
    EXPECT_EQ(Content(platter, "/from"), synced ? "absent" : "new");
  }
}

TEST(PlatterTest, JournalledChangesSurviveAsAPrefix) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Platter platter(Naming::kJournal);
    for (char name = 'a'; name <= 'e'; ++name) {
      EXPECT_EQ(platter.Create(std::string("/") + name, 0600), 0);
    }
    platter.Cut({.seed = seed});
    bool ended = false;
    for (char name = 'a'; name <= 'e'; ++name) {
      const bool there = platter.Find(std::string("/") + name) != nullptr;
      EXPECT_FALSE(ended && there) << seed;
      ended = !there;
    }
  }
}

TEST(PlatterTest, LosesWhatAFailedWriteTook) {
  Platter platter(Naming::kStrict);
  const Platter::NodePtr node = MakeFile(platter, "/file", "old");
  platter.SyncFile(*node);
  Platter::Write(*node, 1, {"newer", 5});
  Platter::Lose(*node);
  EXPECT_EQ(Content(platter, "/file"), "old");
}

TEST(PlatterTest, LinkedFilesAreOneFile) {
  Platter platter(Naming::kStrict);
  const Platter::NodePtr node = MakeFile(platter, "/file", "text");
  EXPECT_EQ(platter.MakeDirectory("/folder", 0700), 0);
  EXPECT_EQ(platter.Link("/file", "/folder/link"), 0);
  EXPECT_EQ(platter.RemoveFile("/file"), 0);
  Platter::Write(*node, 0, {"T", 1});
  EXPECT_EQ(Content(platter, "/folder/link"), "Text");
}

TEST(PlatterTest, RefusesWhatAFileSystemRefuses) {
  Platter platter(Naming::kStrict);
  MakeFile(platter, "/file", "");
  EXPECT_EQ(platter.MakeDirectory("/folder", 0700), 0);
  EXPECT_EQ(platter.Create("/folder/file", 0600), 0);
  EXPECT_EQ(platter.Create("/file", 0600), -EEXIST);
  EXPECT_EQ(platter.Create("/nowhere/file", 0600), -ENOENT);
  EXPECT_EQ(platter.RemoveFile("/nothing"), -ENOENT);
  EXPECT_EQ(platter.RemoveFile("/folder"), -EISDIR);
  EXPECT_EQ(platter.RemoveDirectory("/file"), -ENOTDIR);
  EXPECT_EQ(platter.RemoveDirectory("/folder"), -ENOTEMPTY);
  EXPECT_EQ(platter.Rename("/nothing", "/other"), -ENOENT);
  EXPECT_EQ(platter.Link("/folder", "/other"), -EPERM);
}

}  // namespace
}  // namespace quire::torture
