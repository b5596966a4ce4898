#include "engine/network_verbs.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"
#include "base/text.h"
#include "engine/core.h"
#include "engine/filters.h"
#include "engine/network/links.h"
#include "engine/network_holder.h"
#include "engine/network_users.h"
#include "engine/networks.h"
#include "engine/plan_definition.h"
#include "engine/pod_create.h"
#include "engine/remove.h"
#include "runtime/attach.h"

namespace ctr::engine {

namespace {

using network::NetworkDefinition;
using Users = std::vector<storage::ContainerEntry>;

// Containers that are made again and again with the network while it is being removed.
constexpr int k_removal_attempts = 16;

std::vector<std::string> names_of(const Users& users) {
  std::vector<std::string> names;
  for (const auto& user : users) names.push_back(user.name.empty() ? user.id.text().substr(0, 12) : user.name);
  return names;
}

Error in_use(const std::string& name, const std::vector<std::string>& users) {
  return Error(Errc::in_use, fmt::format("\"{}\" has associated containers with it. Use -f to forcibly delete "
                                         "containers and pods: network is being used",
                                         name))
      .with_hint(fmt::format("it is in use by: {}", join(users, ", ")));
}

NetworkInfo info_of(const NetworkDefinition& definition, const Users& users) {
  NetworkInfo info;
  info.name = definition.name;
  info.id = definition.id;
  info.driver = definition.driver;
  info.created = definition.created;
  info.labels = definition.labels;
  info.definition = network::to_json(definition);
  info.is_default = definition.name == network::k_default_network;
  for (const auto& user : users) info.users.push_back(user.id.text());
  return info;
}

// "containers" of podman's `network inspect`: the running ones.
Json interfaces_json(const network::LinkState& state) {
  Json subnets = Json::array();
  for (const auto& entry : state.addresses) {
    Json subnet = Json::object().set("ipnet", fmt::format("{}/{}", entry.address.to_string(), entry.bits));
    if (entry.gateway) subnet.set("gateway", entry.gateway->to_string());
    subnets.push(std::move(subnet));
  }
  Json interface = Json::object();
  interface.set("subnets", std::move(subnets)).set("mac_address", network::to_string(state.mac));
  return Json::object().set(state.interface_name, std::move(interface));
}

Json members_json(const Core& core, const std::string& name, const Users& users) {
  Json out = Json::object();
  for (const auto& user : users) {
    const auto states = network::read_link_states(core.run_dir(user.id.text()));
    if (!states) continue;
    for (const auto& state : *states) {
      if (state.network != name) continue;
      Json member = Json::object();
      member.set("name", user.name).set("interfaces", interfaces_json(state));
      out.set(user.id.text(), std::move(member));
    }
  }
  return out;
}

std::vector<network::IpPrefix> host_routes() {
  return network::routed_prefixes(read_kernel_file("/proc/net/route").value_or(""),
                                  read_kernel_file("/proc/net/ipv6_route").value_or(""));
}

class LocalNetworkVerbs final : public NetworkVerbs {
 public:
  explicit LocalNetworkVerbs(Core& core) : core_(core) {}

  Result<std::string> create(const NetworkOptions& options) override {
    const auto networks = store();
    const auto lock = TRY(networks.lock(LockMode::exclusive, core_.cancel()));
    auto planned = plan_definition({options, random_hex(32), now(), TRY(networks.list(warn_of())), host_routes()});
    if (!planned && planned.error().code() == Errc::exists && options.ignore_existing) return options.name;
    const auto definition = TRY(std::move(planned));
    TRY(networks.write(definition));
    core_.record_event(object_event("network", "create", definition.id, definition.name));
    return definition.name;
  }

