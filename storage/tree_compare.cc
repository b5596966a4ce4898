#include "storage/tree_compare.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/channel.h"
#include "base/fd.h"
#include "base/text.h"
#include "storage/worker.h"

namespace ctr::storage {

namespace {

constexpr size_t k_block_bytes = size_t{128} << 10;
constexpr size_t k_attribute_limit_bytes = size_t{64} << 10;  // XATTR_SIZE_MAX, linux/limits.h

using Difference = std::optional<std::string>;

Result<size_t> read_block(int fd, std::string& block) {
  size_t filled = 0;
  while (filled < block.size()) {
    const ssize_t got = ::read(fd, block.data() + filled, block.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno("read a file of a layer");
    if (got == 0) break;
    filled += static_cast<size_t>(got);
  }
  return filled;
}

Result<bool> has_same_content(int one, int other) {
  std::string first(k_block_bytes, '\0');
  std::string second(k_block_bytes, '\0');
  while (true) {
    const auto size = TRY(read_block(one, first));
    if (size != TRY(read_block(other, second)) || first.compare(0, size, second, 0, size) != 0) return false;
    if (size < k_block_bytes) return true;
  }
}

// What a file system without attributes has of them: none.
std::map<std::string, std::string> attributes_of(int fd) {
  std::map<std::string, std::string> found;
  std::string names(k_attribute_limit_bytes, '\0');
  const ssize_t size = ::flistxattr(fd, names.data(), names.size());
  if (size <= 0) return found;
  names.resize(static_cast<size_t>(size));
  std::string value(k_attribute_limit_bytes, '\0');
  for (const auto& name : split(names, '\0')) {
    const ssize_t length = name.empty() ? -1 : ::fgetxattr(fd, name.c_str(), value.data(), value.size());
    if (length >= 0) found[name] = value.substr(0, static_cast<size_t>(length));
  }
  return found;
}

std::string_view differing_status(const struct stat& one, const struct stat& other) {
  if ((one.st_mode & S_IFMT) != (other.st_mode & S_IFMT)) return "type";
  if (one.st_mode != other.st_mode) return "mode";
  if (one.st_uid != other.st_uid || one.st_gid != other.st_gid) return "owner";
  if (one.st_rdev != other.st_rdev) return "device number";
  if (!S_ISREG(one.st_mode)) return {};
  if (one.st_size != other.st_size) return "size";
  const bool same_time = one.st_mtim.tv_sec == other.st_mtim.tv_sec && one.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
  return same_time ? std::string_view() : "time of change";
}

// Empty: the same.
Result<std::string_view> differing_part(const Dir& one, const Dir& other, const std::string& name,
                                        const struct stat& first, const struct stat& second) {
  if (const auto part = differing_status(first, second); !part.empty()) return part;
  if (S_ISLNK(first.st_mode)) {
    return TRY(one.read_symlink(name)) == TRY(other.read_symlink(name)) ? std::string_view() : "link target";
  }
  if (!S_ISREG(first.st_mode)) return std::string_view();
  const auto left = TRY(one.open_file(name, O_RDONLY));
  const auto right = TRY(other.open_file(name, O_RDONLY));
  if (attributes_of(left.get()) != attributes_of(right.get())) return std::string_view("attributes");
  return TRY(has_same_content(left.get(), right.get())) ? std::string_view() : "content";
}

Result<std::vector<std::string>> sorted_names(const Dir& dir) {
  auto names = TRY(dir.list());
  std::sort(names.begin(), names.end());
  return names;
}

Result<Difference> compare(const Dir& one, const Dir& other, const std::string& path) {
  if (attributes_of(one.fd()) != attributes_of(other.fd())) return Difference(path + ": attributes");
  const auto names = TRY(sorted_names(one));
  const auto others = TRY(sorted_names(other));
  const auto [left, right] = std::mismatch(names.begin(), names.end(), others.begin(), others.end());
  if (left != names.end() && (right == others.end() || *left < *right))
    return Difference(path + *left + ": is missing");
  if (right != others.end()) return Difference(path + *right + ": does not belong there");
  for (const auto& name : names) {
    const auto first = TRY(one.find(name));
    const auto second = TRY(other.find(name));
    if (!first || !second) return Difference(path + name + ": is gone");
    const auto part = TRY(differing_part(one, other, name, *first, *second));
    if (!part.empty()) return Difference(path + name + ": " + std::string(part));
    if (!S_ISDIR(first->st_mode)) continue;
    auto below = TRY(compare(TRY(one.open_dir(name)), TRY(other.open_dir(name)), path + name + "/"));
    if (below) return below;
  }
  return Difference();
}

Result<Difference> compare_confined(const CompareRequest& request, const LoadFilter& load_filter) {
  // Each level of both trees holds a descriptor.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &files);
  }
  const Dir other(Fd(request.other_fd), "layer");
  const auto one = TRY(confine_beside(request.one_fd, load_filter));
  return first_difference(one, other);
}

}  // namespace

Result<std::optional<std::string>> first_difference(const Dir& one, const Dir& other) {
  return compare(one, other, "/");
}

Json to_json(const CompareRequest& request) {
  return Json::object().set("one", request.one_fd).set("other", request.other_fd).set("answer", request.answer_fd);
}

Result<CompareRequest> compare_request_from_json(const JsonReader& reader) {
  CompareRequest request;
  request.one_fd = static_cast<int>(TRY(reader.get_int("one")));
  request.other_fd = static_cast<int>(TRY(reader.get_int("other")));
  request.answer_fd = static_cast<int>(TRY(reader.get_int("answer")));
  return request;
}

Result<std::optional<std::string>> compare_answer_from_json(const Json& answer) {
  const JsonReader reader(answer, "the answer of the process that compares");
  TRY(reader.expect_object());
  if (const auto* error = answer.find("error")) return error_from_json(*error);
  return reader.find_string("difference");
}

int run_compare_worker(const CompareRequest& request, const LoadFilter& load_filter) {
  prepare_worker();
  const auto found = compare_confined(request, load_filter);
  Json answer = Json::object();
  if (found) {
    answer.set("difference", *found ? Json(printable(**found)) : Json());
  } else {
    answer.set("error", to_json(found.error()));
  }
  const auto sent = write_all(request.answer_fd, dump_json(answer), "the answer");
  return found && sent ? 0 : 1;
}

}  // namespace ctr::storage
