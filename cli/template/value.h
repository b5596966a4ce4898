// What a template computes with: JSON values that remember what Go would hold them in.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace ctr::cli {

// How the document of one verb looks from a template.
struct TemplateTypes {
  std::string root;            // Go's name of the type, for messages: "containers.psReporter"
  std::set<std::string> maps;  // members that Go holds in a map: a missing key there is "<no value>", no error
  // Names scripts use for a member that JSON calls differently: {"CgroupsVersion", "cgroupVersion"}.
  std::map<std::string, std::string> aliases;
  // Go's names of nested types, by member: {"State", "*define.InspectContainerState"}.
  std::map<std::string, std::string> nested;
  // `{{.Label "key"}}`: the method's name, and the map member it looks into.
  std::map<std::string, std::string> methods;
  // What Go has in a member that JSON leaves out, or has as null, because there is nothing in it: by type and Go's
  // name, "*v1.ImageConfig.Env".
  std::map<std::string, Json> zeros = {};
  std::set<std::string> times = {};  // members that Go holds as a time and prints in another form than JSON, named so
};

struct TemplateValue {
  const Json* json = nullptr;   // nullptr: "<no value>"
  bool is_map = false;          // an object that Go would hold in a map
  std::string type;             // Go's name of a struct
  const Json* empty = nullptr;  // what a null is to Go: an empty list or map
  bool is_time = false;
};

// As fmt.Sprint prints it: map[a:b], [a b], {x y}, <nil>, <no value>.
std::string print_value(const TemplateValue& value);
std::string print_value(const Json& value, bool is_map);
// Go's idea of "not empty".
bool is_true(const TemplateValue& value);
// "string", "int", "[]string", "map[string]string", or the struct's name.
std::string type_name(const TemplateValue& value);
// A float as %v prints it.
std::string print_float(double value);

}  // namespace ctr::cli
