# Fixtures for tests of server/pool/: a pool on loopback and clients that check every byte.
set(here ${CMAKE_CURRENT_LIST_DIR})
add_library(echogw_pool_test_support STATIC EXCLUDE_FROM_ALL
  ${here}/pool_fixture.cc
  ${here}/pool_fixture.h
  ${here}/pool_load.cc
  ${here}/pool_load.h
  ${here}/pool_rlimit.h
  ${here}/pool_stream.cc
  ${here}/pool_stream.h)
target_link_libraries(echogw_pool_test_support PUBLIC echogw_pool echogw_test_support
                      PRIVATE echogw_warnings)
