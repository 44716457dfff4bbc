# Tests of the verb top: its view without a terminal, and its calls against the fake gateway. The
# whole program in a terminal is tested by tests/e2e/top_test.py.
echogw_test(NAME top_view_test LABEL unit
  SOURCES top/cells_test.cc top/draw_test.cc top/model_test.cc top/ui_test.cc
  LIBS echogw_top echogw_fake_gateway)
echogw_test(NAME top_calls_test LABEL unit
  SOURCES cli_run.cc top/calls_test.cc top/command_test.cc
  LIBS echogw_ctl echogw_top echogw_fake_gateway)
