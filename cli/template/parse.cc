#include "cli/template/parse.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/template/functions.h"
#include "cli/template/lex.h"
#include "cli/template/unquote.h"

namespace ctr::cli {
namespace {

using Kind = TemplateToken::Kind;

// Deeper nesting than this is nobody's format and would only grow our stack.
constexpr int k_depth_limit = 100;

class Parser {
 public:
  Parser(std::string_view name, std::string_view source, std::vector<TemplateToken> tokens)
      : tokens_(std::move(tokens)) {
    tree_.name = name;
    tree_.source = source;
  }

  Result<TemplateTree> run() {
    TemplateNodes body;
    const Stop stop = TRY(list(body));
    if (stop != Stop::end_of_text) return wrong(fmt::format("unexpected {{{{{}}}}}", stop_name(stop)));
    tree_.templates[tree_.name] = std::move(body);
    return std::move(tree_);
  }

 private:
  // What ended a list of nodes.
  enum class Stop { end_of_text, end, else_ };
  static std::string_view stop_name(Stop stop) { return stop == Stop::end ? "end" : "else"; }

  const TemplateToken& peek() const { return tokens_[at_]; }
  const TemplateToken& next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool take(Kind kind) {
    if (peek().kind != kind) return false;
    next();
    return true;
  }
  void skip_space() { (void)take(Kind::space); }
  Error wrong(std::string_view what) const {
    return template_parse_error(tree_.name, tree_.source, peek().position, what);
  }
  Error unexpected(std::string_view where) const {
    if (peek().kind == Kind::end) return wrong("unexpected EOF");
    const auto& token = peek();
    const bool named = token.kind == Kind::keyword;
    return wrong(named ? fmt::format("unexpected <{}> in {}", token.text, where)
                       : fmt::format("unexpected {} in {}", quote_go(token.text), where));
  }
  std::string slice(size_t from) const {
    const size_t to = peek().position;
    std::string_view text = std::string_view(tree_.source).substr(from, to > from ? to - from : 0);
    while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos)
      text.remove_suffix(1);
    return std::string(text);
  }

  Result<Stop> list(TemplateNodes& nodes) {
    if (++depth_ > k_depth_limit) return wrong("actions are nested too deeply");
    while (true) {
      if (peek().kind == Kind::end) return --depth_, Stop::end_of_text;
      if (peek().kind == Kind::text) {
        const auto& token = next();
        nodes.push_back({TemplateNode::Kind::text, token.position, token.text, {}, {}, {}});
        continue;
      }
      next();  // {{
      skip_space();
      if (peek().kind != Kind::keyword) {
        TRY(plain_action(nodes));
        continue;
      }
      const std::string word = peek().text;
      if (word == "end" || word == "else") {
        next();
        if (word == "end") TRY(close("end"));
        return --depth_, word == "end" ? Stop::end : Stop::else_;
      }
      TRY(keyword(word, nodes));
    }
  }

  Result<void> close(std::string_view where) {
    skip_space();
    if (!take(Kind::right)) return unexpected(where);
    return ok();
  }

  Result<void> plain_action(TemplateNodes& nodes) {
    TemplateNode node;
    node.kind = TemplateNode::Kind::action;
    node.position = peek().position;
    node.pipe = TRY(pipe("command", Kind::right, true));
    nodes.push_back(std::move(node));
    return ok();
  }

  Result<void> keyword(const std::string& word, TemplateNodes& nodes) {
    if (word == "if") return control(TemplateNode::Kind::if_, word, nodes);
    if (word == "range") return control(TemplateNode::Kind::range, word, nodes);
    if (word == "with") return control(TemplateNode::Kind::with, word, nodes);
    if (word == "template") return invocation(nodes);
    if (word == "block") return block(nodes);
    if (word == "define") return definition();
    const size_t position = next().position;
    if (loops_ == 0) return wrong(fmt::format("{{{{{}}}}} outside {{{{range}}}}", word));
    TRY(close(word));
    const auto kind = word == "break" ? TemplateNode::Kind::break_ : TemplateNode::Kind::continue_;
    nodes.push_back({kind, position, "", {}, {}, {}});
    return ok();
  }

