// Brings the pages that one batch needs into reach: the miss path of the cached
// provider.

#ifndef QUIRE_IO_PAGE_LOADER_H_
#define QUIRE_IO_PAGE_LOADER_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "cache/page_cache.h"
#include "io/aligned_buffer.h"
#include "io/cached_file.h"
#include "io/file_table.h"
#include "io/page_provider.h"
#include "io/page_slot.h"
#include "io/provider_counters.h"
#include "io/read_engine.h"

namespace quire::io {

// What a read needs of its provider. The references outlive the read.
struct CachedReadContext {
  cache::PageCache& cache;
  ReadEngine& engine;
  ProviderCounters& counters;
  FileTable& files;
  // Pages that a miss reads, aligned to as many: a power of two.
  uint64_t piece_pages;
  // False under O_DIRECT.
  bool through_page_cache;
};

// Hands requests to the engine as one batch and counts them.
void SubmitReads(const CachedReadContext& context,
                 std::span<IoRequest> requests);

// Works in rounds until no slot is kNeeded. A round looks at all such slots:
// what is resident is held, what is evicted is claimed (under kReadOnce, and
// where there is no frame, it is read into private memory instead), what
// another thread is reading is noted. Neighbouring pages become one request;
// all go to the engine together; what was read is published. Only then, with no
// claim open, the loader waits for other threads.
//
// When a request of several pages fails, its pages are read one by one, so that
// a page which can't be read doesn't fail its neighbours.
//
// For use by one thread.
class PageLoader {
 public:
  PageLoader(const CachedReadContext& context, FileTable::Section& files,
             CachePolicy policy)
      : context_(context), files_(files), policy_(policy) {}
  // Frames held in slots must have been unheld; private bytes go.
  ~PageLoader() = default;
  PageLoader(const PageLoader&) = delete;
  PageLoader& operator=(const PageLoader&) = delete;

  // Loads `slots`, sorted by file and page, each page once, all kNeeded.
  // `along` are reads of something else, which go to the engine with the first
  // round; the caller looks at their status. To be called once, outside of any
  // guard.
  void Load(std::span<PageSlot> slots, std::span<IoRequest> along);

 private:
  // A page to be read in this round.
  struct PageRead {
    const CachedFile* file;
    uint64_t page;
    PageSlot* slot;        // nullptr: read with its piece, not asked for
    cache::PageLoad load;  // its entry is nullptr for a private read
    std::byte* bytes;
  };

  // Load, but that std::bad_alloc may come out of it while pages are claimed.
  void LoadRounds(std::span<PageSlot> slots, std::span<IoRequest> along);
  // Gives up all that is claimed, since others may wait for it; the process
  // ends if that takes memory and there is none.
  void AbandonClaims() noexcept;
  // Makes room for one more read, so that no claim is lost for want of it.
  void ReserveRead();
  // Looks at all needed slots of one piece.
  void TakePiece(std::span<PageSlot> slots);
  void TakeSlot(PageSlot& slot);
  // Claims what is evicted in the piece around `page`.
  void ClaimRestOfPiece(const CachedFile& file, uint64_t page);
  void GiveMemoryToPrivateReads();
  void ReadRound(std::span<IoRequest> along);
  void ReadPageByPage(std::span<PageRead> reads);
  // Appends a request for adjacent pages of one file.
  void AddRequest(std::span<const PageRead> reads);
  void Succeed(PageRead& read);
  void Fail(PageRead& read, const absl::Status& status);

  const CachedReadContext context_;
  FileTable::Section& files_;
  const CachePolicy policy_;
  std::vector<AlignedBuffer> private_memory_;
  // Of the present round.
  std::vector<PageRead> reads_;
  std::vector<PageSlot*> waits_;
  std::vector<iovec> pieces_;
  std::vector<IoRequest> requests_;
};

}  // namespace quire::io

#endif  // QUIRE_IO_PAGE_LOADER_H_
