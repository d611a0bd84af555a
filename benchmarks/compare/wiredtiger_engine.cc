// WiredTiger under comparison: one session and one cursor a reader, values
// where they lie in its cache. Loaded without a log; a checkpoint makes it
// durable.
#include <wiredtiger.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "benchmarks/compare/peers.h"

namespace quire::benchmarks {
namespace {

constexpr char kTable[] = "table:entries";
constexpr uint64_t kLeastCacheBytes = uint64_t{64} << 20;
// Sessions, handles and buffers beside the cache.
constexpr uint64_t kSessionBytes = uint64_t{8} << 20;

absl::Status Checked(const char* call, int result) {
  if (result == 0) return absl::OkStatus();
  return absl::UnknownError(
      absl::StrCat("wiredtiger: ", call, ": ", wiredtiger_strerror(result)));
}

WT_ITEM ItemOf(std::string_view bytes) {
  WT_ITEM item = {};
  item.data = bytes.data();
  item.size = bytes.size();
  return item;
}

std::string_view BytesOf(const WT_ITEM& item) {
  return {static_cast<const char*>(item.data), item.size};
}

// A session with a cursor on the table.
class TableCursor {
 public:
  ~TableCursor() {
    if (session_ != nullptr) session_->close(session_, nullptr);
  }

  absl::Status Open(WT_CONNECTION& connection) {
    QUIRE_RETURN_IF_ERROR(Checked(
        "open_session",
        connection.open_session(&connection, nullptr, nullptr, &session_)));
    return Checked(
        "open_cursor",
        session_->open_cursor(session_, kTable, nullptr, nullptr, &cursor_));
  }

  WT_SESSION& session() const { return *session_; }
  WT_CURSOR& cursor() const { return *cursor_; }

 private:
  WT_SESSION* session_ = nullptr;
  WT_CURSOR* cursor_ = nullptr;
};

class WiredTigerReader : public Reader {
 public:
  absl::Status Init(WT_CONNECTION& connection) {
    return table_.Open(connection);
  }

  bool Get(std::string_view key, uint64_t* sum) override {
    WT_CURSOR& cursor = table_.cursor();
    WT_ITEM item = ItemOf(key);
    cursor.set_key(&cursor, &item);
    int result = cursor.search(&cursor);
    if (result == 0) result = cursor.get_value(&cursor, &item);
    if (result == 0) {
      *sum = SumOf(BytesOf(item));
      return true;
    }
    if (result != WT_NOTFOUND) Note(Checked("search", result));
    return false;
  }

  absl::StatusOr<ScanSums> Scan(ScanOrder order) override {
    WT_CURSOR& cursor = table_.cursor();
    QUIRE_RETURN_IF_ERROR(Checked("reset", cursor.reset(&cursor)));
    const auto step = order == ScanOrder::kForward ? cursor.next : cursor.prev;
    ScanSums sums;
    WT_ITEM key = {};
    WT_ITEM value = {};
    int result = 0;
    while ((result = step(&cursor)) == 0) {
      QUIRE_RETURN_IF_ERROR(Checked("get_key", cursor.get_key(&cursor, &key)));
      QUIRE_RETURN_IF_ERROR(
          Checked("get_value", cursor.get_value(&cursor, &value)));
      sums.Add(BytesOf(key), BytesOf(value));
    }
    if (result != WT_NOTFOUND) return Checked("next", result);
    return sums;
  }

 private:
  TableCursor table_;
};

class WiredTigerEngine : public Engine {
 public:
  ~WiredTigerEngine() override {
    writer_.reset();
    if (connection_ != nullptr) connection_->close(connection_, nullptr);
  }

  absl::Status Open(const EngineOptions& options) {
    std::error_code ignored;  // an error shows when it is opened
    std::filesystem::create_directory(options.directory, ignored);
    std::string config =
        absl::StrCat("create,checkpoint_sync=true,cache_size=",
                     std::max(options.cache_bytes, kLeastCacheBytes));
    if (options.memory_bytes > 0) {
      // Its cache holds pages with an overhead that the size doesn't count: an
      // eighth by default.
      const uint64_t cache =
          (options.memory_bytes -
           std::min(options.memory_bytes / 2, kProcessBytes + kSessionBytes)) /
          9 * 8;
      config = absl::StrCat("direct_io=(data),cache_size=", cache);
    }
    QUIRE_RETURN_IF_ERROR(
        Checked("open", wiredtiger_open(options.directory.c_str(), nullptr,
                                        config.c_str(), &connection_)));
    WT_SESSION* session = nullptr;
    QUIRE_RETURN_IF_ERROR(Checked(
        "open_session",
        connection_->open_session(connection_, nullptr, nullptr, &session)));
    QUIRE_RETURN_IF_ERROR(
        Checked("create",
                session->create(session, kTable,
                                "key_format=u,value_format=u,leaf_page_max=8KB,"
                                "leaf_value_max=32KB")));
    QUIRE_RETURN_IF_ERROR(Checked("close", session->close(session, nullptr)));
    writer_ = std::make_unique<TableCursor>();
    return writer_->Open(*connection_);
  }

  absl::Status Write(std::span<const Entry> entries) override {
    WT_SESSION& session = writer_->session();
    WT_CURSOR& cursor = writer_->cursor();
    QUIRE_RETURN_IF_ERROR(Checked(
        "begin_transaction", session.begin_transaction(&session, nullptr)));
    for (const Entry& entry : entries) {
      WT_ITEM key = ItemOf(entry.key);
      WT_ITEM value = ItemOf(entry.value);
      cursor.set_key(&cursor, &key);
      cursor.set_value(&cursor, &value);
      QUIRE_RETURN_IF_ERROR(Checked("insert", cursor.insert(&cursor)));
    }
    return Checked("commit_transaction",
                   session.commit_transaction(&session, nullptr));
  }

  absl::Status Finish() override { return Settle(); }

  absl::Status Settle() override {
    WT_SESSION& session = writer_->session();
    return Checked("checkpoint", session.checkpoint(&session, nullptr));
  }

  absl::StatusOr<std::unique_ptr<Reader>> NewReader() override {
    auto reader = std::make_unique<WiredTigerReader>();
    QUIRE_RETURN_IF_ERROR(reader->Init(*connection_));
    return reader;
  }

 private:
  WT_CONNECTION* connection_ = nullptr;
  std::unique_ptr<TableCursor> writer_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> OpenWiredTiger(
    const EngineOptions& options) {
  auto engine = std::make_unique<WiredTigerEngine>();
  QUIRE_RETURN_IF_ERROR(engine->Open(options));
  return engine;
}

}  // namespace quire::benchmarks
