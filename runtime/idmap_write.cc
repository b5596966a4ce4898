#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/child.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "runtime/host_facts.h"
#include "runtime/idmap.h"

namespace ctr::runtime {
namespace {

// One line "inside outside size" a range, as /proc/PID/uid_map takes them in one write (user_namespaces(7)).
std::string map_text(const std::vector<IdRange>& ranges) {
  std::string out;
  for (const IdRange& range : ranges) out += fmt::format("{} {} {}\n", range.inside, range.outside, range.size);
  return out;
}

Result<void> write_proc(int pid, const char* name, const std::string& content) {
  const std::string path = fmt::format("/proc/{}/{}", pid, name);
  const Fd file = TRY(open_path(path, O_WRONLY));
  if (::write(file.get(), content.data(), content.size()) < 0) return Error::from_errno("write '" + path + "'");
  return ok();
}

Result<void> write_directly(int pid, const IdMap& map, const HostFacts& host) {
  TRY(write_proc(pid, "uid_map", map_text(map.uids)));
  // The kernel demands it of unprivileged writers; privileged ones leave the default.
  if (!host.privileged()) TRY(write_proc(pid, "setgroups", "deny"));
  return write_proc(pid, "gid_map", map_text(map.gids));
}

// A program that writes one of the maps, and where its words go.
struct Writer {
  std::string program;
  Child child;
  Fd words;
};

Result<Writer> start_writer(const std::string& program, int pid, const std::vector<IdRange>& ranges) {
  SpawnOptions options{.program = program, .argv = {program, std::to_string(pid)}, .env = {}, .fds = {}, .cwd = {}};
  for (const IdRange& range : ranges) {
    options.argv.push_back(std::to_string(range.inside));
    options.argv.push_back(std::to_string(range.outside));
    options.argv.push_back(std::to_string(range.size));
  }
  Pipe words = TRY(make_pipe());
  options.fds.emplace_back(words.write_end.get(), STDERR_FILENO);
  return Writer{.program = program, .child = TRY(spawn(options)), .words = std::move(words.read_end)};
}

Result<void> finish_writer(Writer& writer) {
  // Two short lines at most: they fit into the pipe, so that waiting first cannot block the program.
  const ExitStatus status = TRY(writer.child.wait());
  if (status.code == 0) return ok();
  const std::string words = TRY(read_all(writer.words.get(), size_t{64} << 10, "the words of " + writer.program));
  return Error(Errc::permission, fmt::format("{}: {}", writer.program, printable(trim(words))))
      .with_hint("see `ctr doctor`: it checks the subordinate ids and newuidmap");
}

Result<void> write_by_programs(int pid, const IdMap& map, const HostFacts& host) {
  if (host.newuidmap.empty() || host.newgidmap.empty()) {
    return Error(Errc::not_found, "newuidmap and newgidmap are not installed").with_hint("install the package uidmap");
  }
  Writer uids = TRY(start_writer(host.newuidmap, pid, map.uids));
  Writer gids = TRY(start_writer(host.newgidmap, pid, map.gids));
  TRY(finish_writer(uids));
  return finish_writer(gids);
}

Result<std::vector<IdRange>> read_map(const std::string& process, const char* name) {
  const std::string path = fmt::format("/proc/{}/{}", process, name);
  const std::string text = TRY(read_kernel_file(path));
  std::vector<IdRange> out;
  for (const std::string& line : split(text, '\n')) {
    std::vector<uint32_t> numbers;
    for (const std::string& word : split(line, ' ')) {
      if (!word.empty()) numbers.push_back(static_cast<uint32_t>(TRY(parse_unsigned(word, path, UINT32_MAX))));
    }
    if (numbers.size() == 3) out.push_back({.inside = numbers[0], .outside = numbers[1], .size = numbers[2]});
  }
  return out;
}

Result<void> compare_map(int pid, const char* name, const char* field, const std::vector<IdRange>& wanted) {
  const std::vector<IdRange> there = TRY(read_map(std::to_string(pid), name));
  if (normalized(there) == normalized(wanted)) return ok();
  return Error(Errc::invalid, fmt::format("{} ({}) are not those of the user namespace that is joined ({})", field,
                                          format_ranges(wanted), format_ranges(there)));
}

}  // namespace

Result<void> check_id_maps(int pid, const IdMap& map) {
  TRY(compare_map(pid, "uid_map", "uidMappings", map.uids));
  return compare_map(pid, "gid_map", "gidMappings", map.gids);
}

Result<IdMap> read_id_maps(const std::string& process) {
  IdMap map;
  map.uids = TRY(read_map(process, "uid_map"));
  map.gids = TRY(read_map(process, "gid_map"));
  return map;
}

MapWriter map_writer(const IdMap& map, const HostFacts& host) {
  if (host.privileged()) return MapWriter::direct;
  const bool own = map.is_single() && map.uids[0].outside == host.uid && map.gids[0].outside == host.gid;
  return own ? MapWriter::direct : MapWriter::programs;
}

Result<void> write_id_maps(int pid, const IdMap& map, const HostFacts& host) {
  if (map_writer(map, host) == MapWriter::direct) {
    return write_directly(pid, map, host).context("write the id maps of the user namespace");
  }
  return write_by_programs(pid, map, host).context("write the id maps of the user namespace");
}

}  // namespace ctr::runtime
