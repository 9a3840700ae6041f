# SPDX-License-Identifier: ISC
"""Launch through what a package manager makes, beside the program itself."""

import glob
import os
import subprocess
import sys
import tempfile
import time
import unittest

import bench
import test_npm
import test_wheel
from bench import Command, spread, tool

NOTHING = tool('nothing')
RUN = ('-q', '--', NOTHING)
PROGRAM = os.path.join(test_npm.RELEASE, os.uname().machine, 'portexec')
THE_PROGRAM = 'the release program'


def of_npm():
    """{what: Command}; the projects are the tests' own."""
    def run(*words, every=1):
        return Command((*words, *RUN), every=every,
                       variables=test_npm.settings())

    def project(how):
        return test_npm.installed(how)
    return {
        THE_PROGRAM: run(PROGRAM),
        '`.bin/portexec` of npm': run(test_npm.shim('npm')),
        '`.bin/portexec` of Yarn 1': run(test_npm.shim('yarn1')),
        '`bin/portexec` of npm -g': run(test_npm.shim('npm-global')),
        '`.bin/portexec` of pnpm': run(test_npm.shim('pnpm'), every=2),
        'yarn portexec, Yarn 4': run(
            'node', test_npm.YARN4, '--cwd', project('yarn4'), 'portexec',
            every=50),
        'yarn portexec, Yarn 4 with PnP': run(
            'node', test_npm.YARN4, '--cwd', project('yarn4-pnp'), 'portexec',
            every=50),
        'node `bin/portexec`, as Yarn 4 runs it, Node 20': run(
            'node', test_npm.shim('npm'), every=20),
        'node `bin/portexec`, as Yarn 4 runs it, Node 24': run(
            test_npm.NODE24, test_npm.shim('npm'), every=20),
        'npx': run('npx', '--prefix', project('npm'), '--', 'portexec',
                   every=50),
    }


def of_python():
    """The wheel in an environment of its own, where it has been built."""
    wheels = glob.glob(f'{test_npm.RELEASE}/*{os.uname().machine}*.whl')
    if not wheels:
        return {}
    venv = os.path.join(test_npm.folder, 'venv')
    subprocess.run([sys.executable, '-m', 'venv', venv], check=True)
    subprocess.run([venv + '/bin/pip', 'install', '-q', '--no-index',
                    '--no-deps', wheels[0]], check=True)
    return {
        "`bin/portexec` of the wheel": Command((venv + '/bin/portexec', *RUN)),
        '`python -m portexec`': Command(
            (venv + '/bin/python', '-m', 'portexec', *RUN), every=20),
    }


def by_npm(folder):
    """README's first test of the package, run to its green end."""
    run, _ = test_npm.first_test(folder)
    subprocess.run(['sh', '-c', run], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL,
                   env=test_npm.clean_environment())


def by_pip(folder):
    """The same of the wheel, where pytest is there already."""
    test_wheel.make_venv(folder + '/venv', '--system-site-packages')
    test_wheel.pip(folder + '/venv', 'install',
                   test_wheel.wheel(os.uname().machine))
    with open(folder + '/test_web.py', 'w') as file:
        file.write(test_wheel.readme()[0])
    subprocess.run([folder + '/venv/bin/python', '-m', 'pytest', '-q'],
                   cwd=folder, check=True, stdout=subprocess.DEVNULL)


def first_tests():
    """{how: seconds of each round} from an empty folder to a green test."""
    ways = {'npm, `node --test`': by_npm}
    if test_wheel.wheel(os.uname().machine):
        ways['pip, pytest'] = by_pip
    seconds = {how: [] for how in ways}
    for _ in range(bench.rounds(5, 1)):
        for how, test in ways.items():
            with tempfile.TemporaryDirectory() as folder:
                begin = time.monotonic()
                test(folder)
                seconds[how].append(time.monotonic() - begin)
    return seconds


def measure():
    try:
        test_npm.setUpModule()
        commands = {**of_npm(), **of_python()}
        samples = bench.launch(commands, bench.rounds(500, 50))
        seconds = first_tests()
    except unittest.SkipTest as skip:
        raise SystemExit(f'packages: {skip}') from None
    finally:
        unittest.doModuleCleanups()
    more = {name: spread(bench.more(own, samples[THE_PROGRAM]))
            for name, own in samples.items()}
    ratios = {name: spread(
        one / other for one, other in pairs(own, samples[THE_PROGRAM]))
        for name, own in samples.items()}
    section = bench.Section('packages', 'Launch as a package')
    section.say(f'''
From the exec of what the package manager has put there to the first line of
main() of a static program that does nothing. The release program alone takes
{spread(one.begun for one in samples[THE_PROGRAM]).text()} µs; the rest is
compared with it, round by round.
''')
    section.table(
        ('what starts it', 'ratio to the program', 'adds, µs'),
        *((name, ratios[name].text(2), more[name].text())
          for name in commands if name != THE_PROGRAM))
    for name in ('`.bin/portexec` of npm', '`.bin/portexec` of Yarn 1'):
        section.goal(f'{name} adds at most 1.3 ms',
                     f'{more[name].median / 1000:.2f} ms',
                     more[name].median <= 1300)
    name = '`bin/portexec` of the wheel'
    if name in more:
        section.goal(f'{name} adds at most 0.1 ms',
                     f'{more[name].median / 1000:.2f} ms',
                     more[name].median <= 100)
    section.say('''
From an empty folder to the green end of README's first test, with a service
that the test starts. The package is installed from its file, as if it had been
downloaded before.
''')
    section.table(('what installs it and runs the test', 'seconds'),
                  *((how, spread(own).text(1))
                    for how, own in seconds.items()))
    for how, own in seconds.items():
        section.goal(f'{how}: a green test in less than 5 s',
                     f'{spread(own).median:.1f} s', spread(own).median < 5)
    return section


def pairs(samples, base):
    """The times of each and of the base's in the same round."""
    times = {sample.round: sample.begun for sample in base}
    return [(sample.begun, times[sample.round]) for sample in samples]


if __name__ == '__main__':
    found = measure()
    print(found.markdown())
    for goal in found.goals:
        print('met' if goal.met else 'MISSED', goal.what, goal.value)
