// Runs a function in a child process and lets one of its system calls end it or fail.
#pragma once

#include <functional>

namespace ctr::storage::testing {

enum class Fault { kill, no_space, io_error, too_many_files };

struct Traced {
  bool is_hit = false;    // the call with that number was reached
  bool is_done = false;   // the function ran to its end and returned true
  bool is_crash = false;  // it ended by a signal that we did not send
};

// Counts the system calls of `act` that change files (and, for faults that are errors, those that open files), and
// strikes at the one with `number`, from 1. `act` runs in a forked child: what it changes in memory is lost.
Traced run_with_fault(Fault fault, int number, const std::function<bool()>& act);
// False where faults that are errors cannot be made (another processor, no ptrace).
bool can_inject_errors();

}  // namespace ctr::storage::testing
