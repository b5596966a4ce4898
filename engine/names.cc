#include "engine/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace ctr::engine {

namespace {

constexpr auto k_adjectives = std::to_array<std::string_view>(
    {"agile",     "amber",    "boring",  "brave",    "breezy", "bright",   "calm",   "candid",  "careful", "cheerful",
     "clever",    "cosmic",   "crisp",   "curious",  "daring", "dazzling", "eager",  "earnest", "elegant", "fearless",
     "fluent",    "focused",  "frosty",  "gentle",   "gifted", "graceful", "happy",  "hardy",   "hopeful", "humble",
     "inventive", "jolly",    "keen",    "kind",     "lively", "lucid",    "mellow", "merry",   "mindful", "nimble",
     "noble",     "patient",  "playful", "polished", "proud",  "quiet",    "quick",  "radiant", "rapid",   "ready",
     "serene",    "sharp",    "silent",  "sincere",  "steady", "stoic",    "sunny",  "swift",   "tender",  "tidy",
     "tireless",  "tranquil", "upbeat",  "vivid",    "warm",   "watchful", "wise",   "witty",   "zealous", "zesty"});

constexpr auto k_surnames = std::to_array<std::string_view>(
    {"abel",       "agnesi",   "alhazen",   "archimedes",   "babbage",  "bardeen",    "bernoulli", "bohr",
     "boole",      "brahe",    "carson",    "cauchy",       "cerf",     "chandra",    "clarke",    "cori",
     "curie",      "darwin",   "descartes", "dijkstra",     "einstein", "elion",      "engelbart", "erdos",
     "euclid",     "euler",    "faraday",   "fermat",       "fermi",    "feynman",    "fourier",   "franklin",
     "galileo",    "galois",   "gauss",     "germain",      "goodall",  "hamilton",   "hawking",   "hertz",
     "hilbert",    "hodgkin",  "hopper",    "hypatia",      "jackson",  "johnson",    "kalam",     "keller",
     "kepler",     "khayyam",  "knuth",     "kovalevskaya", "lamarr",   "lamport",    "laplace",   "lavoisier",
     "leavitt",    "leibniz",  "liskov",    "lovelace",     "maxwell",  "mcclintock", "meitner",   "mendel",
     "mirzakhani", "moore",    "napier",    "newton",       "nobel",    "noether",    "pasteur",   "pauling",
     "perlman",    "poincare", "ptolemy",   "ramanujan",    "raman",    "rhodes",     "ride",      "ritchie",
     "rubin",      "sammet",   "shannon",   "sinoussi",     "swirles",  "tesla",      "thompson",  "torvalds",
     "turing",     "volhard",  "wiles",     "williams",     "wilson",   "wozniak",    "wright",    "yalow",
     "yonath"});

constexpr size_t k_name_limit_bytes = 255;  // NAME_MAX, Linux: the name is the name of a link in the store

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

}  // namespace

std::string made_up_name(uint64_t random) {
  const auto adjective = k_adjectives[(random & 0xffffffff) % k_adjectives.size()];
  auto surname = k_surnames[(random >> 32) % k_surnames.size()];
  if (adjective == "boring" && surname == "wozniak") surname = "lovelace";
  return fmt::format("{}_{}", adjective, surname);
}

Result<void> check_name(std::string_view name) {
  const bool good = !name.empty() && is_alphanumeric(name.front()) && std::all_of(name.begin(), name.end(), [](char c) {
    return is_alphanumeric(c) || c == '_' || c == '.' || c == '-';
  });
  if (!good) {
    return Error(Errc::invalid, fmt::format("'{}' is no valid name: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: "
                                            "invalid argument",
                                            printable(name)));
  }
  if (name.size() > k_name_limit_bytes) {
    return Error(Errc::invalid, fmt::format("the name has {} bytes, the limit is {}", name.size(), k_name_limit_bytes));
  }
  return ok();
}

}  // namespace ctr::engine
