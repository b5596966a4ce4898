#include "engine/store_check.h"

namespace ctr::engine {

Json to_json(const CheckRequest& request) {
  return Json::object()
      .set("quick", request.quick)
      .set("repair", request.repair)
      .set("longestUnreferencedSeconds", int64_t{request.longest_unreferenced.count()});
}

Result<CheckRequest> check_request_from_json(const JsonReader& reader) {
  CheckRequest request;
  request.quick = TRY(reader.get_bool("quick"));
  request.repair = TRY(reader.get_bool("repair"));
  request.longest_unreferenced = std::chrono::seconds(TRY(reader.get_int("longestUnreferencedSeconds")));
  return request;
}

Json to_json(const std::vector<Damage>& damages) {
  Json list = Json::array();
  for (const auto& damage : damages) {
    list.push(Json::object()
                  .set("kind", damage.kind)
                  .set("id", damage.id)
                  .set("problem", damage.problem)
                  .set("images", Json::strings(damage.images))
                  .set("outcome", damage.outcome)
                  .set("repaired", damage.repaired));
  }
  return list;
}

Result<std::vector<Damage>> damages_from_json(const JsonReader& reader, std::string_view key) {
  std::vector<Damage> damages;
  for (const auto& element : TRY(reader.elements(key))) {
    Damage damage;
    damage.kind = TRY(element.get_string("kind"));
    damage.id = TRY(element.get_string("id"));
    damage.problem = TRY(element.get_string("problem"));
    damage.images = TRY(element.strings("images"));
    damage.outcome = TRY(element.string_or("outcome", ""));
    damage.repaired = TRY(element.get_bool("repaired"));
    damages.push_back(std::move(damage));
  }
  return damages;
}

}  // namespace ctr::engine
