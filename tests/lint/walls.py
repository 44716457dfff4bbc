#!/usr/bin/python3
"""The walls of the house: who may include whom, one type a name, and how large a file or class may be.

Usage: tests/lint/walls.py CHECK [--root DIR] [--write]

  layers    The #include lines agree with tests/lint/layers.txt, which lists for each folder the
            project folders and the heavy libraries that it includes. The order
            reactor <- server -> proto <- ctl holds, and there is no new circle of folders.
            --write generates the table; its diff then shows the reviewer what is new.
  types     No type name is defined twice in one program.
  lengths   No source file has more than 400 lines.
  classes   No class has more than 25 fields or 30 functions.

Exit status: 0 holds, 1 violated (each violation is one line), 2 nothing to check.
"""
import argparse
import os
import re
import sys

TABLE = 'tests/lint/layers.txt'
PARTS = ('reactor', 'server', 'ctl')
PROGRAMS = {'echogw': ('reactor', 'server'), 'echogwctl': ('ctl',)}
LINES_MAX, FIELDS_MAX, FUNCTIONS_MAX = 400, 25, 30

# Libraries whose headers take long to compile or that belong to one layer alone, by how their
# include begins. Whatever else has a folder in its name and is not the system's is one as well.
LIGHT = re.compile(r'^(absl/(status|strings|time)/.*|(sys|net|netinet|arpa|linux|asm)/.*|[^/]*)$')
GENERATED = ('server/gen/',)
# Circles that stand today: a connection holds its session, and services work on connections.
CIRCLES = ({'reactor/connection', 'reactor/services'},)
FORBIDDEN = {
    'reactor': re.compile(r'^(server|ctl|tests|proto)\b|^(grpc|grpcpp|google|prometheus|spdlog|CLI|'
                          r'toml\+\+|boost|protobuf)\b'),
    'server': re.compile(r'^(ctl|tests)\b'),
    'ctl': re.compile(r'^(reactor|server|tests)\b'),
    'ctl/engine': re.compile(r'^(grpc|grpcpp|protobuf|proto)\b'),
}


def source_files(root, parts=PARTS, endings=('.h', '.cc')):
    """The paths below `root`, sorted; build folders and hidden ones are left out."""
    found = []
    for part in parts:
        for folder, folders, names in os.walk(os.path.join(root, part)):
            folders[:] = [f for f in folders if f not in ('build', '__pycache__', 'corpus')]
            found += [os.path.relpath(os.path.join(folder, n), root) for n in names
                      if n.endswith(endings)]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding='utf-8') as file:
        return file.read()