  // if, range and with, with their else branches; "else if" and "else with" nest.
  Result<void> control(TemplateNode::Kind kind, const std::string& word, TemplateNodes& nodes) {
    const size_t scope = variables_.size();
    TemplateNode node;
    node.kind = kind;
    node.position = next().position;
    if (++depth_ > k_depth_limit) return wrong("actions are nested too deeply");
    node.pipe = TRY(pipe(word, Kind::right, true));
    loops_ += kind == TemplateNode::Kind::range ? 1 : 0;
    const Stop stop = TRY(list(node.body));
    loops_ -= kind == TemplateNode::Kind::range ? 1 : 0;
    if (stop == Stop::end_of_text) return wrong("unexpected EOF");
    if (stop == Stop::else_) TRY(else_branch(kind, word, node));
    variables_.resize(scope);
    --depth_;
    nodes.push_back(std::move(node));
    return ok();
  }

  Result<void> else_branch(TemplateNode::Kind kind, const std::string& word, TemplateNode& node) {
    skip_space();
    if (peek().kind == Kind::keyword && peek().text == word && kind != TemplateNode::Kind::range) {
      return control(kind, word, node.otherwise);  // its {{end}} is ours too
    }
    TRY(close("else"));
    const Stop stop = TRY(list(node.otherwise));
    if (stop == Stop::end_of_text) return wrong("unexpected EOF");
    if (stop == Stop::else_) return wrong("expected end; found {{else}}");
    return ok();
  }

  Result<std::string> template_name(std::string_view where) {
    skip_space();
    if (peek().kind != Kind::literal || !peek().literal.is_string()) return unexpected(fmt::format("{} clause", where));
    return next().literal.as_string();
  }

  Result<void> invocation(TemplateNodes& nodes) {
    TemplateNode node;
    node.kind = TemplateNode::Kind::template_;
    next();
    skip_space();
    node.position = peek().position;
    node.text = TRY(template_name("template"));
    skip_space();
    if (!take(Kind::right)) node.pipe = TRY(pipe("template clause", Kind::right, false));
    nodes.push_back(std::move(node));
    return ok();
  }

  // Own variables: only "$" is known inside a template of its own.
  Result<void> own_body(const std::string& name) {
    const auto variables = std::exchange(variables_, {"$"});
    const int loops = std::exchange(loops_, 0);
    TemplateNodes body;
    const Stop stop = TRY(list(body));
    if (stop == Stop::end_of_text) return wrong("unexpected EOF");
    if (stop == Stop::else_) return wrong("unexpected {{else}} in define clause");
    variables_ = variables;
    loops_ = loops;
    tree_.templates[name] = std::move(body);
    return ok();
  }

  Result<void> definition() {
    next();
    const std::string name = TRY(template_name("define"));
    TRY(close("define clause"));
    return own_body(name);
  }

  Result<void> block(TemplateNodes& nodes) {
    TemplateNode node;
    node.kind = TemplateNode::Kind::template_;
    node.position = next().position;
    node.text = TRY(template_name("block"));
    skip_space();
    node.pipe = TRY(pipe("block clause", Kind::right, false));
    TRY(own_body(node.text));
    nodes.push_back(std::move(node));
    return ok();
  }

  // [$x[, $y] :=|=] command { '|' command }, up to and with `stop`.
  Result<TemplatePipe> pipe(const std::string& where, Kind stop, bool may_declare) {
    if (++depth_ > k_depth_limit) return wrong("parentheses are nested too deeply");
    TemplatePipe result;
    skip_space();
    result.position = peek().position;
    if (may_declare) TRY(declarations(where, result));
    while (true) {
      skip_space();
      if (peek().kind == stop) break;
      if (result.commands.empty() || take(Kind::pipe)) {
        skip_space();
        if (peek().kind == stop || peek().kind == Kind::pipe) {
          return wrong(result.commands.empty() ? fmt::format("missing value for {}", where)
                                               : fmt::format("missing value for {}", where));
        }
        result.commands.push_back(TRY(command(where)));
        continue;
      }
      return unexpected(where);
    }
    if (result.commands.empty()) return wrong(fmt::format("missing value for {}", where));
    for (size_t i = 1; i < result.commands.size(); ++i) {
      const auto kind = result.commands[i].operands[0].kind;
      if (kind == TemplateOperand::Kind::literal || kind == TemplateOperand::Kind::dot ||
          kind == TemplateOperand::Kind::nil) {
        return wrong(fmt::format("non executable command in pipeline stage {}", i + 1));
      }
    }
    result.text = slice(result.position);
    next();
    --depth_;
    return result;
  }

