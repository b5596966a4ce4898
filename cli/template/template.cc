#include "cli/template/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <optional>

#include "base/text.h"
#include "cli/template/functions.h"
#include "cli/template/parse.h"
#include "cli/template/unquote.h"

namespace ctr::cli {
namespace {

// Bounds of one execution: a format is typed by a person, and a loop in it must end.
constexpr int k_call_depth_limit = 200;
constexpr size_t k_steps_limit = 5'000'000;

enum class Flow { next, break_, continue_ };

class Executor {
 public:
  Executor(const TemplateTree& tree, const TemplateTypes& types, std::string& out)
      : tree_(tree), types_(types), out_(out) {}

  Result<void> run(const Json& data) {
    const TemplateValue root{&data, types_.maps.contains(""), types_.root};
    return call(tree_.name, root, 0);
  }

 private:
  struct Variable {
    std::string name;
    TemplateValue value;
  };
  // Where in the text a message points at.
  struct Place {
    size_t position;
    std::string_view text;
  };

  Error wrong(Place place, std::string_view what) const {
    const std::string_view before = std::string_view(tree_.source).substr(0, place.position);
    const size_t line_start = before.rfind('\n');
    const size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    const size_t column = line_start == std::string_view::npos ? before.size() : before.size() - line_start - 1;
    std::string text(place.text);
    if (text.size() > 20) text = text.substr(0, 20) + "...";
    return Error(Errc::invalid, fmt::format("template: {}:{}:{}: executing {} at <{}>: {}", tree_.name, line, column,
                                            quote_go(current_), text, what));
  }

  TemplateValue keep(Json value) { return {&kept_.emplace_back(std::move(value)), false, {}}; }

  Result<void> call(const std::string& name, const TemplateValue& data, size_t position) {
    const auto found = tree_.templates.find(name);
    if (found == tree_.templates.end()) {
      return wrong({position, fmt::format("{{{{template {}}}}}", quote_go(name))},
                   fmt::format("template {} not defined", quote_go(name)));
    }
    if (++depth_ > k_call_depth_limit) {
      return wrong({position, name}, fmt::format("exceeded maximum template depth ({})", k_call_depth_limit));
    }
    auto variables = std::exchange(variables_, {{"$", data}});
    auto caller = std::exchange(current_, name);
    TRY(walk(found->second, data));
    variables_ = std::move(variables);
    current_ = std::move(caller);
    --depth_;
    return ok();
  }

  Result<Flow> walk(const TemplateNodes& nodes, const TemplateValue& dot) {
    for (const auto& node : nodes) {
      if (++steps_ > k_steps_limit) return wrong({node.position, "range"}, "the template does not come to an end");
      const Flow flow = TRY(step(node, dot));
      if (flow != Flow::next) return flow;
    }
    return Flow::next;
  }

  Result<Flow> step(const TemplateNode& node, const TemplateValue& dot) {
    using Kind = TemplateNode::Kind;
    switch (node.kind) {
      case Kind::text:
        out_ += node.text;
        return Flow::next;
      case Kind::break_:
        return Flow::break_;
      case Kind::continue_:
        return Flow::continue_;
      case Kind::action: {
        const auto value = TRY(pipe(node.pipe, dot));
        if (node.pipe.variables.empty()) out_ += print_value(value);
        return Flow::next;
      }
      case Kind::if_:
      case Kind::with:
        return branch(node, dot);
      case Kind::range:
        return range(node, dot);
      case Kind::template_: {
        TemplateValue argument;
        if (!node.pipe.commands.empty()) argument = TRY(pipe(node.pipe, dot));
        TRY(call(node.text, argument, node.position));
        return Flow::next;
      }
    }
    return Flow::next;
  }

  Result<Flow> branch(const TemplateNode& node, const TemplateValue& dot) {
    const size_t scope = variables_.size();
    const auto value = TRY(pipe(node.pipe, dot));
    const bool truth = is_true(value);
    const auto& inner = truth && node.kind == TemplateNode::Kind::with ? value : dot;
    const Flow flow = TRY(walk(truth ? node.body : node.otherwise, inner));
    variables_.resize(scope);
    return flow;
  }

  Result<Flow> range(const TemplateNode& node, const TemplateValue& dot) {
    const size_t scope = variables_.size();
    const auto value = TRY(pipe(node.pipe, dot));
    bool any = false;
    Flow flow = Flow::next;
    const auto once = [&](TemplateValue key, TemplateValue element) -> Result<bool> {
      any = true;
      const size_t inner = variables_.size();
      bind(node.pipe, std::move(key), element);
      flow = TRY(walk(node.body, element));
      variables_.resize(inner);
      return flow != Flow::break_;
    };
    TRY(each(node, value, once));
    if (!any) flow = TRY(walk(node.otherwise, dot));
    variables_.resize(scope);
    return any ? Flow::next : flow;
  }