  Result<std::vector<NetworkInfo>> list(const std::vector<ContainerFilter>& filters) override {
    FilterContext context;
    context.now = now();
    TRY(network_matches({}, filters, context));
    const auto users = TRY(users_of_networks(core_));
    std::vector<NetworkInfo> out;
    for (const auto& definition : TRY(store().list(warn_of()))) {
      const auto found = users.find(definition.name);
      auto info = info_of(definition, found == users.end() ? Users{} : found->second.all());
      if (TRY(network_matches(info, filters, context))) out.push_back(std::move(info));
    }
    return out;
  }

  Result<NetworkInfo> find(const std::string& name_or_id) override {
    const auto definition = TRY(store().get(name_or_id));
    const auto users = TRY(find_network_users(core_, definition.name)).all();
    auto info = info_of(definition, users);
    info.definition.set("containers", members_json(core_, definition.name, users));
    return info;
  }

  Result<void> remove(const std::string& name_or_id, const RemoveOptions& options) override {
    const auto networks = store();
    const auto definition = TRY(networks.get(name_or_id));
    const auto& name = definition.name;
    if (name == network::k_default_network) {
      return Error(Errc::invalid, fmt::format("default network {} cannot be removed", name));
    }
    for (int attempt = 1;; ++attempt) {
      // Container locks come first: users go before the lock of networks is taken, and are looked for again with it.
      auto users = TRY(find_network_users(core_, name));
      if (users.empty()) {
        const auto lock = TRY(networks.lock(LockMode::exclusive, core_.cancel()));
        users = TRY(find_network_users(core_, name));
        if (users.empty()) {
          // Who is in it without a record that says so, as one that was disconnected by force.
          const auto members = network::live_members(core_.options().paths.run + "/net", name);
          if (!members.empty()) return in_use(name, members);
          TRY(networks.remove(name));
          // While the lock is held: afterwards a network of the same name may be there, with members.
          forget_members(name);
          break;
        }
      }
      if (!options.force || attempt == k_removal_attempts) return in_use(name, names_of(users.all()));
      TRY(remove_users(users, options));
    }
    core_.record_event(object_event("network", "remove", definition.id, name));
    return ok();
  }

  Result<void> connect(const std::string& container, NetworkAttachment wanted) override {
    const auto change = [&](NetworkChoice& choice) -> Result<Json> {
      TRY(settle_attachment(core_.options().paths.store, wanted, {}));
      for (const auto& entry : choice.networks) {
        if (entry.network == wanted.network) return already_connected(container, wanted.network);
      }
      TRY(settle_attachment(core_.options().paths.store, wanted, choice.networks));
      choice.networks.push_back(wanted);
      const auto plan = TRY(plan_link(core_.options().paths.store, wanted));
      return Json::object().set("connect", network::to_json(plan));
    };
    return record(TRY(change_networks(container, change, Failure::told)), "connect", wanted.network);
  }

  Result<void> disconnect(const std::string& container, const std::string& network, bool force) override {
    std::string name = network;
    const auto change = [&](NetworkChoice& choice) -> Result<Json> {
      // The definition may be gone while containers still name it.
      if (auto found = store().get(network)) name = found->name;
      const size_t before = choice.networks.size();
      std::erase_if(choice.networks, [&](const auto& entry) { return entry.network == name; });
      if (choice.networks.size() == before) {
        return Error(Errc::not_found, fmt::format("container {} is not connected to network {}: network is not "
                                                  "connected",
                                                  printable(container), printable(network)));
      }
      return Json::object().set("disconnect", name);
    };
    const auto failure = force ? Failure::ignored : Failure::told;
    return record(TRY(change_networks(container, change, failure)), "disconnect", name);
  }

  Result<void> reload(const ContainerId& id) override {
    return runtime::send_network_order(TRY(Dir::open(core_.run_dir(id.hex))), Json::object().set("reload", true));
  }

