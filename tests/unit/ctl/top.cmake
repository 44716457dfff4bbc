# Tests of the verb top: its view without a terminal, its calls against the fake gateway, and the
# whole in tmux.
echogw_test(NAME top_view_test LABEL unit
  SOURCES top/cells_test.cc top/draw_test.cc top/model_test.cc top/ui_test.cc
  LIBS echogw_top echogw_fake_gateway)
echogw_test(NAME top_calls_test LABEL unit
  SOURCES cli_run.cc top/calls_test.cc top/command_test.cc
  LIBS echogw_ctl echogw_top echogw_fake_gateway)
echogw_test(NAME top_terminal_test LABEL integration
  SOURCES top/terminal_test.cc top/top_tmux.cc LIBS echogw_ctl echogw_fake_gateway)
target_compile_definitions(top_terminal_test PRIVATE ECHOGWCTL="$<TARGET_FILE:echogwctl>")
add_dependencies(top_terminal_test echogwctl)
