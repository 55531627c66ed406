// Throws across the edge, which no plugin may do.
#include <stdexcept>

extern "C" void throw_an_exception() { throw std::runtime_error("thrown across the edge"); }
