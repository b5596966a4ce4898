#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <utility>

#include "base/channel.h"
#include "base/memory.h"
#include "engine/network/proxy/part.h"
#include "engine/network/proxy/publisher.h"
#include "engine/network/proxy/resolver.h"
#include "engine/network/proxy/sandbox.h"

namespace ctr::engine::network {
namespace {

using Parts = std::vector<std::unique_ptr<ProxyPart>>;

Parts make_parts(ProxySite& site) {
  Parts parts;
  parts.push_back(std::make_unique<Publisher>(site));
  parts.push_back(std::make_unique<Resolver>(site));
  return parts;
}

class NetProxy {
 public:
  NetProxy(Channel control, EventLoop loop) : control_(std::move(control)), loop_(std::move(loop)) {}

  // Until the filter is loaded. What the monitor has said first is all there is to know.
  Result<void> begin() {
    auto message = TRY(control_.receive());
    if (!message || message->fds.size() != 1) return Error(Errc::invalid, "netproxy is started by a monitor only");
    const JsonReader reader(message->body, "start");
    const auto parent = static_cast<pid_t>(TRY(reader.get_int("monitor")));
    site_.descriptor_limit = raise_descriptor_limit();
    for (const auto& part : parts_) TRY(part->prepare_outside(TRY(settings_of(reader, *part))));
    TRY(join_network(message->fds.front()));
    // The last one shuts the files of the others away.
    for (const auto& part : parts_) TRY(part->prepare(TRY(settings_of(reader, *part))));
    // Nothing has been closed that much was opened after: the next number is that of those that are open.
    const Fd next(::fcntl(k_proxy_control, F_DUPFD_CLOEXEC, 0));
    if (!next.valid()) return Error::from_errno("count the descriptors of netproxy");
    site_.shares = share_descriptors(site_.descriptor_limit, static_cast<size_t>(next.get()));
    return confine_proxy(parent, reader.has(k_names_part) ? ProxyFiles::names : ProxyFiles::none);
  }

  Result<void> serve() {
    TRY(loop_.add(control_.fd(), EPOLLIN, [this](uint32_t) { on_control(); }));
    return loop_.run();
  }

  void tell(const Error& error) {
    control_.send(Json::object().set("error", to_json(error))).ignore("then it sees that netproxy has ended");
  }

 private:
  static size_t raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return 0;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_max;
  }

  static Result<JsonReader> settings_of(const JsonReader& start, const ProxyPart& part) {
    static const Json k_none = Json::object();
    const auto settings = TRY(start.find_object(part.name()));
    return settings ? *settings : JsonReader(k_none, "settings");
  }

  Result<void> read_addresses(const JsonReader& reader) {
    if (const auto addresses = TRY(reader.find_object("addresses"))) {
      site_.addresses = TRY(proxy_addresses_from_json(*addresses));
    }
    return ok();
  }

  void on_control() {
    auto message = control_.receive();
    if (!message || !*message) return loop_.stop();
    if (const auto done = take(std::move(**message)); !done) {
      tell(done.error());
      loop_.stop();
    }
  }

  Result<void> take(Message message) {
    const JsonReader reader(message.body, "message");
    const auto to = TRY(reader.get_string("to"));
    if (to == "proxy") {
      TRY(read_addresses(reader));
      return TRY(reader.bool_or("answer", false)) ? be_ready() : ok();
    }
    for (const auto& part : parts_) {
      if (part->name() == to) return part->on_message(reader, std::move(message.fds));
    }
    return reader.wrong("to", "a part of netproxy");
  }

  Result<void> be_ready() {
    TRY(control_.send(Json::object().set("ready", true)));
    // Nobody waits for this.
    if (!std::exchange(at_rest_, true)) shrink_to_rest();
    return ok();
  }

  Channel control_;
  EventLoop loop_;
  ProxySite site_{loop_, {}, 0, {}};
  Parts parts_ = make_parts(site_);
  bool at_rest_ = false;
};

}  // namespace

int run_netproxy() {
  // No process of the container may look into this one, whatever it shares with the host.
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) return 1;
  (void)::prctl(PR_SET_NAME, "ctr-netproxy");
  (void)::signal(SIGPIPE, SIG_IGN);
  if (!set_inherit(k_proxy_control, Inherit::no)) return 1;
  auto loop = EventLoop::create();
  if (!loop) return 1;
  NetProxy proxy(Channel(Fd(k_proxy_control)), std::move(*loop));
  if (const auto begun = proxy.begin(); !begun) {
    proxy.tell(begun.error());
    return 1;
  }
  return proxy.serve() ? 0 : 1;
}

}  // namespace ctr::engine::network
