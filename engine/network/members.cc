#include "engine/network/members.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>

#include "base/parse.h"
#include "base/text.h"

namespace ctr::engine::network {
namespace {

constexpr std::string_view k_nothing = "-";
constexpr size_t k_short_id_digits = 12;

std::string address_word(const std::optional<IpAddress>& address) {
  return address ? address->to_string() : std::string(k_nothing);
}

// nullopt for a word that is no address; an empty one for "-".
std::optional<std::optional<IpAddress>> read_address(const std::string& word, int family) {
  if (word == k_nothing) return std::optional<IpAddress>();
  const auto address = parse_ip_address(word);
  if (!address || address->family != family) return std::nullopt;
  return std::optional<IpAddress>(*address);
}

std::optional<Member> read_member(const std::vector<std::string>& words) {
  if (words.size() != 5 || !is_lower_hex(words[0])) return std::nullopt;
  const auto pid = parse_unsigned(words[1], "a pid", INT32_MAX);
  const auto start = parse_unsigned(words[2], "a start time");
  const auto descriptor = parse_unsigned(words[3], "a descriptor", INT32_MAX);
  const auto inode = parse_unsigned(words[4], "an inode");
  if (!pid || !start || !descriptor || !inode) return std::nullopt;
  Member member;
  member.container = words[0];
  member.monitor.pid = static_cast<pid_t>(*pid);
  member.monitor.start_ticks = *start;
  member.descriptor = static_cast<int>(*descriptor);
  member.inode = *inode;
  return member;
}

// The namespace that the member keeps, if it does.
Fd open_kept(const Member& member) {
  const auto path = fmt::format("/proc/{}/fd/{}", member.monitor.pid, member.descriptor);
  auto file = open_path(path, O_RDONLY);
  if (!file) return Fd();
  struct stat status{};
  struct statfs system{};
  if (::fstat(file->get(), &status) < 0 || ::fstatfs(file->get(), &system) < 0) return Fd();
  const bool same = system.f_type == NSFS_MAGIC && status.st_ino == member.inode;
  if (!same) return Fd();
  // The number could be that of another process by now.
  const auto now = runtime::process_ref(member.monitor.pid);
  return now && *now == member.monitor ? std::move(*file) : Fd();
}

std::string read_or_nothing(const Dir& dir, const char* name) { return dir.read_file(name).value_or(""); }

}  // namespace

std::string short_id(const std::string& id) { return id.substr(0, k_short_id_digits); }

std::vector<Member> parse_members(std::string_view text) {
  std::vector<Member> out;
  for (const auto& line : split(text, '\n')) {
    if (auto member = read_member(split(line, ' '))) out.push_back(std::move(*member));
  }
  return out;
}

std::string format_members(const std::vector<Member>& members) {
  std::string out;
  for (const auto& member : members) {
    out += fmt::format("{} {} {} {} {}\n", member.container, member.monitor.pid, member.monitor.start_ticks,
                       member.descriptor, member.inode);
  }
  return out;
}

std::vector<MemberNames> parse_names(std::string_view text) {
  std::vector<MemberNames> out;
  for (const auto& line : split(text, '\n')) {
    const auto words = split(line, ' ');
    if (words.size() != 5 && words.size() != 6) continue;
    const auto ipv4 = read_address(words[0], AF_INET);
    const auto ipv6 = read_address(words[1], AF_INET6);
    if (!ipv4 || !ipv6) continue;
    MemberNames names{.ipv4 = *ipv4, .ipv6 = *ipv6, .name = words[2], .aliases = {}, .short_id = words[4]};
    if (words[3] != k_nothing) names.aliases = split(words[3], ',');
    if (words.size() == 6) names.servers = split(words[5], ',');
    out.push_back(std::move(names));
  }
  return out;
}

std::string format_names(const std::vector<MemberNames>& names) {
  std::string out;
  for (const auto& entry : names) {
    out += fmt::format("{} {} {} {} {}", address_word(entry.ipv4), address_word(entry.ipv6), entry.name,
                       entry.aliases.empty() ? std::string(k_nothing) : join(entry.aliases, ","), entry.short_id);
    out += entry.servers.empty() ? "\n" : " " + join(entry.servers, ",") + "\n";
  }
  return out;
}

Result<void> show_definition(const Dir& dir, const NetworkDefinition& network) {
  const auto text = dump_json(to_json(network));
  const auto shown = dir.read_file(k_definition_file);
  if (shown && *shown == text) return ok();
  return dir.write_file(k_definition_file, text, Sync::no);
}

std::vector<std::string> live_members(const std::string& net_dir, const std::string& network) {
  std::vector<std::string> out;
  const auto dir = Dir::open(net_dir + "/" + network);
  if (!dir) return out;
  const auto names = parse_names(read_or_nothing(*dir, k_names_file));
  for (const auto& member : parse_members(read_or_nothing(*dir, k_members_file))) {
    if (!open_kept(member).valid()) continue;
    const auto id = short_id(member.container);
    const auto found =
        std::find_if(names.begin(), names.end(), [&](const auto& entry) { return entry.short_id == id; });
    out.push_back(found == names.end() ? id : found->name);
  }
  return out;
}

Result<MemberFiles> MemberFiles::open(const std::string& net_dir, const std::string& network) {
  auto dir = TRY(Dir::open_or_make(net_dir + "/" + network, 0700));
  auto lock = TRY(FileLock::acquire(dir, "lock", LockMode::exclusive));
  MemberFiles files(std::move(dir), std::move(lock));
  files.members_ = parse_members(read_or_nothing(files.dir_, k_members_file));
  files.names_ = parse_names(read_or_nothing(files.dir_, k_names_file));
  return files;
}

Fd MemberFiles::open_hub() const {
  for (const auto& member : members_) {
    Fd hub = open_kept(member);
    if (hub.valid()) return hub;
  }
  return Fd();
}

std::vector<std::string> MemberFiles::forget_dead() {
  std::vector<std::string> dead;
  for (const auto& member : members_) {
    if (!open_kept(member).valid()) dead.push_back(member.container);
  }
  for (const auto& container : dead) remove(container);
  return dead;
}

void MemberFiles::add(Member member, MemberNames names) {
  remove(member.container);
  members_.push_back(std::move(member));
  names_.push_back(std::move(names));
}

void MemberFiles::remove(const std::string& container) {
  std::erase_if(members_, [&](const auto& member) { return member.container == container; });
  std::erase_if(names_, [&](const auto& names) { return names.short_id == short_id(container); });
}

void MemberFiles::rename(const std::string& container, const std::string& name) {
  for (auto& names : names_) {
    if (names.short_id == short_id(container)) names.name = name;
  }
}

Result<void> MemberFiles::write() const {
  TRY(dir_.write_file(k_names_file, format_names(names_), Sync::no));
  return dir_.write_file(k_members_file, format_members(members_), Sync::no);
}

}  // namespace ctr::engine::network
