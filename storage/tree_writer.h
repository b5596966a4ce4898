// Makes the entries of one layer beneath a directory. Private to storage/.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/file.h"
#include "base/result.h"
#include "storage/dir_cache.h"
#include "storage/tar_reader.h"
#include "storage/unpack.h"

namespace ctr::storage {

// Files get the modes of the archive.
class NoUmask {
 public:
  NoUmask() : old_(::umask(0)) {}
  ~NoUmask() { ::umask(old_); }
  NoUmask(const NoUmask&) = delete;
  NoUmask& operator=(const NoUmask&) = delete;

 private:
  mode_t old_;
};

// Every name is resolved beneath the target by the kernel; what has a name already is replaced, never written through;
// owners, modes, times and attributes are set on descriptors of what was just made.
class TreeWriter {
 public:
  TreeWriter(const Dir& target, const UnpackOptions& options);

  // Makes one entry; a file's content is taken from `tar`.
  // Errors: corrupt (dangerous or contradictory entries), invalid (owner outside the map, a limit), no_space.
  Result<void> write(const TarEntry& entry, TarReader& tar);
  // Sets the times of directories that are still open. Call it once at the end.
  Result<void> finish();

  uint64_t content_bytes() const { return content_bytes_; }
  uint64_t skipped_devices() const { return skipped_devices_; }
  uint64_t skipped_xattrs() const { return skipped_xattrs_; }
  bool is_opaque_root() const { return opaque_root_; }

 private:
  // Where an entry goes: a name in a directory of the tree.
  struct Place {
    OpenDir* parent;
    std::string name;
    std::string path;
  };

  Result<void> write_root(const TarEntry& entry);
  Result<void> write_whiteout(Place& place);
  Result<void> hide_lower(Place& place, const std::string& name);
  Result<void> write_directory(const TarEntry& entry, Place& place);
  Result<void> write_file(const TarEntry& entry, Place& place, TarReader& tar);
  Result<void> write_content(const TarEntry& entry, int fd, TarReader& tar);
  Result<void> write_symlink(const TarEntry& entry, Place& place);
  Result<void> write_hardlink(const TarEntry& entry, Place& place);
  Result<void> write_fifo(const TarEntry& entry, Place& place);

  // Runs `make`, a call that makes place.name and fails with EEXIST; what is in the way is removed first.
  template <typename Make>
  Result<void> replace(Place& place, Make make);
  Result<void> remove_existing(Place& place);
  // Errors: in_use for what is mounted: from our mount namespace the kernel would let it be removed.
  Result<void> check_not_mounted(const Place& place) const;
  bool is_layer() const { return options_.purpose == UnpackOptions::Purpose::layer; }
  // Errors: exists, unless what is there (`mode`) may be replaced by a directory, or by something else.
  Result<void> check_replaced(mode_t mode, const Place& place, bool by_directory) const;
  // Owner, mode and attributes, in the order in which the kernel keeps them. `created_mode`: with which it was made
  // just now; nullopt when it was there before.
  Result<void> set_metadata(int fd, const TarEntry& entry, const Place& place, std::optional<mode_t> created_mode);
  Result<void> set_xattrs(int fd, const TarEntry& entry);
  bool must_chown(const TarEntry& entry, const OpenDir& parent) const;
  Result<void> check_owner(const TarEntry& entry) const;

  const Dir& target_;
  const UnpackOptions& options_;
  DirCache dirs_;
  uid_t own_uid_;
  gid_t own_gid_;
  uint64_t content_bytes_ = 0;
  uint64_t skipped_devices_ = 0;
  uint64_t skipped_xattrs_ = 0;
  bool opaque_root_ = false;
};

}  // namespace ctr::storage
