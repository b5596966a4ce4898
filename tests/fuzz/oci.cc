// References, platforms, manifests, indexes and configurations: what is accepted prints as a text that reads the same.
#include <algorithm>
#include <variant>

#include "base/oci/image_config.h"
#include "base/oci/manifest.h"
#include "base/oci/platform.h"
#include "base/oci/reference.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace ctr;  // NOLINT(google-build-using-namespace): a test

bool is_plain(char c) { return c > ' ' && c < 0x7f; }

void fuzz_reference(std::string_view text) {
  const auto reference = oci::parse_reference(text);
  if (!reference) {
    CTR_ASSERT(reference.error().code() == Errc::invalid);
    const auto& message = reference.error().message();
    CTR_ASSERT(std::all_of(message.begin(), message.end(), [](char c) { return c == ' ' || is_plain(c) || c < 0; }));
    return;
  }
  const std::string printed = reference->to_string();
  // It becomes part of URLs and of paths.
  CTR_ASSERT(std::all_of(printed.begin(), printed.end(), is_plain));
  CTR_ASSERT(printed.find("..") == std::string::npos || reference->tag);
  CTR_ASSERT(oci::is_valid_repository_path(reference->path));
  const auto again = oci::parse_reference(printed);
  CTR_ASSERT(again && *again == *reference);
}

void fuzz_platform(std::string_view text) {
  const auto platform = oci::parse_platform(text);
  if (!platform) return;
  const auto again = oci::parse_platform(platform->to_string());
  CTR_ASSERT(again && *again == *platform);
  CTR_ASSERT(oci::match_score(*platform, *platform) == 100);
}

void fuzz_manifest(std::string_view text) {
  const auto parsed = oci::parse_manifest(text, "");
  if (!parsed) {
    CTR_ASSERT(parsed.error().code() == Errc::corrupt || parsed.error().code() == Errc::unsupported);
    return;
  }
  std::visit(
      [&](const auto& document) {
        const auto again = oci::parse_manifest(dump_json(to_json(document)), document.media_type);
        CTR_ASSERT(again && *again == *parsed);
      },
      *parsed);
  if (const auto* index = std::get_if<oci::ImageIndex>(&*parsed)) {
    (void)oci::choose_platform(*index, oci::host_platform());
  }
}

void fuzz_config(std::string_view text) {
  const auto config = oci::parse_image_config(text);
  if (!config) {
    CTR_ASSERT(config.error().code() == Errc::corrupt);
    return;
  }
  for (const auto& entry : config->env) CTR_ASSERT(entry.find('=') != std::string::npos && entry[0] != '=');
  const auto again = oci::parse_image_config(dump_json(to_json(*config)));
  CTR_ASSERT(again && *again == *config);
}

}  // namespace

void fuzz(std::string_view text) {
  fuzz_reference(text);
  fuzz_platform(text);
  fuzz_manifest(text);
  fuzz_config(text);
}
