#include "kv/internal/checkpoint.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "kv/internal/current_file.h"
#include "kv/internal/database_files.h"
#include "kv/internal/file_header.h"
#include "kv/internal/manifest_edit.h"
#include "kv/internal/manifest_writer.h"
#include "kv/internal/random_id.h"

namespace quire::kv_internal {
namespace {

class CheckpointWriter {
 public:
  CheckpointWriter(io::FileSystem& file_system, const std::string& source,
                   const std::string& target)
      : file_system_(file_system), source_(source), target_(target) {}

  absl::Status Write(const DatabaseState& state) {
    absl::Cleanup remove = [this] { RemoveAll(); };
    QUIRE_RETURN_IF_ERROR(MakeDirectory());
    for (const auto& [number, segment] : state.segments) {
      QUIRE_CHECK(segment.table_number != 0);
      QUIRE_RETURN_IF_ERROR(Take(FileType::kSegment, number, segment.length));
    }
    for (const RunState& run : state.runs) {
      QUIRE_RETURN_IF_ERROR(
          Take(FileType::kTable, run.table_number, run.table_length));
    }
    QUIRE_RETURN_IF_ERROR(WriteManifest(state));
    std::move(remove).Cancel();
    return absl::OkStatus();
  }

 private:
  absl::Status MakeDirectory() {
    absl::Status made = file_system_.CreateDirectory(target_);
    made_directory_ = made.ok();
    if (absl::IsAlreadyExists(made)) {
      QUIRE_ASSIGN_OR_RETURN(const DatabaseFiles files,
                             ListDatabaseFiles(file_system_, target_));
      if (!files.Empty()) {
        return absl::AlreadyExistsError(
            absl::StrCat(target_, ": the directory is not empty"));
      }
    } else {
      QUIRE_RETURN_IF_ERROR(made);
    }
    return SyncNameOfDirectory(file_system_, target_);
  }

  // Gives the target a file of the source, by a link or a copy.
  absl::Status Take(FileType type, uint64_t number, uint64_t length) {
    const std::string from = FilePath(source_, type, number);
    const std::string to = FilePath(target_, type, number);
    absl::Status status = file_system_.LinkFile(from, to);
    if (absl::IsFailedPrecondition(status)) {
      status = file_system_.CopyFile(from, to);
    }
    // Somebody else's file stays; whatever else went wrong, it may be there.
    if (!absl::IsAlreadyExists(status)) made_.push_back(to);
    QUIRE_RETURN_IF_ERROR(status);
    QUIRE_ASSIGN_OR_RETURN(const uint64_t size, file_system_.FileSize(to));
    if (size >= length) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(from, ": ", size,
                                            " bytes long, but the manifest "
                                            "says ",
                                            length));
  }

  absl::Status WriteManifest(const DatabaseState& state) {
    const uint64_t number = state.next_file_number;
    DatabaseState numbered = state;
    ManifestEdit edit;
    edit.Add(NextFileNumber{number + 1});
    QUIRE_RETURN_IF_ERROR(numbered.Apply(edit));
    // Syncs the directory, and with it the names of all files.
    QUIRE_ASSIGN_OR_RETURN(const std::unique_ptr<ManifestWriter> manifest,
                           ManifestWriter::Create(file_system_, target_, number,
                                                  RandomId(), numbered));
    made_.push_back(FilePath(target_, FileType::kManifest, number));
    QUIRE_RETURN_IF_ERROR(manifest->Close());
    made_current_ = true;
    return WriteCurrentFile(file_system_, target_,
                            manifest->Current(/*closed=*/true));
  }

  // CURRENT first, and nothing else if it stays: what is left is no database,
  // or a whole one.
  void RemoveAll() {
    if (made_current_) {
      for (const char* name : {kCurrentName, kCurrentTemporaryName}) {
        const absl::Status removed =
            file_system_.RemoveFile(absl::StrCat(target_, "/", name));
        if (!removed.ok() && !absl::IsNotFound(removed)) return;
      }
      // Otherwise a crash could bring it back without its files.
      if (!file_system_.SyncDirectory(target_).ok()) return;
    }
    for (const std::string& path : made_) {
      file_system_.RemoveFile(path).IgnoreError();
    }
    if (made_directory_) file_system_.RemoveDirectory(target_).IgnoreError();
  }

  io::FileSystem& file_system_;
  const std::string& source_;
  const std::string& target_;
  bool made_directory_ = false;
  bool made_current_ = false;
  std::vector<std::string> made_;  // paths that may be there
};

}  // namespace

DatabaseState RunsOnly(const DatabaseState& state) {
  DatabaseState result = state;
  std::erase_if(result.segments, [](const auto& segment) {
    return segment.second.table_number == 0;
  });
  return result;
}

absl::Status WriteCheckpoint(io::FileSystem& file_system,
                             const std::string& source,
                             const DatabaseState& state,
                             const std::string& target) {
  return CheckpointWriter(file_system, source, target).Write(state);
}

}  // namespace quire::kv_internal
