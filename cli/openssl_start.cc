// OpenSSL asks the processor for its features when a program starts. In a virtual machine each of these questions goes
// to the host, and where that is one itself they take 0.15 ms together: as much as all that `ctr ps` computes. ctr
// hashes documents of some KiB, for which OpenSSL's code for any processor will do; layers are hashed in ctr-transfer,
// which is linked with the original. See ld(1) on --wrap and docs/decisions/023.
extern "C" void __wrap_OPENSSL_cpuid_setup();  // NOLINT(bugprone-reserved-identifier): the linker's name

void __wrap_OPENSSL_cpuid_setup() {}