  Result<void> declarations(const std::string& where, TemplatePipe& pipe) {
    const size_t start = at_;
    std::vector<std::string> names;
    while (peek().kind == Kind::variable) {
      names.push_back(next().text);
      skip_space();
      if (peek().kind == Kind::declare || peek().kind == Kind::assign) {
        pipe.assigns = next().kind == Kind::assign;
        if (pipe.assigns) {
          for (const auto& name : names) TRY(known(name));
        } else {
          variables_.insert(variables_.end(), names.begin(), names.end());
        }
        pipe.variables = std::move(names);
        return ok();
      }
      if (where != "range" || names.size() > 1 || !take(Kind::comma)) break;
      skip_space();
    }
    if (where == "range" && names.size() == 2) return wrong("range can only initialize variables");
    at_ = start;
    return ok();
  }

  Result<void> known(const std::string& variable) const {
    if (std::find(variables_.begin(), variables_.end(), variable) != variables_.end()) return ok();
    return wrong(fmt::format("undefined variable {}", quote_go(variable)));
  }

  Result<TemplateCommand> command(const std::string& where) {
    TemplateCommand result;
    result.position = peek().position;
    while (true) {
      auto word = TRY(operand(where));
      result.operands.push_back(std::move(word));
      if (!take(Kind::space) || !starts_operand(peek().kind)) break;
    }
    const auto kind = peek().kind;
    if (kind != Kind::right && kind != Kind::right_paren && kind != Kind::pipe) return unexpected("operand");
    result.text = slice(result.position);
    return result;
  }

  static bool starts_operand(Kind kind) {
    return kind == Kind::dot || kind == Kind::nil || kind == Kind::literal || kind == Kind::identifier ||
           kind == Kind::variable || kind == Kind::field || kind == Kind::left_paren;
  }

  Result<TemplateOperand> operand(const std::string& where) {
    TemplateOperand result;
    result.position = peek().position;
    const size_t start = peek().position;
    const TemplateToken& token = peek();
    switch (token.kind) {
      case Kind::dot:
        result.kind = TemplateOperand::Kind::dot;
        break;
      case Kind::nil:
        result.kind = TemplateOperand::Kind::nil;
        break;
      case Kind::literal:
        result.kind = TemplateOperand::Kind::literal;
        result.literal = token.literal;
        break;
      case Kind::identifier:
        if (!is_template_function(token.text))
          return wrong(fmt::format("function {} not defined", quote_go(token.text)));
        result.kind = TemplateOperand::Kind::function;
        result.name = token.text;
        break;
      case Kind::variable:
        TRY(known(token.text));
        result.kind = TemplateOperand::Kind::variable;
        result.name = token.text;
        break;
      case Kind::field:
        result.kind = TemplateOperand::Kind::field;
        result.fields.push_back(token.text.substr(1));
        break;
      case Kind::left_paren: {
        next();
        result.pipe = std::make_shared<TemplatePipe>(TRY(pipe("parenthesized pipeline", Kind::right_paren, false)));
        result.kind = TemplateOperand::Kind::pipe;
        --at_;
        break;
      }
      default:
        return unexpected(where);
    }
    next();
    TRY(field_chain(result));
    result.text = slice(start);
    return result;
  }

  // ".A.B" behind a field, a variable or a parenthesis belongs to it; a literal takes none.
  Result<void> field_chain(TemplateOperand& operand) {
    using Operand = TemplateOperand::Kind;
    if (peek().kind != Kind::field) return ok();
    if (operand.kind == Operand::literal || operand.kind == Operand::nil || operand.kind == Operand::dot) {
      return wrong(fmt::format("unexpected . after term {}", quote_go(operand.text)));
    }
    if (operand.kind == Operand::function) {
      auto call = std::make_shared<TemplatePipe>();
      call->commands.push_back({operand.position, operand.name, {operand}});
      operand.pipe = std::move(call);
      operand.kind = Operand::chain;
    }
    if (operand.kind == Operand::pipe) operand.kind = Operand::chain;
    // Go points messages about a chain at its second name.
    operand.position = peek().position;
    while (peek().kind == Kind::field) operand.fields.push_back(next().text.substr(1));
    return ok();
  }

  std::vector<TemplateToken> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  int loops_ = 0;
  std::vector<std::string> variables_ = {"$"};
  TemplateTree tree_;
};

}  // namespace

Result<TemplateTree> parse_template(std::string_view name, std::string_view source) {
  auto tokens = TRY(lex_template(name, source));
  return Parser(name, source, std::move(tokens)).run();
}

}  // namespace ctr::cli
