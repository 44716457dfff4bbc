# Tests of the load engine and of the verbs bench and soak.
add_library(echogw_load_echo_server STATIC engine/load_echo_server.cc)
target_include_directories(echogw_load_echo_server PUBLIC ${PROJECT_SOURCE_DIR})
target_link_libraries(echogw_load_echo_server
  PUBLIC echogw_load_engine GTest::gtest PRIVATE echogw_warnings)
echogw_test(NAME load_engine_test LABEL unit TIMEOUT 60
  SOURCES engine/connection_slots_test.cc engine/error_log_test.cc engine/latency_histogram_test.cc
          engine/load_rate_test.cc engine/load_run_test.cc engine/load_target_test.cc engine/measured_window_test.cc
          engine/pattern_test.cc engine/schedule_test.cc
  LIBS echogw_load_engine echogw_load_echo_server)
echogw_test(NAME load_bench_test LABEL unit TIMEOUT 60
  SOURCES load/bench_test.cc load/load_cli.cc load/udp_test.cc LIBS echogw_ctl echogw_load echogw_load_echo_server)
echogw_test(NAME load_soak_test LABEL unit TIMEOUT 60
  SOURCES load/load_cli.cc load/ledger_test.cc load/soak_test.cc
  LIBS echogw_ctl echogw_load echogw_fake_gateway echogw_load_echo_server)
