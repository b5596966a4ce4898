// A quick reader for the JSON that ctr writes: plain strings and small integers. It never decides that a document is
// wrong: what it does not know is left to the strict parser of json.cc.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/json.h"

namespace ctr {

// The value of `text`, equal to what parse_json makes of it; nullopt when the document is not plain: escapes, bytes
// above ASCII, fractions, integers of more than 18 digits, repeated members, more values or levels than `limits` has,
// mistakes.
//
// With `wanted` only these members of the outermost object are read ("a.b" is the member b of a); the others are
// skipped by their brackets and quotes, and what is in them is not judged.
std::optional<Json> read_plain_json(std::string_view text, JsonLimits limits,
                                    std::span<const std::string_view> wanted = {});

}  // namespace ctr
