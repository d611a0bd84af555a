#include "io/async_file_reads.h"

#include <algorithm>

#include "absl/status/status.h"
#include "io/blocking_read.h"

namespace quire::io {

void AsyncFileReads::Start() noexcept {
  const size_t count = std::min(waiting_.size(), queue_->depth() - in_flight_);
  if (count == 0) return;
  // The kernel keeps the files of what it has taken: the section may end with
  // the call.
  FileTable::Section files(files_);
  starting_.clear();
  for (size_t i = 0; i < count; ++i) {
    FileRead* const read = waiting_.front();
    waiting_.pop_front();
    const ReadSource source = files.Find(*read->table_file);
    read->file = source.file;
    read->registered_file = source.registered_file;
    starting_.push_back(read);
  }
  queue_->Submit(starting_);
  in_flight_ += count;
}

size_t AsyncFileReads::Poll(size_t least, std::span<ReadRequest*> done,
                            absl::FunctionRef<void(FileRead&)> end) {
  least = std::min(least, done.size());
  do {
    Reap(least > answered_.size() ? least - answered_.size() : 0, end);
    Start();
  } while (answered_.size() < least && in_flight_ > 0);
  const size_t count = std::min(done.size(), answered_.size());
  for (size_t i = 0; i < count; ++i) {
    done[i] = answered_.front();
    answered_.pop_front();
  }
  return count;
}

void AsyncFileReads::Reap(size_t least,
                          absl::FunctionRef<void(FileRead&)> end) {
  if (in_flight_ == 0) return;
  ended_.resize(in_flight_);
  const size_t count = queue_->Take(std::min(least, in_flight_), ended_);
  in_flight_ -= count;
  FinishAll(std::span(ended_).first(count), end);
}

void AsyncFileReads::FinishAll(
    std::span<const ReadQueue::Ended> ended,
    absl::FunctionRef<void(FileRead&)> end) noexcept {
  for (const ReadQueue::Ended& each : ended) {
    auto& read = static_cast<FileRead&>(*each.request);
    Finish(read, each.result);
    end(read);
  }
}

void AsyncFileReads::Finish(FileRead& read, int64_t result) {
  const uint64_t needed = read.wanted_offset + read.wanted_length - read.offset;
  if (result >= 0 && static_cast<uint64_t>(result) >= needed) {
    read.status = absl::OkStatus();
    return;
  }
  FileTable::Section files(files_);
  read.file = files.Find(*read.table_file).file;
  if (read.file->descriptor() < 0) {
    ReadBlocking(read);
  } else {
    FinishRead(read, result);
  }
}

}  // namespace quire::io
