#include "tests/support/allocation_counter.h"

#include <cstdlib>
#include <new>

namespace {

bool counting = false;
std::size_t counted_allocations = 0;
std::size_t counted_bytes = 0;

void* Allocate(std::size_t bytes, std::size_t alignment) {
  if (counting) {
    ++counted_allocations;
    counted_bytes += bytes;
  }
  void* p = nullptr;
  if (::posix_memalign(&p, alignment, bytes) != 0) std::abort();
  return p;
}

}  // namespace

void* operator new(std::size_t bytes) { return Allocate(bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__); }
void* operator new[](std::size_t bytes) {
  return Allocate(bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(std::size_t bytes, std::align_val_t a) {
  return Allocate(bytes, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t bytes, std::align_val_t a) {
  return Allocate(bytes, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace echogw {

AllocationCounter::Scope::Scope() {
  counted_allocations = 0;
  counted_bytes = 0;
  counting = true;
}

AllocationCounter::Scope::~Scope() { counting = false; }

std::size_t AllocationCounter::allocations() { return counted_allocations; }
std::size_t AllocationCounter::bytes() { return counted_bytes; }

}  // namespace echogw