  Result<void> update(const std::string& name_or_id, const std::vector<std::string>& added,
                      const std::vector<std::string>& dropped) override {
    const auto networks = store();
    const auto lock = TRY(networks.lock(LockMode::exclusive, core_.cancel()));
    auto definition = TRY(networks.get(name_or_id));
    if (!definition.dns && !added.empty()) {
      return Error(Errc::invalid,
                   fmt::format("network {} has no names: it was made with --disable-dns", definition.name));
    }
    auto& servers = definition.dns_servers;
    for (const auto& text : dropped) {
      const auto found = std::find(servers.begin(), servers.end(), text);
      if (found == servers.end()) {
        return Error(Errc::not_found, fmt::format("unable to drop {}: it is no DNS server of network {}",
                                                  printable(text), definition.name));
      }
      servers.erase(found);
    }
    for (const auto& text : added) {
      const auto address = TRY(network::parse_ip_address(text)).to_string();
      if (std::find(servers.begin(), servers.end(), address) == servers.end()) servers.push_back(address);
    }
    TRY(networks.write(definition));
    const auto used = Dir::open(core_.options().paths.run + "/net/" + definition.name);
    return used ? network::show_definition(*used, definition) : ok();
  }

 private:
  enum class Failure { told, ignored };

  std::function<void(const Error&)> warn_of() const {
    return [this](const Error& error) { core_.warn(error.text()); };
  }
  NetworkStore store() const { return NetworkStore(core_.options().paths.store); }

  static Error already_connected(const std::string& container, const std::string& network) {
    return Error(Errc::exists, fmt::format("container {} is already connected to network \"{}\": network is already "
                                           "connected",
                                           printable(container), network));
  }

  Result<void> record(Event event, std::string_view status, const std::string& network) {
    event.type = "network";
    event.status = status;
    event.network = network;
    core_.record_event(std::move(event));
    return ok();
  }

  // Changes what is written down of a container or pod, and tells its monitor if it runs. `change` gives what is told.
  // Returns an event of whom it was.
  template <typename Change>
  Result<Event> change_networks(const std::string& name_or_id, Change change, Failure failure) {
    auto holder = TRY(NetworkHolder::open(core_, name_or_id));
    auto& choice = holder.spec().network;
    if (choice.mode != NetworkChoice::Mode::bridge) {
      return Error(Errc::bad_state,
                   fmt::format("\"{}\" is not supported: invalid network mode", network_mode_word(choice)))
          .with_hint(
              "only containers and pods that were made with --network NAME or --network bridge change their "
              "networks");
    }
    // None of them is removed before the record tells.
    const auto lock = TRY(store().lock(LockMode::shared, core_.cancel()));
    const Json order = TRY(change(choice));
    if (holder.runs()) {
      auto told = holder.tell(order);
      if (!told && failure == Failure::told) return std::move(told).error();
    }
    if (auto written = holder.write(); !written) {
      if (holder.runs() && order.find("connect") != nullptr) {
        holder.tell(Json::object().set("disconnect", choice.networks.back().network)).ignore("the first error is told");
      }
      return std::move(written).error();
    }
    return object_event("network", "", holder.id(), holder.name());
  }

  Result<void> remove_users(const NetworkUsers& users, const RemoveOptions& options) {
    RemoveOptions forced;
    forced.force = true;
    forced.timeout = options.timeout;
    for (const auto& user : users.containers) TRY(remove_container(core_, user, forced));
    for (const auto& pod : users.pods) TRY(remove_pod(core_, pod, {.force = true, .timeout = options.timeout}));
    return ok();
  }

  // Files of those who were in a network that is gone.
  void forget_members(const std::string& name) const {
    if (const auto dir = Dir::open(core_.options().paths.run + "/net")) {
      remove_tree(*dir, name).ignore("the directory of what runs ends with the session");
    }
  }

  Core& core_;
};

}  // namespace

std::unique_ptr<NetworkVerbs> make_network_verbs(Core& core) { return std::make_unique<LocalNetworkVerbs>(core); }

}  // namespace ctr::engine
