#include "base/status_macros.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire::base {
namespace {

using ::quire::testing::IsOkAndHolds;
using ::quire::testing::StatusIs;
using ::testing::Eq;

absl::Status ReturnIfError(const absl::Status& status, bool& went_on) {
  QUIRE_RETURN_IF_ERROR(status);
  went_on = true;
  return absl::OkStatus();
}

TEST(ReturnIfErrorTest, GoesOnAfterOk) {
  bool went_on = false;
  EXPECT_OK(ReturnIfError(absl::OkStatus(), went_on));
  EXPECT_TRUE(went_on);
}

TEST(ReturnIfErrorTest, HandsTheErrorUpUnchanged) {
  bool went_on = false;
  EXPECT_THAT(ReturnIfError(absl::DataLossError("torn"), went_on),
              StatusIs(absl::StatusCode::kDataLoss, Eq("torn")));
  EXPECT_FALSE(went_on);
}

absl::StatusOr<int> Sum(const absl::StatusOr<int>& a,
                        const absl::StatusOr<int>& b) {
  QUIRE_ASSIGN_OR_RETURN(int sum, a);
  QUIRE_ASSIGN_OR_RETURN(const int addend, b);
  sum += addend;
  return sum;
}

TEST(AssignOrReturnTest, AssignsValues) {
  EXPECT_THAT(Sum(2, 3), IsOkAndHolds(5));
}

TEST(AssignOrReturnTest, HandsTheFirstErrorUp) {
  EXPECT_THAT(Sum(absl::NotFoundError("a"), absl::DataLossError("b")),
              StatusIs(absl::StatusCode::kNotFound, Eq("a")));
  EXPECT_THAT(Sum(2, absl::DataLossError("b")),
              StatusIs(absl::StatusCode::kDataLoss, Eq("b")));
}

absl::StatusOr<std::unique_ptr<int>> PassOn(
    absl::StatusOr<std::unique_ptr<int>> source) {
  std::unique_ptr<int> value;
  QUIRE_ASSIGN_OR_RETURN(value, std::move(source));
  return value;
}

TEST(AssignOrReturnTest, MovesValuesThatCannotBeCopied) {
  QUIRE_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<int> value,
                             PassOn(std::make_unique<int>(7)));
  EXPECT_EQ(*value, 7);
}

}  // namespace
}  // namespace quire::base
