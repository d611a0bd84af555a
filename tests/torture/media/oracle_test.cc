// That the oracle sees what it is there to see.

#include "tests/torture/media/oracle.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kv/db.h"
#include "tests/testing/shared_memory.h"
#include "tests/testing/temp_directory.h"
#include "tests/torture/media/child_process.h"
#include "tests/torture/media/writing_life.h"

namespace quire::torture {
namespace {

using ::testing::HasSubstr;

constexpr Round kRound = {.seed = 7, .number = 3};

class OracleTest : public ::testing::Test {
 protected:
  // Writes all of a short round.
  void WriteRound() {
    ChildProcess writer([this] {
      return WriteAway(Path(), kRound, {.batches = 20}, *progress_).ok() ? 0
                                                                         : 1;
    });
    ASSERT_TRUE(writer.WaitFor(std::chrono::minutes(1)));
    ASSERT_EQ(writer.HowItFailed(), "");
    ASSERT_EQ(progress_->Complaint(), "");
    ASSERT_EQ(progress_->writers[0].durable, 20u);
  }

  Verdict Judge(Crash crash, const Round& round = kRound) {
    ChildProcess judge([&] { return oracle_.Judge(Path(), round, crash, {}); });
    EXPECT_TRUE(judge.WaitFor(std::chrono::minutes(1)));
    return oracle_.VerdictOf(judge);
  }

  // In a process of its own, so that this one stays without threads.
  void Change(const std::string& key, const std::string& value) {
    ChildProcess writer([&] {
      auto db = DB::Open({}, Path());
      return db.ok() && (*db)->Put({}, key, value).ok() && (*db)->Close().ok()
                 ? 0
                 : 1;
    });
    ASSERT_TRUE(writer.WaitFor(std::chrono::minutes(1)));
    ASSERT_EQ(writer.HowItFailed(), "");
  }

  std::string Path() const { return directory_.File("db"); }

  testing::TempDirectory directory_;
  testing::SharedMemory<Progress> progress_;
  Oracle oracle_{*progress_};
};

TEST_F(OracleTest, WholeRoundIsRight) {
  WriteRound();
  const Verdict verdict = Judge(Crash::kProcess);
  EXPECT_EQ(verdict.AnythingWrong(), "");
  EXPECT_TRUE(verdict.judged);
  EXPECT_EQ(progress_->recovered[1], 20u);
}

TEST_F(OracleTest, SeesALostWrite) {
  WriteRound();
  progress_->writers[1].begun = 21;
  progress_->writers[1].acknowledged = 21;
  EXPECT_THAT(Judge(Crash::kProcess).wrong, HasSubstr("was promised 21"));
  EXPECT_EQ(Judge(Crash::kPower).wrong, "") << "it wasn't durable";
}

TEST_F(OracleTest, SeesAWriteThatNobodyBegan) {
  WriteRound();
  Change(LastKey(2), LastValue(kRound, 25));
  EXPECT_THAT(Judge(Crash::kPower).wrong, HasSubstr("began 20, and 26"));
}

TEST_F(OracleTest, SeesAWrongValueAndAForeignKey) {
  WriteRound();
  Change(MakeBatch(kRound, 0, 19).changes.front().first, "wrong");
  EXPECT_THAT(Judge(Crash::kPower).wrong, HasSubstr("thread 0"));
  Change("foreign", "key");
  EXPECT_THAT(Judge(Crash::kPower).wrong, HasSubstr("nobody wrote: foreign"));
}

TEST_F(OracleTest, SeesThatWhatWasShownIsGone) {
  WriteRound();
  ASSERT_TRUE(Judge(Crash::kPower).judged);
  progress_->writers[0].durable = 0;
  oracle_.HoldFast();
  EXPECT_EQ(progress_->writers[0].durable, 20u);
}

TEST_F(OracleTest, DamageIsAFailureNotAWrongState) {
  WriteRound();
  for (const auto& entry : std::filesystem::directory_iterator(Path())) {
    if (entry.path().extension() == ".seg") {
      std::filesystem::resize_file(entry.path(), 100);
    }
  }
  const Verdict verdict = Judge(Crash::kPower);
  EXPECT_EQ(verdict.wrong, "");
  EXPECT_THAT(verdict.failure, HasSubstr(".seg"));
  EXPECT_FALSE(verdict.judged);
}

TEST_F(OracleTest, DeathIsWrong) {
  ChildProcess process([]() -> int { std::abort(); });
  ASSERT_TRUE(process.WaitFor(std::chrono::minutes(1)));
  EXPECT_THAT(oracle_.VerdictOf(process).wrong, HasSubstr("killed by"));
}

TEST_F(OracleTest, NextRoundBeginsWithWhatWasRecovered) {
  WriteRound();
  ASSERT_TRUE(Judge(Crash::kPower).judged);
  oracle_.NextRound(kRound);
  EXPECT_EQ(progress_->writers[0].begun, 0u);
  const Verdict verdict = Judge(Crash::kPower, {.seed = 7, .number = 4});
  EXPECT_EQ(verdict.AnythingWrong(), "");
  EXPECT_TRUE(verdict.judged);
  EXPECT_EQ(progress_->recovered[0], 0u);
}

}  // namespace
}  // namespace quire::torture
