#include "base/oci/reference.h"

#include <algorithm>

#include "base/text.h"

namespace ctr::oci {
namespace {

// distribution/reference: NameTotalLengthMax.
constexpr size_t k_name_limit = 255;
constexpr size_t k_tag_limit = 128;  // OCI distribution-spec 1.1: [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alphanumeric(char c) { return is_lower(c) || is_upper(c) || is_digit(c); }

bool is_valid_path_component(std::string_view part) {
  size_t i = 0;
  const auto word = [&] {
    const size_t start = i;
    while (i < part.size() && (is_lower(part[i]) || is_digit(part[i]))) ++i;
    return i > start;
  };
  if (!word()) return false;
  while (i < part.size()) {
    if (part[i] == '.') {
      i += 1;
    } else if (part[i] == '_') {
      i += part.substr(i, 2) == "__" ? 2 : 1;
    } else if (part[i] == '-') {
      while (i < part.size() && part[i] == '-') ++i;
    } else {
      return false;
    }
    if (!word()) return false;
  }
  return true;
}

bool is_valid_host_label(std::string_view label) {
  if (label.empty() || !is_alphanumeric(label.front()) || !is_alphanumeric(label.back())) return false;
  return std::all_of(label.begin(), label.end(), [](char c) { return is_alphanumeric(c) || c == '-'; });
}

bool is_valid_port(std::string_view port) {
  if (port.empty() || port.size() > 5 || !std::all_of(port.begin(), port.end(), is_digit)) return false;
  return std::stoi(std::string(port)) <= 65535;
}

bool is_valid_ipv6(std::string_view address) {
  return !address.empty() && std::all_of(address.begin(), address.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
  });
}

bool is_valid_domain(std::string_view domain) {
  std::string_view host = domain;
  if (!domain.empty() && domain.front() == '[') {
    const auto close = domain.find(']');
    if (close == std::string_view::npos || !is_valid_ipv6(domain.substr(1, close - 1))) return false;
    const auto rest = domain.substr(close + 1);
    return rest.empty() || (rest.front() == ':' && is_valid_port(rest.substr(1)));
  }
  if (const auto colon = domain.find(':'); colon != std::string_view::npos) {
    if (!is_valid_port(domain.substr(colon + 1))) return false;
    host = domain.substr(0, colon);
  }
  const auto labels = split(host, '.');
  return std::all_of(labels.begin(), labels.end(), [](const std::string& label) { return is_valid_host_label(label); });
}

bool is_domain(std::string_view first_component) {
  return first_component == "localhost" || first_component.find_first_of(".:") != std::string_view::npos;
}

Error wrong(std::string_view text, std::string why) {
  return Error(Errc::invalid, "invalid reference format: '" + printable(text) + "': " + std::move(why));
}

// What is left of `rest` in front of the digest and the tag, which move into `reference`.
Result<std::string_view> take_digest_and_tag(std::string_view text, std::string_view rest, ImageReference& reference) {
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    auto digest = Digest::parse(rest.substr(at + 1));
    if (!digest) return wrong(text, "'" + printable(rest.substr(at + 1)) + "' is not a digest");
    reference.digest = std::move(*digest);
    rest = rest.substr(0, at);
  }
  const auto slash = rest.rfind('/');
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos || (slash != std::string_view::npos && colon < slash)) return rest;
  const auto tag = rest.substr(colon + 1);
  if (!is_valid_tag(tag)) return wrong(text, "'" + printable(tag) + "' is not a valid tag");
  reference.tag = std::string(tag);
  return rest.substr(0, colon);
}

}  // namespace

bool is_valid_repository_path(std::string_view path) {
  if (path.size() > k_name_limit) return false;
  const auto parts = split(path, '/');
  return std::all_of(parts.begin(), parts.end(), [](const std::string& part) { return is_valid_path_component(part); });
}

bool is_valid_tag(std::string_view tag) {
  if (tag.empty() || tag.size() > k_tag_limit || tag.front() == '.' || tag.front() == '-') return false;
  return std::all_of(tag.begin(), tag.end(),
                     [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

std::string ImageReference::name() const { return domain.empty() ? path : domain + "/" + path; }

std::string ImageReference::to_string() const {
  std::string text = name();
  if (tag) text += ":" + *tag;
  if (digest) text += "@" + digest->to_string();
  return text;
}

ImageReference ImageReference::with_default_tag() const {
  ImageReference reference = *this;
  if (!reference.tag && !reference.digest) reference.tag = "latest";
  return reference;
}

Result<ImageReference> parse_reference(std::string_view text) {
  std::string_view rest = text;
  constexpr std::string_view k_transport = "docker://";
  if (rest.starts_with(k_transport)) rest.remove_prefix(k_transport.size());
  if (rest.empty()) return wrong(text, "it is empty");
  ImageReference reference;
  rest = TRY(take_digest_and_tag(text, rest, reference));

  const auto slash = rest.find('/');
  if (slash != std::string_view::npos && is_domain(rest.substr(0, slash))) {
    reference.domain = std::string(rest.substr(0, slash));
    if (!is_valid_domain(reference.domain)) {
      return wrong(text, "'" + printable(reference.domain) + "' is not a valid registry name");
    }
    rest = rest.substr(slash + 1);
  }
  reference.path = std::string(rest);
  if (reference.name().size() > k_name_limit) return wrong(text, "repository name is longer than 255 characters");
  if (!is_valid_repository_path(rest)) {
    if (is_valid_repository_path(to_lower(rest))) return wrong(text, "repository name must be lowercase");
    return wrong(text, "'" + printable(rest) + "' is not a valid repository name");
  }
  // distribution/reference refuses them as names, so that an image id cannot be pulled by mistake.
  if (reference.is_short() && rest.size() == 64 && is_lower_hex(rest))
    return wrong(text, "it is an image id, not a name");
  if (reference.domain == "index.docker.io") reference.domain = "docker.io";
  if (reference.domain == "docker.io" && rest.find('/') == std::string_view::npos) {
    reference.path = "library/" + reference.path;
  }
  return reference;
}

}  // namespace ctr::oci
