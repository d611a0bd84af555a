// Reads that stay in flight, of files of a table.

#ifndef QUIRE_IO_ASYNC_FILE_READS_H_
#define QUIRE_IO_ASYNC_FILE_READS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "io/file_table.h"
#include "io/page_provider.h"
#include "io/read_engine.h"

namespace quire::io {

// One read. Who submits it sets all but `file`, `registered_file` and `status`
// of the request.
struct FileRead : IoRequest {
  const TableFile* table_file = nullptr;
};

// What the asynchronous readers of all providers are made of: keeps up to a
// queue's depth of reads in flight, lets the others wait for their turn, and
// collects the requests that are answered.
//
// For use by one thread at a time, outside of any guard and section.
class AsyncFileReads {
 public:
  // `files` must outlive this object.
  AsyncFileReads(FileTable& files, std::unique_ptr<ReadQueue> queue)
      : files_(files), queue_(std::move(queue)) {}
  // Waits for what is in flight.
  ~AsyncFileReads() = default;
  AsyncFileReads(const AsyncFileReads&) = delete;
  AsyncFileReads& operator=(const AsyncFileReads&) = delete;

  // Starts a read, when there is room. It, its pieces and the memory behind
  // stay where they are until it has ended or this object is gone.
  void Add(FileRead& read) { waiting_.push_back(&read); }

  // Hands what was added to the kernel. May open files. The process ends if
  // there is no memory for that: part of it may be under way.
  void Start() noexcept;

  // A request that has its status.
  void Answer(ReadRequest& request) { answered_.push_back(&request); }

  // Gives answered requests to `done` and returns how many; waits until there
  // are `least` of them or nothing is left to wait for. Calls `end` for each
  // read that has ended and has its status, and `end` calls Answer. The process
  // ends if `end` throws: reads that the kernel has given back would be lost.
  size_t Poll(size_t least, std::span<ReadRequest*> done,
              absl::FunctionRef<void(FileRead&)> end);

 private:
  // Takes reads that have ended: all that have, and at least `least`.
  void Reap(size_t least, absl::FunctionRef<void(FileRead&)> end);
  void FinishAll(std::span<const ReadQueue::Ended> ended,
                 absl::FunctionRef<void(FileRead&)> end) noexcept;
  // Gives `read`, which the kernel answered with `result`, its status.
  void Finish(FileRead& read, int64_t result);

  FileTable& files_;
  std::deque<FileRead*> waiting_;
  std::deque<ReadRequest*> answered_;
  size_t in_flight_ = 0;
  std::vector<IoRequest*> starting_;
  std::vector<ReadQueue::Ended> ended_;
  const std::unique_ptr<ReadQueue> queue_;
};

}  // namespace quire::io

#endif  // QUIRE_IO_ASYNC_FILE_READS_H_
