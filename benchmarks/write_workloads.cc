#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "benchmarks/workload.h"
#include "io/file_system.h"
#include "io/posix_file_system.h"
#include "kv/write_batch.h"

namespace quire::benchmarks {
namespace {

// Header of a group and of its record: what Quire's log has beside key and
// value (kv/FORMAT.md).
constexpr size_t kLogHeaderBytes = 72 + 24;

enum class Order : uint8_t { kSequential, kRandom };

// Writes batches until the budget is spent; `add` puts the operation on a key
// into the batch and returns the bytes that it counts for.
template <typename Add>
absl::Status WriteBatches(WorkloadContext& context, WorkloadThread& thread,
                          Order order, Add add) {
  if (context.num != context.key_count) {
    thread.stats.AddMessage(absl::StrFormat("(%d ops)", context.num));
  }
  KeyBuffer key(context.key_prefix);
  WriteBatch batch;
  OpBudget budget(context, context.num);
  uint64_t next = 0;
  while (budget.Take(context.entries_per_batch)) {
    batch.Clear();
    for (uint64_t i = 0; i < context.entries_per_batch; ++i) {
      const uint64_t number = order == Order::kSequential
                                  ? next++
                                  : thread.random.Uniform(context.key_count);
      thread.stats.AddBytes(add(batch, key.Set(number)));
    }
    QUIRE_RETURN_IF_ERROR(context.db->Write(context.write_options, batch));
    thread.stats.FinishedOps(context.entries_per_batch);
  }
  return absl::OkStatus();
}

absl::Status Write(WorkloadContext& context, WorkloadThread& thread,
                   Order order) {
  return WriteBatches(context, thread, order,
                      [&](WriteBatch& batch, std::string_view key) {
                        batch.Put(key, thread.values.Next(context.value_size));
                        return key.size() + context.value_size;
                      });
}

absl::Status Delete(WorkloadContext& context, WorkloadThread& thread,
                    Order order) {
  return WriteBatches(context, thread, order,
                      [](WriteBatch& batch, std::string_view key) {
                        batch.Delete(key);
                        return uint64_t{0};
                      });
}

}  // namespace

absl::Status WriteSequential(WorkloadContext& context, WorkloadThread& thread) {
  return Write(context, thread, Order::kSequential);
}

absl::Status WriteRandom(WorkloadContext& context, WorkloadThread& thread) {
  return Write(context, thread, Order::kRandom);
}

absl::Status SyncDevice(WorkloadContext& context, WorkloadThread& thread) {
  io::FileSystem& file_system = io::PosixFileSystem();
  const std::string path = context.db_path + ".devicesync";
  QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<io::WritableFile> file,
                         file_system.CreateFile(path));
  const absl::Cleanup remove = [&] {
    file_system.RemoveFile(path).IgnoreError();
  };
  const size_t payload =
      KeyBuffer(context.key_prefix).view().size() + context.value_size;
  const std::string bytes(kLogHeaderBytes + payload, 'x');
  OpBudget budget(context, context.num);
  for (uint64_t offset = 0; budget.Take(); offset += bytes.size()) {
    QUIRE_RETURN_IF_ERROR(
        file->WriteAt(offset, std::as_bytes(std::span(bytes))));
    QUIRE_RETURN_IF_ERROR(file->Sync());
    thread.stats.AddBytes(payload);
    thread.stats.FinishedOps();
  }
  return absl::OkStatus();
}

absl::Status DeleteSequential(WorkloadContext& context,
                              WorkloadThread& thread) {
  return Delete(context, thread, Order::kSequential);
}

absl::Status DeleteRandom(WorkloadContext& context, WorkloadThread& thread) {
  return Delete(context, thread, Order::kRandom);
}

}  // namespace quire::benchmarks
