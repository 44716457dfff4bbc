"""Proves that each wall can fail: plants one violation of a kind in a tree of its own, and expects
it to be named; a tree without one passes."""
import contextlib
import io
import os
import tempfile
import unittest

import walls

CLEAN = {
    'reactor/fine.h': '#pragma once\n#include <vector>\n',
    'reactor/base/more.cc': '#include <sys/epoll.h>\n#include <cstdint>\n'
                            '#include "absl/status/status.h"\n#include "reactor/fine.h"\nint a[2];\n',
    'server/fine.h': '#pragma once\n',
    'server/admin/more.cc': '#include <grpcpp/grpcpp.h>\n#include "reactor/fine.h"\n',
    'ctl/fine.h': '#pragma once\n',
    'ctl/engine/more.cc': '#include "ctl/fine.h"\n',
    'ctl/cli/more.cc': '#include "ctl/fine.h"\n#include <CLI/CLI.hpp>\n',
}


class Walls(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        for path, text in CLEAN.items():
            self.write(path, text)
        self.write(walls.TABLE, '')
        self.run_check('layers', '--write')

    def write(self, path, text, mode='w'):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, mode, encoding='utf-8') as file:
            file.write(text)

    def run_check(self, check, *options):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            code = walls.main([check, '--root', self.root, *options])
        return code, said.getvalue()

    def expect(self, check, text):
        code, said = self.run_check(check)
        self.assertIn(text, said)
        self.assertEqual(code, 1)

    def test_a_clean_tree_passes(self):
        for check in ('layers', *walls.CHECKS):
            self.assertEqual(self.run_check(check), (0, ''))

    def test_a_commented_include_is_none(self):
        self.write('reactor/base/more.cc', '// #include <grpcpp/grpcpp.h>\n', 'a')
        self.assertEqual(self.run_check('layers'), (0, ''))

    def test_forbidden_includes(self):
        for path, line, name in (
                ('reactor/base/more.cc', '#include <grpcpp/grpcpp.h>', 'grpcpp/grpcpp.h'),
                ('reactor/base/more.cc', '  #  include "prometheus/registry.h"',
                 'prometheus/registry.h'),
                ('reactor/base/more.cc', '#include <spdlog/spdlog.h>', 'spdlog/spdlog.h'),
                ('reactor/base/more.cc', '#include "server/fine.h"', 'server/fine.h'),
                ('reactor/base/more.cc', '#include "echogw/admin/v1/admin.pb.h"',
                 'echogw/admin/v1/admin.pb.h'),
                ('reactor/base/more.cc', 'int b[1]; // [\n#include "ctl/fine.h"', 'ctl/fine.h'),
                ('server/admin/more.cc', '#include "ctl/fine.h"', 'ctl/fine.h'),
                ('server/admin/more.cc', '#include "tests/support/fake.h"', 'tests/support/fake.h'),
                ('ctl/cli/more.cc', '#include "reactor/fine.h"', 'reactor/fine.h'),
                ('ctl/cli/more.cc', '#include <server/fine.h>', 'server/fine.h'),
                ('ctl/engine/more.cc', '#include <grpcpp/grpcpp.h>', 'grpcpp/grpcpp.h')):
            with self.subTest(line=line):
                self.write(path, CLEAN[path] + line + '\n')
                self.expect('layers', f'{path} may not include {name}')
                self.write(path, CLEAN[path])

    def test_a_relative_path(self):
        self.write('reactor/base/more.cc', '#include "../server/fine.h"\n', 'a')
        self.expect('layers', 'reactor/base/more.cc includes ../server/fine.h')

    def test_a_new_edge_between_folders(self):
        self.write('ctl/cli/more.cc', '#include "ctl/engine/more.h"\n', 'a')
        self.expect('layers', f'not in {walls.TABLE}: ctl/cli: CLI ctl ctl/engine')

    def test_a_new_library(self):
        self.write('reactor/base/more.cc', '#include <openssl/ssl.h>\n', 'a')
        self.expect('layers', f'not in {walls.TABLE}: reactor/base: openssl reactor')

    def test_an_edge_that_is_gone(self):
        self.write('ctl/cli/more.cc', '')
        self.expect('layers', f'in {walls.TABLE}, but no longer so: ctl/cli: CLI ctl')

    def test_a_circle(self):
        self.write('ctl/cli/more.cc', '#include "ctl/engine/more.h"\n', 'a')
        self.write('ctl/engine/more.cc', '#include "ctl/cli/more.h"\n', 'a')
        self.run_check('layers', '--write')
        self.expect('layers', 'include each other in a circle: ctl/cli ctl/engine')

    def test_a_type_defined_twice(self):
        self.write('server/one.h', 'class Endpoint : public Base {\n};\n')
        self.write('reactor/two.cc', 'struct ECHOGW_ROLE("thread") Endpoint final {\n};\n')
        self.write('ctl/three.h', '// struct Endpoint {\nclass Endpoint;\nstruct Endpoint::Of {\n};\n')
        self.expect('types', 'echogw defines the type Endpoint in reactor/two.cc and in server/one.h')
        self.assertNotIn('echogwctl', self.run_check('types')[1])

    def test_a_long_file(self):
        self.write('tests/unit/long.cc', '\n' * (walls.LINES_MAX + 1))
        self.expect('lengths', 'tests/unit/long.cc has 401 lines')

    def test_a_class_of_many_parts(self):
        functions = ''.join(f'  [[nodiscard]] int F{i}(int x = 1) const ECHOGW_ON(loop_);\n'
                            for i in range(15)) + '  Many& operator=(const Many&) = delete;\n'
        functions += ''.join(f'  int G{i}() {{ if (a) {{ b(); }} return 0; }}\n' for i in range(15))
        fields = ''.join(f'  std::map<int, std::function<void(int)>> a{i}_ ECHOGW_OF(loop_){{}};\n'
                         for i in range(12)) + ''.join(f'  int b{i}_ = F(1);\n' for i in range(13))
        self.write('ctl/many.h', f'class Many {{\n public:\n{functions}\n private:\n{fields}}};\n')
        self.assertEqual(self.run_check('classes'), (0, ''))
        self.write('ctl/many.h', f'class Many {{\n  void H();\n{functions}{fields}  int c_;\n}};\n')
        self.expect('classes', 'ctl/many.h: Many has 31 functions')
        self.expect('classes', 'ctl/many.h: Many has 26 fields')

    def test_a_tree_without_sources(self):
        code = walls.main(['layers', '--root', os.path.join(self.root, 'reactor')])
        self.assertEqual(code, 2)


if __name__ == '__main__':
    unittest.main()