  template <typename Once>
  Result<void> each(const TemplateNode& node, const TemplateValue& value, const Once& once) {
    if (value.json == nullptr || value.json->is_null()) return ok();
    const Json& json = *value.json;
    if (json.is_array()) {
      for (size_t i = 0; i < json.as_array().size(); ++i) {
        if (!TRY(once(keep(Json(uint64_t{i})), {&json.as_array()[i], value.is_map, element_type(value)}))) break;
      }
      return ok();
    }
    if (json.is_object()) {
      std::vector<const std::pair<std::string, Json>*> members;
      for (const auto& member : json.as_object()) members.push_back(&member);
      std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->first < b->first; });
      for (const auto* member : members) {
        if (!TRY(once(keep(member->first), {&member->second, false, element_type(value)}))) break;
      }
      return ok();
    }
    if (json.is_integer()) {
      for (int64_t i = 0; i < json.as_int(); ++i) {
        if (!TRY(once(keep(i), keep(i)))) break;
      }
      return ok();
    }
    return wrong({node.pipe.position, node.pipe.text}, fmt::format("range can't iterate over {}", print_value(value)));
  }
  static std::string element_type(const TemplateValue& list) { return list.type; }

  // `range $i, $x := …` binds key and element, `range $x := …` the element.
  void bind(const TemplatePipe& pipe, TemplateValue key, TemplateValue element) {
    const auto put = [&](const std::string& name, TemplateValue value) {
      if (!pipe.assigns) return variables_.push_back({name, std::move(value)});
      for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
        if (it->name == name) return void(it->value = std::move(value));
      }
    };
    if (pipe.variables.size() == 2) put(pipe.variables[0], std::move(key));
    if (!pipe.variables.empty()) put(pipe.variables.back(), std::move(element));
  }

  Result<TemplateValue> pipe(const TemplatePipe& pipe, const TemplateValue& dot) {
    if (++depth_ > k_call_depth_limit) return wrong({pipe.position, pipe.text}, "nested too deeply");
    std::optional<TemplateValue> value;
    for (const auto& command : pipe.commands) value = TRY(evaluate(command, dot, value));
    --depth_;
    CTR_ASSERT(value.has_value());
    // A loop binds its own variables; here only the actions and conditions do.
    if (pipe.variables.size() == 1) bind(pipe, {}, *value);
    return *value;
  }

  Result<TemplateValue> evaluate(const TemplateCommand& command, const TemplateValue& dot,
                                 const std::optional<TemplateValue>& last) {
    const auto& first = command.operands[0];
    const bool has_arguments = command.operands.size() > 1 || last.has_value();
    using Kind = TemplateOperand::Kind;
    if (first.kind == Kind::function) return function(command, dot, last);
    const bool takes_fields = first.kind == Kind::field || first.kind == Kind::variable || first.kind == Kind::chain;
    if (takes_fields && !first.fields.empty() && types_.methods.contains(first.fields.back())) {
      return method(command, dot, last);
    }
    if (has_arguments) {
      const std::string_view kind = first.kind == Kind::nil ? "nil is not a command" : "";
      if (!kind.empty()) return wrong({first.position, first.text}, kind);
      if (takes_fields && !first.fields.empty()) {
        TRY(operand(first, dot));
        return wrong({first.position, first.text},
                     fmt::format("{} has arguments but cannot be invoked as function", first.fields.back()));
      }
      return wrong({command.position, command.text}, fmt::format("can't give argument to non-function {}", first.text));
    }
    if (first.kind == Kind::nil) return wrong({first.position, first.text}, "nil is not a command");
    return operand(first, dot);
  }

  Result<TemplateValue> operand(const TemplateOperand& word, const TemplateValue& dot) {
    using Kind = TemplateOperand::Kind;
    switch (word.kind) {
      case Kind::dot:
        return dot;
      case Kind::nil:
        return TemplateValue{&null_, false, {}};
      case Kind::literal:
        return TemplateValue{&word.literal, false, {}};
      case Kind::field:
        return fields(word, dot, word.fields.size());
      case Kind::variable:
        return fields(word, variable(word.name), word.fields.size());
      case Kind::pipe:
        return pipe(*word.pipe, dot);
      case Kind::chain:
        return fields(word, TRY(pipe(*word.pipe, dot)), word.fields.size());
      case Kind::function:
        return function({word.position, word.text, {word}}, dot, {});
    }
    return TemplateValue{};
  }

  TemplateValue variable(const std::string& name) const {
    for (auto it = variables_.rbegin(); it != variables_.rend(); ++it) {
      if (it->name == name) return it->value;
    }
    return {};
  }

  Result<TemplateValue> fields(const TemplateOperand& word, TemplateValue value, size_t count) {
    for (size_t i = 0; i < count; ++i) value = TRY(field(word, value, word.fields[i]));
    return value;
  }

  Result<TemplateValue> field(const TemplateOperand& word, const TemplateValue& value, const std::string& name) {
    if (value.json == nullptr) return value;
    if (value.json->is_null() && value.empty != nullptr && value.is_map) return TemplateValue{};
    if (value.json->is_null()) {
      const std::string type = value.type.empty() ? "" : value.type + ".";
      return wrong({word.position, word.text}, type.empty()
                                                   ? fmt::format("nil data; no entry for key {}", quote_go(name))
                                                   : fmt::format("nil pointer evaluating {}{}", type, name));
    }
    if (value.json->is_object()) {
      const auto zero = value.type.empty() ? types_.zeros.end() : types_.zeros.find(value.type + "." + name);
      const Json* empty = zero == types_.zeros.end() ? nullptr : &zero->second;
      if (const Json* member = find_member(value, name)) return child(*member, value, name, empty);
      if (empty != nullptr) return child(*empty, value, name, empty);
      if (value.is_map) return TemplateValue{};
    }
    return wrong({word.position, word.text}, fmt::format("can't evaluate field {} in type {}", name, type_name(value)));
  }

  // Exact names in maps; in structs also the Go spelling of a JSON name ("hostname" is .Hostname, "Id" is .ID).
  const Json* find_member(const TemplateValue& value, const std::string& name) const {
    if (const Json* exact = value.json->find(name)) return exact;
    if (value.is_map) return nullptr;
    const auto alias = types_.aliases.find(name);
    const std::string wanted = to_lower(alias == types_.aliases.end() ? name : alias->second);
    for (const auto& [key, member] : value.json->as_object()) {
      if (to_lower(key) == wanted) return &member;
    }
    return nullptr;
  }

  TemplateValue child(const Json& member, const TemplateValue& parent, const std::string& name,
                      const Json* empty) const {
    const auto nested = types_.nested.find(name);
    return {&member, types_.maps.contains(name), nested == types_.nested.end() ? "" : nested->second, empty,
            types_.times.contains(parent.type + "." + name)};
  }

  // .Label "key" and its like: looks one key up in a map of the receiver.
  Result<TemplateValue> method(const TemplateCommand& command, const TemplateValue& dot,
                               const std::optional<TemplateValue>& last) {
    const auto& word = command.operands[0];
    const std::string& name = word.fields.back();
    TemplateValue receiver = dot;
    if (word.kind == TemplateOperand::Kind::variable) receiver = variable(word.name);
    if (word.kind == TemplateOperand::Kind::chain) receiver = TRY(pipe(*word.pipe, dot));
    receiver = TRY(fields(word, receiver, word.fields.size() - 1));
    // The heading of a table is a map of words, where the method's name is an ordinary key.
    if (receiver.json != nullptr && receiver.json->find(name) != nullptr) return field(word, receiver, name);
    const auto args = TRY(arguments(command, dot, last));
    if (args.size() != 1 || args[0].json == nullptr || !args[0].json->is_string()) {
      return wrong({word.position, word.text},
                   fmt::format("wrong number of args for {}: want 1 got {}", name, args.size()));
    }
    const auto map = TRY(field(word, receiver, types_.methods.at(name)));
    const Json* found = map.json == nullptr ? nullptr : map.json->find(args[0].json->as_string());
    return found == nullptr ? keep("") : TemplateValue{found, false, {}};
  }

  Result<std::vector<TemplateValue>> arguments(const TemplateCommand& command, const TemplateValue& dot,
                                               const std::optional<TemplateValue>& last) {
    std::vector<TemplateValue> args;
    for (size_t i = 1; i < command.operands.size(); ++i) args.push_back(TRY(operand(command.operands[i], dot)));
    if (last) args.push_back(*last);
    return args;
  }

  Result<TemplateValue> function(const TemplateCommand& command, const TemplateValue& dot,
                                 const std::optional<TemplateValue>& last) {
    const auto& word = command.operands[0];
    if (word.name == "and" || word.name == "or") {
      std::optional<TemplateValue> value;
      for (size_t i = 1; i < command.operands.size(); ++i) {
        value = TRY(operand(command.operands[i], dot));
        if (is_true(*value) == (word.name == "or")) return *value;
      }
      if (last) value = last;
      if (value) return *value;
    }
    auto args = TRY(arguments(command, dot, last));
    for (auto& arg : args) {
      if (word.name != "json" && arg.empty != nullptr && arg.json->is_null()) arg.json = arg.empty;
    }
    Json& storage = kept_.emplace_back();
    auto result = call_template_function(word.name, args, storage);
    if (!result) return wrong({word.position, word.name}, result.error().message());
    return result;
  }

  const TemplateTree& tree_;
  const TemplateTypes& types_;
  std::string& out_;
  std::string current_;
  std::vector<Variable> variables_;
  std::deque<Json> kept_;  // values that functions made: addresses stay valid
  const Json null_{};
  int depth_ = 0;
  size_t steps_ = 0;
};

}  // namespace

Result<Template> Template::parse(std::string_view name, std::string_view source) {
  return Template(TRY(parse_template(name, source)));
}

Result<void> Template::execute(const Json& data, const TemplateTypes& types, std::string& out) const {
  return Executor(tree_, types, out).run(data);
}

}  // namespace ctr::cli