def without_comments(text):
    """Comments and the insides of literals are blanked, line ends kept."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.S)

    def blank(match):
        kept = '""' if match[0][0] in '"\'' else ' '
        return kept + '\n' * match[0].count('\n')
    text = re.sub(r'R"(\w*)\(.*?\)\1"', lambda m: '""' + '\n' * m[0].count('\n'), text, flags=re.S)
    return token.sub(blank, text)


# ---- layers ----

def includes(text):
    return re.findall(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)', text, re.M)


def library_of(name):
    """The name under which the table lists an include; None for the standard library and POSIX."""
    if name.startswith('echogw/') or name.startswith('grpc/health/'):
        return 'proto'
    if name.startswith('google/protobuf/'):
        return 'protobuf'
    if name.startswith('absl/'):
        return None if LIGHT.match(name) else 'absl/' + name.split('/')[1]
    # Some heavy libraries have no folder of their own.
    bare = {'zlib.h': 'zlib', 'curses.h': 'ncurses', 'ncurses.h': 'ncurses'}
    if name in bare:
        return bare[name]
    return None if LIGHT.match(name) else name.split('/')[0]


def folder_of(path):
    return os.path.dirname(path)


def edges(root, problems):
    """{folder: set of folders and libraries that its files include}"""
    table = {}
    for path in source_files(root):
        folder = folder_of(path)
        targets = table.setdefault(folder, set())
        for name in includes(read(root, path)):
            if re.search(r'(^|/)\.\.?/', name):
                problems.append(f'{path} includes {name}: paths begin at the root of the project')
            if name.startswith(GENERATED):
                continue
            part = name.split('/')[0]
            target = folder_of(name) if part in PARTS + ('tests',) else library_of(name)
            if target and target != folder:
                targets.add(target)
                for scope, forbidden in FORBIDDEN.items():
                    if (folder + '/').startswith(scope + '/') and forbidden.match(target):
                        problems.append(f'{path} may not include {name}')
    return table


def circles(table):
    """The sets of folders that reach each other by includes. The folder of a part as a whole
    (reactor/, server/, ctl/) composes its subfolders and holds the values that they share."""
    def reached(folder):
        found, todo = set(), [folder]
        while todo:
            for target in table.get(todo.pop(), ()):
                if target in table and target not in PARTS and target not in found:
                    found.add(target)
                    todo.append(target)
        return found
    reach = {folder: reached(folder) for folder in table if folder not in PARTS}
    sets = {tuple(sorted(other for other in reach[folder] if folder in reach[other]))
            for folder in reach if folder in reach[folder]}
    return sorted(sets)


def render(table):
    head = ('# What each folder includes: folders of the project, then libraries. Generated:\n'
            '# tests/lint/walls.py layers --write\n')
    return head + ''.join(f'{folder}: {" ".join(sorted(targets))}'.rstrip() + '\n'
                          for folder, targets in sorted(table.items()))


def check_layers(root, write=False):
    problems = []
    table = edges(root, problems)
    problems += [f'folders include each other in a circle: {" ".join(circle)}'
                 for circle in circles(table)
                 if not any(known >= set(circle) for known in CIRCLES)]
    if write:
        with open(os.path.join(root, TABLE), 'w', encoding='utf-8') as file:
            file.write(render(table))
        return problems
    have = read(root, TABLE).splitlines() if os.path.exists(os.path.join(root, TABLE)) else []
    want = render(table).splitlines()
    problems += [f'not in {TABLE}: {line}' for line in want if line not in have]
    problems += [f'in {TABLE}, but no longer so: {line}' for line in have if line not in want]
    return problems


# ---- types ----

TYPE = re.compile(r'^(?:template <[^\n]*>\n)?(?:class|struct|enum class|enum|union)\s+'
                  r'(?:\w+\([^)]*\)\s+|\[\[\w+\]\]\s+|alignas\([^)]*\)\s+)?(\w+)'
                  r'(?:\s+final)?\s*(?::(?!:)[^;{]*)?\{', re.M)


def check_types(root):
    problems = []
    for program, parts in PROGRAMS.items():
        seen = {}
        for path in source_files(root, parts):
            for name in TYPE.findall(without_comments(read(root, path))):
                if seen.setdefault(name, path) != path:
                    problems.append(f'{program} defines the type {name} in {seen[name]} '
                                    f'and in {path}')
    return problems


# ---- sizes ----

def check_lengths(root):
    problems = []
    parts = PARTS + ('proto', 'deploy', 'tests')
    for path in source_files(root, parts, ('.h', '.cc', '.py', '.sh', '.cmake')):
        lines = read(root, path).count('\n')
        if lines > LINES_MAX:
            problems.append(f'{path} has {lines} lines (at most {LINES_MAX}); split it')
    return problems


def classes(text):
    """Yields (name, body) of the classes and structs at namespace scope."""
    text = without_comments(text)
    for match in re.finditer(r'^(?:class|struct)\s+[^;{]*?(\w+)(?:\s+final)?\s*(?::(?!:)[^;{]*)?\{',
                             text, re.M):
        end = text.find('\n};', match.end())
        if end >= 0:
            yield match[1], text[match.end():end]


def members(body):
    """Counts (fields, functions) of a class body."""
    # What is in braces does not count: bodies, initialisers, nested types.
    flat = body
    while True:
        shorter = re.sub(r'\{[^{}]*\}(?=\s*[;,)])', '', flat)
        shorter = re.sub(r'\{[^{}]*\}', ';', shorter) if shorter == flat else shorter
        if shorter == flat:
            break
        flat = shorter
    flat = re.sub(r'\b(public|private|protected):', '', flat)
    flat = re.sub(r'\[\[\w+\]\]|\b(ECHOGW_\w+|\w*GUARDED_BY|alignas)\((?:[^()]|\([^()]*\))*\)', '',
                  flat)
    fields = functions = 0
    for statement in flat.split(';'):
        statement = ' '.join(statement.split())
        skip = re.match(r'(using|friend|static_assert|enum|class|struct|union|typedef|#)\b', statement)
        if not statement or skip or statement.startswith('template <> '):
            continue
        while re.search(r'<[^<>]*>', statement):
            statement = re.sub(r'<[^<>]*>', '', statement)
        declared = re.split(r'(?<!operator)(?<!operator=)=', statement)[0]
        if '(' in declared or 'operator' in declared:
            functions += not re.search(r'=\s*(delete|default)$', statement)
        elif not re.match(r'static constexpr\b|constexpr static\b', declared):
            fields += 1
    return fields, functions


def check_classes(root):
    problems = []
    for path in source_files(root):
        for name, body in classes(read(root, path)):
            fields, functions = members(body)
            if functions > FUNCTIONS_MAX:
                problems.append(f'{path}: {name} has {functions} functions '
                                f'(at most {FUNCTIONS_MAX}); split it')
            # A struct without functions is a value, which a table may well describe.
            if fields > FIELDS_MAX and functions > 0:
                problems.append(f'{path}: {name} has {fields} fields (at most {FIELDS_MAX}); '
                                'split it')
    return problems


CHECKS = {'types': check_types, 'lengths': check_lengths, 'classes': check_classes}


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('check', choices=['layers', *CHECKS])
    parser.add_argument('--root', default='.')
    parser.add_argument('--write', action='store_true')
    options = parser.parse_args(arguments)
    for part in PARTS:
        if not source_files(options.root, (part,)):
            print(f'walls: no source in {options.root}/{part}: nothing to check', file=sys.stderr)
            return 2
    if options.check == 'layers':
        problems = check_layers(options.root, options.write)
    else:
        problems = CHECKS[options.check](options.root)
    for problem in problems:
        print(f'walls: {problem}', file=sys.stderr)
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
