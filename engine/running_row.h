// The text of a row of the table of running containers (storage/running.h): what a listing shows of a container, in
// fields that are read without looking for anything.
//
// Fields are LENGTH:BYTES. Numbers are decimal, times nanoseconds since 1970. What is rarely there of the
// specification is one field of JSON.
#pragma once

#include <string>
#include <string_view>

#include "engine/engine.h"
#include "engine/record.h"
#include "runtime/state.h"

namespace ctr::engine {

// The part that does not change from start to start. `name` is the one that the container has, which is not always the
// record's.
std::string row_of_record(const ContainerRecord& record, std::string_view name);
// The row of a container that runs: `of_record` with what the start has added.
std::string running_row(std::string_view of_record, const runtime::StateRecord& state);

// What a row says, into `info`, whose memory it uses again; the row does not repeat the id. False, and `info` is of no
// use, for a row of another form or one that ends early.
bool read_running_row(std::string_view id, std::string_view row, ContainerInfo& info);

}  // namespace ctr::engine
