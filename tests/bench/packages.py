# SPDX-License-Identifier: ISC
"""Launch through what a package manager makes, beside the program itself."""

import glob
import os
import subprocess
import sys
import unittest

import bench
import test_npm
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


def measure():
    try:
        test_npm.setUpModule()
        commands = {**of_npm(), **of_python()}
        samples = bench.launch(commands, bench.rounds(500, 50))
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
