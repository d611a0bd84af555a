#include "tests/kv/database_model.h"

#include <memory>

#include "gtest/gtest.h"
#include "tests/testing/status_matchers.h"

namespace quire::testing {

Model Dump(DB& db, const Snapshot* snapshot) {
  Model model;
  ReadOptions options;
  options.snapshot = snapshot;
  const std::unique_ptr<Iterator> it = db.NewIterator(options);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const auto value = it->value();
    EXPECT_OK(value.status());
    if (!value.ok()) continue;
    model[std::string(it->key())] = *value;
    // The other way in, by the hash section.
    std::string got;
    EXPECT_OK(db.Get(options, it->key(), &got));
    EXPECT_EQ(got, *value);
  }
  EXPECT_OK(it->status());
  return model;
}

void OverwriteAndDelete(DB& db, int keys, int round, Model& model) {
  for (int i = 0; i < keys; ++i) {
    const std::string key = "key" + std::to_string(1000 + i);
    if ((i + round) % 7 == 0) {
      ASSERT_OK(db.Delete({}, key));
      model.erase(key);
      continue;
    }
    const std::string value =
        std::to_string(round) + ":" + std::string(500, 'v');
    ASSERT_OK(db.Put({}, key, value));
    model[key] = value;
  }
}

}  // namespace quire::testing
