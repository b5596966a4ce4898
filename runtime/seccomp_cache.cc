#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/digest.h"
#include "base/parse.h"
#include "base/text.h"
#include "runtime/seccomp.h"

namespace ctr::runtime {

namespace {

// Raised when what we make of the same profile changes.
constexpr std::string_view k_generation = "ctr-seccomp-2";

// A cached entry: one line "<generation> <sha256 of the rest> <flags> <bytes of JSON>", the JSON, the BPF.
std::string encode(const SelectedSeccomp& selected) {
  const std::string json = dump_json(selected.oci);
  const std::string body = json + selected.program.bpf;
  return fmt::format("{} {} {} {}\n{}", k_generation, digest_of(body).hex(), selected.program.flags, json.size(), body);
}

std::optional<SelectedSeccomp> decode(std::string_view text) {
  const auto parts = split_once(text, '\n');
  if (!parts) return std::nullopt;
  const std::vector<std::string> head = split(parts->first, ' ');
  const std::string& body = parts->second;
  if (head.size() != 4 || head[0] != k_generation || head[1] != digest_of(body).hex()) return std::nullopt;
  const auto flags = parse_unsigned(head[2], "flags", UINT32_MAX);
  const auto json_size = parse_unsigned(head[3], "size", body.size());
  if (!flags || !json_size) return std::nullopt;
  auto json = parse_own_json(std::string_view(body).substr(0, *json_size), "cached seccomp profile");
  if (!json) return std::nullopt;
  return SelectedSeccomp{.oci = std::move(*json),
                         .program = {.bpf = body.substr(*json_size), .flags = static_cast<uint32_t>(*flags)}};
}

// What a program depends on besides `profile_text`: `choice` is what the selection of its entries looked at.
std::string cache_name(std::string_view profile_text, std::string_view choice) {
  Hasher hasher;
  hasher.update(fmt::format("{}\n{}\n{}\n{}\n", k_generation, seccomp_library_version(), sizeof(void*), choice));
#if defined(__x86_64__)
  hasher.update("x86_64\n");
#elif defined(__aarch64__)
  hasher.update("aarch64\n");
#endif
  hasher.update(profile_text);
  return hasher.finish().hex();
}

std::optional<SelectedSeccomp> find_cached(const Dir& cache_dir, const std::string& name) {
  const auto text = cache_dir.read_file(name);
  return text ? decode(*text) : std::nullopt;
}

void remember(const Dir& cache_dir, const std::string& name, const SelectedSeccomp& selected) {
  cache_dir.write_file(name, encode(selected), Sync::no).ignore("a full disk costs the cache, not the container");
}

}  // namespace

Result<SelectedSeccomp> prepare_seccomp(std::string_view profile_text, const std::vector<std::string>& capabilities,
                                        const Dir& cache_dir) {
  // The capabilities are what a profile's conditions look at; the order they were given in is not.
  std::vector<std::string> sorted = capabilities;
  std::sort(sorted.begin(), sorted.end());
  const std::string name = cache_name(profile_text, join(sorted, ","));
  if (auto cached = find_cached(cache_dir, name)) return std::move(*cached);
  SelectedSeccomp selected{.oci = TRY(select_seccomp(profile_text, capabilities)), .program = {}};
  selected.program = TRY(compile_seccomp(selected.oci));
  remember(cache_dir, name, selected);
  return selected;
}

Result<SeccompProgram> prepare_oci_seccomp(const Json& oci, const Dir& cache_dir) {
  const std::string name = cache_name(dump_json(oci), "oci");
  if (auto cached = find_cached(cache_dir, name)) return std::move(cached->program);
  const SelectedSeccomp selected{.oci = oci, .program = TRY(compile_seccomp(oci))};
  remember(cache_dir, name, selected);
  return selected.program;
}

}  // namespace ctr::runtime
