// The document of a list of images (an OCI image index or Docker's manifest list), edited as text: what ctr does not
// know of it stays. All functions are pure.
// Source: OCI image-spec 1.1 "Image Index", Docker "Image Manifest V 2, Schema 2: Manifest List".
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/json.h"
#include "base/oci/descriptor.h"
#include "base/result.h"
#include "engine/list_verbs.h"

namespace ctr::engine {

// A list without images.
std::string empty_list();
// Every digest that the list names, in its order. Errors: corrupt.
Result<std::vector<Digest>> list_members(const std::string& list);
// Adds an entry, or replaces the one of the same digest. `entry` is a descriptor as JSON.
Result<std::string> put_member(const std::string& list, const Json& entry);
// Replaces the entry of `old` by one of another document, with the same platform and annotations. Errors: not_found.
Result<std::string> replace_member(const std::string& list, const Digest& old, const oci::Descriptor& by);
// Adds an entry for the same image as `of` in another compression, with the annotation by which others choose it.
// Errors: not_found.
Result<std::string> add_variant(const std::string& list, const Digest& of, const oci::Descriptor& variant,
                                const std::string& compression);
// Whether the platform of `of` has an image of that compression already, by its annotation. Errors: not_found.
Result<bool> has_variant(const std::string& list, const Digest& of, const std::string& compression);
// Errors: not_found in podman's words.
Result<std::string> remove_member(const std::string& list, const Digest& digest);
// Changes what is said of one image, as far as `change` says something. Errors: not_found in podman's words.
Result<std::string> change_member(const std::string& list, const Digest& digest, const ListMember& change);
// Adds annotations to the list as a whole; null: no subject.
Result<std::string> change_list(const std::string& list, const std::map<std::string, std::string>& annotations,
                                const Json& subject);
// With the media type of the other family.
Result<std::string> convert_list(const std::string& list, bool to_oci);

}  // namespace ctr::engine
