// A user namespace in the words of --userns. Computes only.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "engine/spec.h"

namespace ctr::engine {

// A mode as podman writes them: "keep-id:uid=1000,gid=1000". Errors: invalid.
Result<UsernsChoice> parse_userns(const std::string& text);
// The same text back; empty for the usual map, nullopt for what these words cannot say.
std::optional<std::string> userns_words(const UsernsChoice& choice);

}  // namespace ctr::engine
