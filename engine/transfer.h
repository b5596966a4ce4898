// Transfers: pull, push and login run in `ctr-transfer`, a second program that links what they need (curl, OpenSSL,
// libarchive), so that commands which do not transfer start without those libraries.
//
//   ctr                                       ctr-transfer
//     posix_spawn, descriptors 3 and 4 ─────▶  reads the request: JSON on a sealed memfd, descriptor 3
//                                              works; draws progress on stderr, which is the user's; asks on stdin,
//                                              which is the user's terminal or nothing; load, import and cp read
//                                              stdin, save, export and cp write stdout, the user's
//     ◀── one JSON document on descriptor 4 ─  the answer, or an Error as data
//     waits for its end
//
// Credentials are in the memfd, never in the arguments. When ctr dies, so does ctr-transfer; what it has downloaded
// stays for the next try.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "base/result.h"
#include "engine/engine.h"
#include "engine/file_verbs.h"
#include "engine/image_verbs.h"
#include "engine/list_verbs.h"
#include "engine/store_check.h"
#include "engine/web.h"

namespace ctr::engine {

struct TransferRequest {
  enum class Verb {
    pull,
    push,
    login,
    stored_login,
    logout,
    logout_all,
    load,
    save,
    copy,
    export_,
    commit,
    import_,
    check,
    list_add,
    list_inspect,
    list_push,
    search,
    trust_show,
    trust_set,
    unpack,
    web,
    sign
  };
  Verb verb = Verb::pull;
  std::string reference;  // pull, list_inspect: as typed; push, list_push: the destination; login: the registry
  std::string image_id;   // push, list_push, unpack: which image or list, hex
  PullOptions pull;
  PushOptions push;
  LoginOptions login;
  bool debug = false;    // debug lines go to stderr
  bool may_ask = false;  // stdin is the terminal of a person
  LoadOptions load;
  SaveOptions save;
  std::vector<LoadedImage> images;  // save: which images, under which names
  CopyRequest copy;
  ExportRequest export_request;
  CommitRequest commit;
  ImportRequest import_request;
  AddRequest list_add;
  bool list_all = true;  // list_push: its images, too
  SearchOptions search;
  TrustOptions trust;
  CheckRequest check;
  std::vector<WebRequest> web;
  SignOptions sign;  // `reference` is what is signed
};
Json to_json(const TransferRequest& request);
Result<TransferRequest> transfer_request_from_json(const JsonReader& reader);

struct TransferAnswer {
  std::vector<std::string> image_ids;  // pull, commit, import: hex; more than one with --all-tags
  std::string digest;                  // push, list_push: of the manifest
  std::string username;                // stored_login
  std::string auth_file;               // login
  std::vector<LoadedImage> images;     // load
  std::string document;                // list_inspect, trust_show
  std::vector<SearchHit> hits;         // search
  std::vector<Damage> damages;         // check
  std::vector<WebAnswer> web;
};
Json to_json(const Result<TransferAnswer>& answer);
Result<TransferAnswer> transfer_answer_from_json(const Json& answer);

// The lean side: starts ctr-transfer and waits for its answer. With `connect` a request of `web` is over the connection
// that it makes once ctr-transfer runs, outside of whatever this process enters for it.
Result<TransferAnswer> run_transfer(const EngineOptions& options, TransferRequest request,
                                    const ConnectSocket& connect = {});
// A program that belongs to ctr ("ctr-transfer", "ctr-init"): beside our own binary, or in ../libexec/ctr.
// Errors: not_found.
Result<std::string> find_own_program(const EngineOptions& options, std::string_view name);

// The descriptors of ctr-transfer.
inline constexpr int k_transfer_request_fd = 3;
inline constexpr int k_transfer_answer_fd = 4;
inline constexpr int k_transfer_socket_fd = 5;  // of a request that is `connected`: where the connection comes from

// Asks a person which of several references a short name means; the answer's index. Errors: invalid, interrupted, io.
using ChooseReference =
    std::function<Result<size_t>(const std::string& short_name, const std::vector<std::string>& references)>;
// How ctr-transfer talks to the user; `choose` is empty when there is nobody to ask.
struct TransferFront {
  ProgressSink& progress;
  ChooseReference choose;
};
// The other side, linked into ctr-transfer only: does what the request says.
Result<TransferAnswer> perform_transfer(const EngineOptions& options, const TransferRequest& request,
                                        const TransferFront& front);
// The verbs that touch stored credentials only and talk to nobody: stored_login, logout, logout_all.
// Errors: not_found.
Result<TransferAnswer> manage_credentials(const EngineOptions& options, const TransferRequest& request);
// The main function of `ctr-transfer VERB` for the verbs of confined_worker.h. The exit code.
int run_worker_process(std::string_view verb);

}  // namespace ctr::engine
