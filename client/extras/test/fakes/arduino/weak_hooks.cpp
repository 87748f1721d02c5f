// The defaults that a library may override. In a file of their own, which defines nothing else: a compiler that sees a
// weak function beside its call may take it for the final one.

extern "C" {
__attribute__((weak)) bool verifyRollbackLater() { return false; }
__attribute__((weak)) bool verifyOta() { return true; }
}
