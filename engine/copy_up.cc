#include "engine/copy_up.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/channel.h"
#include "base/text.h"
#include "engine/worker.h"
#include "runtime/launch.h"

namespace ctr::engine {

namespace {

constexpr int k_request_fd = 3;
constexpr int k_answer_fd = 4;
constexpr int k_target_fd = 5;
constexpr size_t k_answer_limit_bytes = size_t{64} << 10;

// The layers as one tree, without a place in the file system: a detached read-only overlay.
Result<Dir> open_stack(const std::vector<std::string>& lower_dirs) {
  if (lower_dirs.size() == 1) return Dir::open(lower_dirs.front());
  const Fd context(static_cast<int>(syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC)));
  if (!context.valid()) return Error::from_errno("open an overlay");
  const auto set = [&](const char* key, const std::string& value) {
    return syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
  };
  // Store paths hold no ':' of ours, but the user's home may.
  std::string stacked;
  for (const auto& dir : lower_dirs) {
    if (!stacked.empty()) stacked += ':';
    for (const char c : dir) {
      if (c == ':' || c == '\\') stacked += '\\';
      stacked += c;
    }
  }
  const bool configured = set("source", "overlay") && set("lowerdir", stacked) &&
                          syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_FLAG, "userxattr", nullptr, 0) == 0 &&
                          syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  if (!configured) return Error::from_errno("stack the image's layers");
  Fd mounted(static_cast<int>(syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY)));
  if (!mounted.valid()) return Error::from_errno("mount the image's layers");
  return Dir(std::move(mounted), "image");
}

Result<void> perform() {
  const auto text = TRY(read_all(k_request_fd, size_t{4} << 20, "the copy-up request"));
  const auto json = TRY(parse_json(text, "copy-up request"));
  const JsonReader reader(json, "copy-up request");
  const auto path = TRY(reader.get_string("path"));
  const auto image = TRY(open_stack(TRY(reader.strings("lower_dirs"))));
  // "." and not "": the root itself may be asked for. Absolute links begin at the image's root.
  Dir from(TRY(image.open_in_root("." + path, O_RDONLY | O_DIRECTORY)), "image" + path);
  const Dir target(Fd(k_target_fd), "volume");
  return copy_tree(from, target);
}

}  // namespace

int run_copy_up_process() {
  const auto done = perform();
  const auto answer = done ? Json::object() : to_json(done.error());
  const auto sent = write_all(k_answer_fd, dump_json(answer), "the copy-up answer");
  return done && sent ? 0 : 1;
}

Result<void> copy_up(Core& core, const std::vector<std::string>& lower_dirs, const std::string& path,
                     const Dir& target) {
  const auto* host = TRY(core.host());
  const Json request = Json::object().set("path", path).set("lower_dirs", Json::strings(lower_dirs));
  const auto memory = TRY(make_sealed_memfd("copy-up", dump_json(request)));
  auto answer = TRY(make_pipe());
  auto child = TRY(runtime::launch_in_userns(
      {*host,
       host->default_map(),
       core.options().own_binary,
       {"ctr", std::string(k_copy_up_verb)},
       core.helper_env(),
       {{memory.get(), k_request_fd}, {answer.write_end.get(), k_answer_fd}, {target.fd(), k_target_fd}},
       "/"}));
  answer.write_end.reset();
  const auto text = TRY(read_all(answer.read_end.get(), k_answer_limit_bytes, "the copy-up answer"));
  const auto status = TRY(child.wait(core.cancel()));
  if (status.code == 0) return ok();
  const auto json = parse_json(text, "copy-up answer");
  if (json) return error_from_json(*json);
  return Error(Errc::io, fmt::format("the copy worker ended with code {}", status.code));
}

}  // namespace ctr::engine
